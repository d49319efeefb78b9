/* SPDX-License-Identifier: Apache-2.0 */
/* how: 0 is LZ4, else the level of LZ4HC; size: 0, or of a block that is filled, in bytes. */
#define LZ4_HC_STATIC_LINKING_ONLY
#define LZ4_STATIC_LINKING_ONLY
#include "update/decoder/remake_pack.h"

#include "update/wire/remake_form.h"

#include <lz4.h>
#include <limits.h>
#include <lz4hc.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

/* The levels above 9 take 64 KiB of the heap, which must neither grow then nor be given back. */
#define HEAP (100u << 10)

static void prepare_lz4(void)
{
	mallopt(M_TRIM_THRESHOLD, INT_MAX);
	/* bound: HEAP, once */
	free(malloc(HEAP));
}

/* The size of a state is asked for: a newer library may want more. */
static void *state_for(struct remake_arena *a, struct remake_how how)
{
	int size = how.how == 0 ? LZ4_sizeofState() : LZ4_sizeofStateHC();

	return how.how <= LZ4HC_CLEVEL_MAX ? remake_arena_take(a, (size_t)size) : NULL;
}

static enum kb_err pack_lz4(struct remake_arena *a, struct remake_how how, struct remake_bytes text,
			    uint8_t *out, size_t room, size_t *len)
{
	void *state = state_for(a, how);
	const char *in = (const char *)text.p;
	int n;

	if (state == NULL || how.size != 0)
		return KB_EFORMAT;
	n = how.how == 0 ? LZ4_compress_fast_extState(state, in, (char *)out, (int)text.len,
						      (int)room, 1)
			 : LZ4_compress_HC_extStateHC(state, in, (char *)out, (int)text.len,
						      (int)room, (int)how.how);
	*len = (size_t)n;
	return n > 0 ? KB_OK : KB_EFORMAT;
}

static enum kb_err unpack_lz4(struct remake_arena *a, struct remake_bytes from, uint8_t *out,
			      size_t room, size_t *len)
{
	int n = LZ4_decompress_safe((const char *)from.p, (char *)out, (int)from.len, (int)room);

	(void)a;
	*len = (size_t)n;
	return n >= 0 ? KB_OK : KB_EFORMAT;
}

/* As if more text followed. */
static bool lengthen(struct remake_arena *a, struct remake_bytes *text)
{
	uint8_t *p = remake_arena_take(a, text->len + REMAKE_LZ4_LENGTH);

	if (p == NULL)
		return false;
	memcpy(p, text->p, text->len);
	memset(p + text->len, 0, REMAKE_LZ4_LENGTH);
	*text = (struct remake_bytes){ p, text->len + REMAKE_LZ4_LENGTH };
	return true;
}

/* *taken: of the text. 0: nothing fits. */
static size_t fill_one(void *state, struct remake_how how, struct remake_bytes text, uint8_t *out,
		       size_t *taken)
{
	const char *in = (const char *)text.p;
	int len = (int)text.len, n;

	n = how.how == 0 ? LZ4_compress_destSize(in, (char *)out, &len, (int)how.size)
			 : LZ4_compress_HC_destSize(state, in, (char *)out, &len, (int)how.size,
						    (int)how.how);
	*taken = len > 0 ? (size_t)len : 0;
	return n > 0 && (uint32_t)n <= how.size && len > 0 ? (size_t)n : 0;
}

static enum kb_err fill_lz4(struct remake_arena *a, struct remake_how how, struct remake_bytes text,
			    uint8_t *out, uint32_t blocks)
{
	bool longer = how.how >= REMAKE_LZ4_LONG;
	size_t len, taken;
	void *state;

	how.how -= longer ? REMAKE_LZ4_LONG : 0;
	state = state_for(a, how);
	if (state == NULL || how.size == 0 || how.size > REMAKE_BLOCK_MAX ||
	    (longer && !lengthen(a, &text)))
		return KB_EFORMAT;
	for (; blocks > 0; blocks--, out += how.size) {
		len = fill_one(state, how, text, out, &taken);
		if (len == 0)
			return KB_EFORMAT;
		memmove(out + how.size - len, out, len);
		memset(out, 0, how.size - len);
		text.p += taken;
		text.len -= taken;
	}
	return KB_OK;
}

const struct remake_library remake_lz4 = {
	.pack = pack_lz4, .unpack = unpack_lz4, .fill = fill_lz4, .prepare = prepare_lz4
};
