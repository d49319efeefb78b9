/* SPDX-License-Identifier: Apache-2.0 */
/* how: preset + 16 * filter before LZMA2, of which 0 is none; size: of the dictionary, in bytes. */
#include "update/decoder/remake_pack.h"

#include "lib/util.h"
#include "update/wire/remake_form.h"

#include <lzma.h>

#define PRESET_MAX 9u
#define MEMORY_MAX (64u << 20)

static void *take_xz(void *arena, size_t items, size_t size)
{
	return remake_arena_take(arena, items * size);
}

static void keep_xz(void *arena, void *p)
{
	(void)arena;
	(void)p;
}

static const lzma_vli before[] = { LZMA_VLI_UNKNOWN, LZMA_FILTER_X86, LZMA_FILTER_POWERPC,
				   LZMA_FILTER_IA64, LZMA_FILTER_ARM, LZMA_FILTER_ARMTHUMB,
				   LZMA_FILTER_SPARC };

static enum kb_err pack_xz(struct remake_arena *a, struct remake_how how, struct remake_bytes text,
			   uint8_t *out, size_t room, size_t *len)
{
	unsigned preset = how.how % 16, filter = how.how / 16;
	const lzma_allocator memory = { take_xz, keep_xz, a };
	lzma_options_lzma options;
	lzma_filter all[] = { { LZMA_VLI_UNKNOWN, NULL },
			      { LZMA_FILTER_LZMA2, &options },
			      { LZMA_VLI_UNKNOWN, NULL } };

	if (preset > PRESET_MAX || filter >= KB_ARRAY_LEN(before) ||
	    how.size < LZMA_DICT_SIZE_MIN || how.size > REMAKE_BLOCK_MAX ||
	    lzma_lzma_preset(&options, preset))
		return KB_EFORMAT;
	options.dict_size = how.size;
	all[0].id = before[filter];
	*len = 0;
	return lzma_stream_buffer_encode(filter == 0 ? all + 1 : all, LZMA_CHECK_CRC32, &memory,
					 text.p, text.len, out, len, room) == LZMA_OK
		       ? KB_OK
		       : KB_EFORMAT;
}

static enum kb_err unpack_xz(struct remake_arena *a, struct remake_bytes from, uint8_t *out,
			     size_t room, size_t *len)
{
	const lzma_allocator memory = { take_xz, keep_xz, a };
	uint64_t most = MEMORY_MAX;
	size_t in = 0;

	*len = 0;
	if (lzma_stream_buffer_decode(&most, 0, &memory, from.p, &in, from.len, out, len, room) !=
	    LZMA_OK)
		return KB_EFORMAT;
	return in == from.len ? KB_OK : KB_EFORMAT;
}

const struct remake_library remake_xz = { .pack = pack_xz, .unpack = unpack_xz };
