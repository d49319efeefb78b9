/* SPDX-License-Identifier: Apache-2.0 */
/* how: level + 16 * strategy; size: the logarithm of the window. */
#include "update/decoder/remake_pack.h"

#include <zlib.h>

#define MEMORY_LEVEL 8
#define WINDOW_MIN   9u
#define WINDOW_MAX   15u

static void *take_zlib(void *arena, unsigned items, unsigned size)
{
	return remake_arena_take(arena, (size_t)items * size);
}

static void keep_zlib(void *arena, void *p)
{
	(void)arena;
	(void)p;
}

static z_stream stream_of(struct remake_arena *a, struct remake_bytes in, uint8_t *out, size_t room)
{
	return (z_stream){
		.zalloc = take_zlib,
		.zfree = keep_zlib,
		.opaque = a,
		.next_in = (uint8_t *)(uintptr_t)in.p,
		.avail_in = (unsigned)in.len,
		.next_out = out,
		.avail_out = (unsigned)room,
	};
}

static enum kb_err pack_zlib(struct remake_arena *a, struct remake_how how,
			     struct remake_bytes text, uint8_t *out, size_t room, size_t *len)
{
	unsigned level = how.how % 16, strategy = how.how / 16;
	z_stream z = stream_of(a, text, out, room);

	if (level < 1 || level > 9 || strategy > Z_FIXED || how.size < WINDOW_MIN ||
	    how.size > WINDOW_MAX)
		return KB_EFORMAT;
	if (deflateInit2(&z, (int)level, Z_DEFLATED, (int)how.size, MEMORY_LEVEL, (int)strategy) !=
		    Z_OK ||
	    deflate(&z, Z_FINISH) != Z_STREAM_END)
		return KB_EFORMAT;
	*len = room - z.avail_out;
	return deflateEnd(&z) == Z_OK ? KB_OK : KB_EFORMAT;
}

static enum kb_err unpack_zlib(struct remake_arena *a, struct remake_bytes from, uint8_t *out,
			       size_t room, size_t *len)
{
	z_stream z = stream_of(a, from, out, room);

	if (inflateInit(&z) != Z_OK || inflate(&z, Z_FINISH) != Z_STREAM_END)
		return KB_EFORMAT;
	*len = room - z.avail_out;
	return inflateEnd(&z) == Z_OK && z.avail_in == 0 ? KB_OK : KB_EFORMAT;
}

const struct remake_library remake_zlib = { .pack = pack_zlib, .unpack = unpack_zlib };
