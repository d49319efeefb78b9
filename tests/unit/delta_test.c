/* SPDX-License-Identifier: Apache-2.0 */
#include "update/decoder/decoder_patch.h"
#include "update/wire/manifest_limits.h"
#include "tests/unit/patch.h"
#include "tests/unit/test.h"

#define LEN 4096u

static uint8_t seed_bytes[3 * LEN], out[LEN + 1], want[LEN], stored[1 << 20];
static struct patch d;
static uint64_t at;
static unsigned reads;
static bool bad;

static enum kb_err read_seed(void *ctx, uint64_t off, void *buf, size_t len)
{
	assert_true(off <= sizeof(seed_bytes) && len <= sizeof(seed_bytes) - off && len > 0);
	memcpy(buf, seed_bytes + off, len);
	reads++;
	return bad ? KB_EIO : KB_OK;
}

static const struct delta_seed seed = { .size = sizeof(seed_bytes), .read = read_seed };

static void begin(void)
{
	memset(&d, 0, sizeof(d));
	at = 0;
	bad = false;
	reads = 0;
	for (size_t i = 0; i < sizeof(seed_bytes); i++)
		seed_bytes[i] = (uint8_t)(i * 7 + i / 256);
}

static enum kb_err apply(void)
{
	enum kb_err err;

	out[LEN] = 0xa5;
	err = decoder_patch(out, LEN, at, stored, patch_stored(&d, stored, sizeof(stored)), &seed);
	assert_int_equal(out[LEN], 0xa5);
	return err;
}

static enum kb_err copy(void)
{
	return decoder_patch_copy(out, LEN, at, d.commands.p, d.commands.n, &seed);
}

TEST(a_copy_takes_pieces_of_the_seed_and_zeroes)
{
	at = LEN;
	patch_seed(&d, 1000, 0); /* where the chunk is */
	patch_command(&d, DELTA_ZERO, 96);
	patch_seed(&d, 2000, 0); /* the zeroes stand for so much of the seed */
	patch_seed(&d, 1000, -4096);
	OK(copy());
	assert_memory_equal(out, seed_bytes + LEN, 1000);
	assert_true(bytes_all(out + 1000, 96, 0));
	assert_memory_equal(out + 1096, seed_bytes + LEN + 1096, 2000);
	assert_memory_equal(out + 3096, seed_bytes + LEN + 3096 - 4096, 1000);
	assert_int_equal(reads, 3);
}

TEST(a_copy_has_no_literals)
{
	patch_command(&d, DELTA_LITERAL, LEN);
	FAILS(copy(), KB_EFORMAT);
}

TEST(a_patch_adds_words_and_has_bytes_of_its_own)
{
	memcpy(want, seed_bytes + 10, 3000);
	bytes_put32(want, bytes_get32(want) + 0xfffffff0);
	bytes_put32(want + 104, bytes_get32(want + 104) + 5);
	want[2999] = (uint8_t)(want[2999] + 3); /* what is left of a word */
	memset(want + 3000, 0x77, LEN - 3000);
	patch_seed(&d, 3000, 10);
	patch_word(&d, 0, 0xfffffff0);
	patch_word(&d, 100, 5);
	patch_word(&d, 2999 - 108, 0xabcdef03);
	patch_end(&d);
	patch_literal(&d, want + 3000, LEN - 3000);
	OK(apply());
	assert_memory_equal(out, want, LEN);
}

TEST(lengths_are_exact)
{
	begin();
	patch_seed(&d, LEN - 1, 0);
	patch_end(&d);
	FAILS(apply(), KB_EFORMAT); /* a byte is missing */
	patch_seed(&d, 2, 0);
	patch_end(&d);
	FAILS(apply(), KB_EFORMAT);
	begin();
	patch_seed(&d, 0, 0);
	patch_end(&d);
	patch_seed(&d, LEN, 0);
	patch_end(&d);
	FAILS(apply(), KB_EFORMAT); /* of nothing */
	begin();
	patch_command(&d, 0, LEN);
	FAILS(apply(), KB_EFORMAT); /* a type that is none */
}

TEST(all_streams_are_used_up)
{
	struct patch_stream *const s[] = { &d.commands, &d.gaps, &d.words, &d.literals };

	for (unsigned i = 0; i < KB_ARRAY_LEN(s); i++) {
		begin();
		patch_seed(&d, LEN, 0);
		patch_end(&d);
		OK(apply());
		s[i]->n += DELTA_WORD;
		FAILS(apply(), KB_EFORMAT);
	}
	begin();
	patch_literal(&d, seed_bytes, LEN);
	d.literals.n--;
	FAILS(apply(), KB_EFORMAT);
	begin();
	patch_seed(&d, LEN, 0);
	patch_word(&d, 8, 1);
	patch_end(&d);
	OK(apply());
	d.words.n--;
	FAILS(apply(), KB_EFORMAT);
	d.words.n++;
	d.gaps.n--;
	FAILS(apply(), KB_EFORMAT); /* no end */
}

TEST(words_lie_inside_of_their_command)
{
	for (unsigned gap = LEN - 4; gap <= LEN + 1; gap++) {
		begin();
		patch_seed(&d, LEN, 0);
		patch_word(&d, gap, 1);
		patch_end(&d);
		assert_int_equal(apply(), gap < LEN ? KB_OK : KB_EFORMAT);
	}
	begin();
	patch_seed(&d, LEN, 0);
	patch_word(&d, UINT64_MAX - 1, 1);
	patch_end(&d);
	FAILS(apply(), KB_EFORMAT);
}

TEST(nothing_is_read_outside_of_the_seed)
{
	static const int64_t outside[] = { -1, (int64_t)(2 * LEN) + 1, INT64_MAX, INT64_MIN };

	begin();
	patch_seed(&d, LEN, 2 * LEN);
	OK(copy());
	for (unsigned i = 0; i < KB_ARRAY_LEN(outside); i++) {
		begin();
		patch_seed(&d, LEN, outside[i]);
		FAILS(copy(), KB_EFORMAT);
		assert_int_equal(reads, 0);
	}
	begin();
	at = UINT64_MAX - 100;
	patch_seed(&d, LEN, 101);
	OK(copy()); /* counted modulo 2^64 */
	begin();
	bad = true;
	patch_seed(&d, LEN, 0);
	FAILS(copy(), KB_EIO);
}

TEST(a_chunk_has_so_many_commands)
{
	for (unsigned more = 0; more < 2; more++) {
		begin();
		for (unsigned i = 0; i < LEN / DELTA_COMMAND_BYTES - 1 + more; i++)
			patch_seed(&d, 1, 0);
		patch_seed(&d, LEN - (LEN / DELTA_COMMAND_BYTES - 1 + more), 0);
		assert_int_equal(copy(), more ? KB_EFORMAT : KB_OK);
	}
}

TEST(numbers_have_one_spelling)
{
	static const struct {
		const char *bytes;
		unsigned n;
		bool good;
	} c[] = {
		{ "\x00", 1, true },
		{ "\x7f", 1, true },
		{ "\x80\x01", 2, true },
		{ "\x80\x00", 2, false },
		{ "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10, true },
		{ "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10, false },
		{ "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\x00", 11, false },
		{ "\x80", 1, false },
		{ "", 0, false },
	};
	uint64_t v;

	for (unsigned i = 0; i < KB_ARRAY_LEN(c); i++) {
		const uint8_t *p = (const uint8_t *)c[i].bytes;
		struct delta_stream s = { p, p + c[i].n };

		assert_int_equal(delta_number(&s, &v), c[i].good ? KB_OK : KB_EFORMAT);
		assert_true(!c[i].good || s.at == s.end);
	}
}

static enum kb_err frame_of(const void *raw, size_t len)
{
	return decoder_patch(out, LEN, 0, stored, patch_frame(stored, sizeof(stored), raw, len),
			     &seed);
}

TEST(the_lengths_of_the_streams_are_those_of_the_frame)
{
	static uint8_t raw[1 << 17];
	size_t n;

	patch_seed(&d, LEN, 0);
	patch_end(&d);
	n = patch_raw(&d, raw);
	OK(frame_of(raw, n));
	FAILS(frame_of(raw, n - 1), KB_EFORMAT);
	FAILS(frame_of(raw, n + 1), KB_EFORMAT);
	FAILS(frame_of(raw, 2), KB_EFORMAT);
	raw[0] = 0x7f;
	FAILS(frame_of(raw, n), KB_EFORMAT);
	memset(raw, 0, sizeof(raw));
	FAILS(frame_of(raw, LEN + DELTA_MORE + 1), KB_EFORMAT); /* more than fits */
}

TEST(a_patch_is_one_frame_with_the_header_of_all)
{
	uint32_t n;

	patch_seed(&d, LEN, 0);
	patch_end(&d);
	n = patch_stored(&d, stored, sizeof(stored));
	OK(decoder_patch(out, LEN, 0, stored, n, &seed));
	FAILS(decoder_patch(out, LEN, 0, stored, n - 1, &seed), KB_EFORMAT);
	stored[n] = 0;
	FAILS(decoder_patch(out, LEN, 0, stored, n + 1, &seed), KB_EFORMAT);
	memcpy(stored + n, stored, n);
	FAILS(decoder_patch(out, LEN, 0, stored, 2 * n, &seed), KB_EFORMAT);
	stored[5] = DELTA_WINDOW;
	OK(decoder_patch(out, LEN, 0, stored, n, &seed));
	stored[5] = DELTA_WINDOW + 1;
	FAILS(decoder_patch(out, LEN, 0, stored, n, &seed), KB_EFORMAT);
	FAILS(decoder_patch(out, LEN, 0, stored, 0, &seed), KB_EFORMAT);
	FAILS(decoder_patch(out, MANIFEST_CHUNK_MAX + 1, 0, stored, n, &seed), KB_EINVAL);
}

static void init(void)
{
	FAILS(decoder_patch(out, LEN, 0, "\x28\xb5\x2f\xfd\0\x58\0", 7, &seed), KB_EINVAL);
	OK(decoder_patch_init());
}

TEST_MAIN("delta", .first = init, .set_up = begin)
