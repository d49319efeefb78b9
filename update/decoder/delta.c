/* SPDX-License-Identifier: Apache-2.0 */
#include "update/decoder/delta.h"

#include "lib/bytes.h"
#include "update/wire/delta_form.h"

#include <string.h>

#define VARINT_LAST 63u /* the shift of the tenth byte, of which one bit is left */

static size_t left_in(const struct delta_stream *s)
{
	return (size_t)(s->end - s->at);
}

enum kb_err delta_number(struct delta_stream *s, uint64_t *out)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift <= VARINT_LAST && s->at < s->end; shift += 7) {
		uint8_t b = *s->at++;

		if (shift == VARINT_LAST && b > 1)
			return KB_EFORMAT;
		v |= (uint64_t)(b & 0x7f) << shift;
		if (b & 0x80)
			continue;
		if (b == 0 && shift > 0)
			return KB_EFORMAT;
		*out = v;
		return KB_OK;
	}
	return KB_EFORMAT;
}

enum kb_err delta_split(struct delta_stream all, struct delta_stream *const streams[], unsigned n)
{
	uint64_t len[DELTA_STREAMS_MAX];

	if (n > DELTA_STREAMS_MAX)
		return KB_EINVAL;
	for (unsigned i = 0; i < n; i++)
		TRY(delta_number(&all, &len[i]));
	for (unsigned i = 0; i < n; i++) {
		if (len[i] > (uint64_t)(all.end - all.at))
			return KB_EFORMAT;
		*streams[i] = (struct delta_stream){ all.at, all.at + len[i] };
		all.at += len[i];
	}
	return all.at == all.end ? KB_OK : KB_EFORMAT;
}

/* Adds the next word at p, where `left` bytes are; of fewer than four, the low ones count. */
static enum kb_err add_word(struct delta_making *m, uint8_t *p, size_t left, size_t *used)
{
	uint8_t word[DELTA_WORD] = { 0 };

	*used = left < DELTA_WORD ? left : DELTA_WORD;
	if (left_in(&m->s.words) < DELTA_WORD)
		return KB_EFORMAT;
	memcpy(word, p, *used);
	bytes_put32(word, bytes_get32(word) + bytes_get32(m->s.words.at));
	memcpy(p, word, *used);
	m->s.words.at += DELTA_WORD;
	return KB_OK;
}

/* The gaps of one command lead from word to word, up to a zero. */
static enum kb_err add_words(struct delta_making *m, uint8_t *p, size_t len)
{
	size_t pos = 0, used;
	uint64_t gap;

	for (;;) {
		TRY(delta_number(&m->s.gaps, &gap));
		if (gap == 0)
			return KB_OK;
		if (gap - 1 >= len - pos)
			return KB_EFORMAT;
		pos += (size_t)gap - 1;
		TRY(add_word(m, p + pos, len - pos, &used));
		pos += used;
	}
}

static enum kb_err from_seed(struct delta_making *m, uint8_t *p, size_t len)
{
	uint64_t zigzag, off;

	TRY(delta_number(&m->s.commands, &zigzag));
	off = m->expected + ((zigzag >> 1) ^ (0 - (zigzag & 1)));
	if (off > m->seed->size || len > m->seed->size - off)
		return KB_EFORMAT;
	TRY(m->seed->read(m->seed->ctx, off, p, len));
	m->expected = off + len;
	return m->patching ? add_words(m, p, len) : KB_OK;
}

static enum kb_err from_literals(struct delta_making *m, uint8_t *p, size_t len)
{
	if (len > left_in(&m->s.literals))
		return KB_EFORMAT;
	memcpy(p, m->s.literals.at, len);
	m->s.literals.at += len;
	m->expected += len;
	return KB_OK;
}

static enum kb_err one_command(struct delta_making *m)
{
	uint8_t *p = m->dst + m->done;
	uint64_t v, len;

	TRY(delta_number(&m->s.commands, &v));
	len = v >> DELTA_LEN_SHIFT;
	if (len == 0 || len > m->len - m->done)
		return KB_EFORMAT;
	m->done += (size_t)len;
	switch (v & DELTA_TYPE_MASK) {
	case DELTA_SEED:
		return from_seed(m, p, (size_t)len);
	case DELTA_LITERAL:
		return from_literals(m, p, (size_t)len);
	case DELTA_ZERO:
		memset(p, 0, (size_t)len);
		m->expected += len;
		return KB_OK;
	default:
		return KB_EFORMAT;
	}
}

enum kb_err delta_make(struct delta_making *m, void *dst, size_t len)
{
	m->dst = dst;
	m->len = len;
	m->done = 0;
	for (; m->done < m->len; m->left--) {
		if (m->left == 0)
			return KB_EFORMAT;
		TRY(one_command(m));
	}
	return KB_OK;
}

enum kb_err delta_end(const struct delta_making *m)
{
	return left_in(&m->s.commands) + left_in(&m->s.gaps) + left_in(&m->s.words) +
				       left_in(&m->s.literals) ==
			       0
		       ? KB_OK
		       : KB_EFORMAT;
}

static enum kb_err make_chunk(struct delta_making *m, void *dst, size_t len)
{
	m->left = len / DELTA_COMMAND_BYTES;
	TRY(delta_make(m, dst, len));
	return delta_end(m);
}

enum kb_err delta_copy(void *dst, size_t len, uint64_t at, const struct delta_stream *commands,
		       const struct delta_seed *seed)
{
	struct delta_making m = { .seed = seed, .s = { .commands = *commands }, .expected = at };

	return make_chunk(&m, dst, len);
}

enum kb_err delta_patch(void *dst, size_t len, uint64_t at, const struct delta_streams *s,
			const struct delta_seed *seed)
{
	struct delta_making m = { .seed = seed, .s = *s, .patching = true, .expected = at };

	return make_chunk(&m, dst, len);
}
