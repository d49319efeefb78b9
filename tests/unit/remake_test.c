/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/patch.h"
#include "tests/unit/test.h"
#include "update/bundle/manifest.h"
#include "update/decoder/remake.h"

#include <lz4.h>
#include <zlib.h>

#define SEED_LEN 65536u
#define AT	 1000u /* of the block in the seed */
#define TEXT	 20000u
#define LEN	 4096u

static uint8_t seed_bytes[SEED_LEN], text[TEXT], changed[TEXT], block[TEXT + 4096], out[LEN + 1],
	stored[1 << 20], content[1 << 20];
static struct remake r;
static struct remake_how how;
static size_t source_len, block_len;
static struct patch d;
static struct patch_stream sources, pieces;
static bool bad;

static enum kb_err read_seed(void *ctx, uint64_t off, void *buf, size_t len)
{
	assert_true(off <= SEED_LEN && len <= SEED_LEN - off && len > 0);
	memcpy(buf, seed_bytes + off, len);
	return bad ? KB_EIO : KB_OK;
}

static const struct delta_seed seed = { .size = SEED_LEN, .read = read_seed };

static size_t pack(enum remake_packer packer, const uint8_t *from, uint8_t *to, size_t room)
{
	struct remake_arena arena = { .p = r.arena, .size = sizeof(r.arena) };
	size_t len;

	OK(remake_library_of(packer)->pack(&arena, how, (struct remake_bytes){ from, TEXT }, to,
					   room, &len));
	return len;
}

/* The seed has the block of the text, and changed has one byte more; of it, the block is known. */
static void begin(enum remake_packer packer)
{
	static const struct remake_how hows[] = {
		{ 9, 15 }, { 6 + 16, 8192 }, { 15, 0 }, { 12, 0 }
	};

	memset(&d, 0, sizeof(d));
	memset(seed_bytes, 0x77, sizeof(seed_bytes));
	sources.n = pieces.n = 0;
	bad = false;
	how = hows[packer];
	OK(remake_init(&r));
	for (unsigned i = 0; i < TEXT; i++)
		text[i] = (uint8_t)(i / 7 * 31 + i % 3 * (i / 1000));
	memcpy(changed, text, TEXT);
	changed[500]++;
	source_len = pack(packer, text, seed_bytes + AT, SEED_LEN - AT);
	block_len = pack(packer, changed, block, sizeof(block));
}

static void put_source(uint64_t gap, uint64_t len, uint64_t plain)
{
	patch_number(&sources, gap);
	patch_number(&sources, len);
	patch_number(&sources, plain);
}

static void put_block(uint64_t len, uint64_t skip, uint64_t take)
{
	patch_number(&pieces, len << REMAKE_LEN_SHIFT | REMAKE_BLOCK);
	patch_number(&pieces, skip);
	patch_number(&pieces, take);
	patch_number(&pieces, how.how);
	patch_number(&pieces, how.size);
}

/* What makes the changed text of the unpacked one. */
static void put_text(void)
{
	patch_seed(&d, TEXT, (int64_t)SEED_LEN);
	patch_word(&d, 500, 1);
	patch_end(&d);
}

static uint32_t join(void)
{
	const struct patch_stream *const all[] = { &sources, &pieces,  &d.commands,
						   &d.gaps,  &d.words, &d.literals };
	static struct patch_stream head;
	size_t n;

	head.n = 0;
	for (unsigned i = 0; i < 6; i++)
		patch_number(&head, all[i]->n);
	memcpy(content, head.p, n = head.n);
	for (unsigned i = 0; i < 6; i++) {
		memcpy(content + n, all[i]->p, all[i]->n);
		n += all[i]->n;
	}
	return patch_frame(stored, sizeof(stored), content, n);
}

static enum kb_err make(enum remake_packer packer, size_t len)
{
	const struct remake_chunk c = { .packer = packer, .stored = stored, .stored_len = join() };
	enum kb_err err;

	out[len] = 0xa5;
	err = remake_chunk(&r, out, len, &c, &seed);
	assert_int_equal(out[len], 0xa5);
	return err;
}

static void begin_good(enum remake_packer packer)
{
	begin(packer);
	put_source(AT, source_len, TEXT);
	put_text();
}

TEST(a_block_is_made_again_by_each_compressor)
{
	for (unsigned p = 0; p < REMAKE_PACKERS; p++) {
		size_t take;

		begin_good(p);
		take = block_len < LEN - 10 ? block_len : LEN - 10;
		patch_number(&pieces, 10 << REMAKE_LEN_SHIFT | REMAKE_AS_IS);
		d.commands.n = d.gaps.n = d.words.n = 0;
		patch_literal(&d, "before ...", 10);
		patch_seed(&d, TEXT, (int64_t)SEED_LEN - 10);
		patch_word(&d, 500, 1);
		patch_end(&d);
		put_block(TEXT, 0, take);
		OK(make(p, 10 + take));
		assert_memory_equal(out, "before ...", 10);
		assert_memory_equal(out + 10, block, take);
	}
}

TEST(a_chunk_may_have_a_part_of_a_block)
{
	begin_good(REMAKE_ZLIB);
	put_block(TEXT, 3, 50);
	OK(make(REMAKE_ZLIB, 50));
	assert_memory_equal(out, block + 3, 50);
}

TEST(a_chunk_has_nothing_that_is_behind_its_block)
{
	begin_good(REMAKE_ZLIB);
	put_block(TEXT, block_len - 49, 50);
	FAILS(make(REMAKE_ZLIB, 50), KB_EFORMAT);
	begin_good(REMAKE_ZLIB);
	put_block(TEXT, UINT64_MAX - 10, 50);
	FAILS(make(REMAKE_ZLIB, 50), KB_EFORMAT);
}

TEST(a_block_fits_into_its_chunk)
{
	begin_good(REMAKE_ZLIB);
	put_block(TEXT, 0, 51);
	FAILS(make(REMAKE_ZLIB, 50), KB_EFORMAT);
	begin_good(REMAKE_ZLIB);
	put_block(TEXT, 0, 0);
	FAILS(make(REMAKE_ZLIB, 50), KB_EFORMAT);
}

TEST(a_block_of_the_seed_that_changed_is_no_text)
{
	begin_good(REMAKE_ZLIB);
	put_block(TEXT, 0, 50);
	seed_bytes[AT + 30] ^= 1;
	FAILS(make(REMAKE_ZLIB, 50), KB_EFORMAT);
	for (unsigned other = 0; other <= 2; other += 2) {
		begin(REMAKE_XZ);
		put_source(AT, source_len, TEXT - 1 + other);
		put_text();
		put_block(TEXT, 0, 50);
		FAILS(make(REMAKE_XZ, 50), KB_EFORMAT);
	}
	begin_good(REMAKE_LZ4);
	put_block(TEXT, 0, 50);
	bad = true;
	FAILS(make(REMAKE_LZ4, 50), KB_EIO);
}

TEST(blocks_lie_inside_of_the_seed)
{
	static const uint64_t wrong[][2] = { { SEED_LEN, 1 },
					     { UINT64_MAX, 1 },
					     { SEED_LEN - 10, 11 },
					     { 0, 0 },
					     { 0, REMAKE_BLOCK_MAX + 1 } };

	for (unsigned i = 0; i < 5; i++) {
		begin(REMAKE_ZLIB);
		put_source(AT, source_len, TEXT);
		put_source(wrong[i][0] - (wrong[i][0] < SEED_LEN ? 0 : AT + source_len),
			   wrong[i][1], 1);
		put_text();
		put_block(TEXT, 0, 50);
		FAILS(make(REMAKE_ZLIB, 50), KB_EFORMAT);
	}
}

/* 4 MiB of text is what the device has room for. */
TEST(the_seed_is_unpacked_in_bounded_memory)
{
	static uint8_t zeroes[REMAKE_BLOCK_MAX];
	struct remake_arena arena = { .p = r.arena, .size = sizeof(r.arena) };
	size_t len;

	for (unsigned n = 4; n <= 5; n++) {
		begin(REMAKE_ZLIB);
		OK(remake_zlib.pack(&arena, how, (struct remake_bytes){ zeroes, sizeof(zeroes) },
				    seed_bytes, SEED_LEN, &len));
		for (unsigned i = 1; i < n; i++)
			memcpy(seed_bytes + i * len, seed_bytes, len);
		for (unsigned i = 0; i < n; i++)
			put_source(0, len, sizeof(zeroes));
		patch_number(&pieces, 50 << REMAKE_LEN_SHIFT | REMAKE_AS_IS);
		patch_seed(&d, 50, (int64_t)SEED_LEN);
		patch_end(&d);
		if (n == 4)
			OK(make(REMAKE_ZLIB, 50));
		else
			FAILS(make(REMAKE_ZLIB, 50), KB_EFORMAT);
		arena.used = 0;
	}
}

TEST(the_text_of_a_chunk_is_bounded)
{
	unsigned fits = REMAKE_TEXT_MAX / REMAKE_BLOCK_MAX;

	for (unsigned n = fits; n <= fits + 1; n++) {
		begin(REMAKE_LZ4);
		how = (struct remake_how){ 0, 0 };
		for (unsigned i = 0; i < n; i++) {
			patch_command(&d, DELTA_ZERO, REMAKE_BLOCK_MAX);
			put_block(REMAKE_BLOCK_MAX, 0, 8);
		}
		if (n == fits)
			OK(make(REMAKE_LZ4, 8 * n));
		else
			FAILS(make(REMAKE_LZ4, 8 * n), KB_EFORMAT);
	}
	begin(REMAKE_LZ4);
	patch_command(&d, DELTA_ZERO, REMAKE_BLOCK_MAX + 1);
	put_block(REMAKE_BLOCK_MAX + 1, 0, 8);
	FAILS(make(REMAKE_LZ4, 8), KB_EFORMAT);
}

TEST(commands_end_with_their_piece)
{
	begin(REMAKE_ZLIB);
	patch_number(&pieces, 10 << REMAKE_LEN_SHIFT | REMAKE_AS_IS);
	patch_number(&pieces, 40 << REMAKE_LEN_SHIFT | REMAKE_AS_IS);
	patch_literal(&d, block, 50);
	FAILS(make(REMAKE_ZLIB, 50), KB_EFORMAT);
}

TEST(all_streams_are_used_up)
{
	begin_good(REMAKE_ZLIB);
	put_block(TEXT, 0, 50);
	patch_number(&d.gaps, 0);
	FAILS(make(REMAKE_ZLIB, 50), KB_EFORMAT);
	begin_good(REMAKE_ZLIB);
	put_block(TEXT, 0, 49);
	FAILS(make(REMAKE_ZLIB, 50), KB_EFORMAT);
}

TEST(a_chunk_has_so_many_commands_as_its_bytes_and_its_text_allow)
{
	for (unsigned n = 64; n <= 65; n++) {
		begin(REMAKE_ZLIB);
		patch_number(&pieces, 1024 << REMAKE_LEN_SHIFT | REMAKE_AS_IS);
		for (unsigned i = 1; i < n; i++)
			patch_command(&d, DELTA_ZERO, 1);
		patch_command(&d, DELTA_ZERO, 1024 - (n - 1));
		if (n == 64)
			OK(make(REMAKE_ZLIB, 1024));
		else
			FAILS(make(REMAKE_ZLIB, 1024), KB_EFORMAT);
	}
}

/* As much of the text as fits, and zeroes before what is shorter. */
TEST(blocks_are_filled)
{
	struct remake_arena arena = { .p = r.arena, .size = sizeof(r.arena) };
	size_t len = 0, done = 0;

	begin(REMAKE_LZ4);
	how = (struct remake_how){ 9, 100 };
	put_source(AT, source_len, TEXT);
	patch_seed(&d, TEXT, (int64_t)SEED_LEN);
	patch_end(&d);
	patch_number(&pieces, TEXT << REMAKE_LEN_SHIFT | REMAKE_FILL);
	patch_number(&pieces, 3);
	patch_number(&pieces, how.how);
	patch_number(&pieces, how.size);
	OK(make(REMAKE_LZ4, 300));
	for (unsigned i = 0; i < 3; i++, done += len) {
		const uint8_t *p = out + (size_t)i * 100;
		unsigned lead = 0;

		while (p[lead] == 0)
			lead++;
		OK(remake_lz4.unpack(&arena, (struct remake_bytes){ p + lead, 100 - lead }, block,
				     sizeof(block), &len));
		assert_memory_equal(block, text + done, len);
	}
}

TEST(filled_blocks_lie_inside_of_the_chunk)
{
	static const uint64_t wrong[][2] = { { 3, 100 }, { 0, 100 }, { 3, 0 }, { 1ull << 63, 2 } };

	for (unsigned i = 0; i < 4; i++) {
		begin(REMAKE_LZ4);
		put_source(AT, source_len, TEXT);
		patch_seed(&d, TEXT, (int64_t)SEED_LEN);
		patch_end(&d);
		patch_number(&pieces, TEXT << REMAKE_LEN_SHIFT | REMAKE_FILL);
		patch_number(&pieces, wrong[i][0]);
		patch_number(&pieces, 0);
		patch_number(&pieces, wrong[i][1]);
		FAILS(make(REMAKE_LZ4, 299), KB_EFORMAT);
	}
}

TEST(a_compressor_has_so_much_memory)
{
	struct remake_arena arena = { .p = r.arena, .size = sizeof(r.arena) };
	const struct remake_how large[] = {
		{ 9, 15 }, { 9, REMAKE_BLOCK_MAX }, { 22, 0 }, { 12, 0 }
	};
	uint8_t *most = calloc(1, REMAKE_BLOCK_MAX), *packed = calloc(1, REMAKE_BLOCK_MAX);
	bool fits[REMAKE_PACKERS];
	size_t len;

	assert_non_null(most);
	assert_non_null(packed);
	for (unsigned p = 0; p < REMAKE_PACKERS; p++) {
		arena.used = 0;
		fits[p] = remake_library_of(p)->pack(
				  &arena, large[p], (struct remake_bytes){ most, REMAKE_BLOCK_MAX },
				  packed, REMAKE_BLOCK_MAX, &len) == KB_OK;
	}
	assert_true(fits[REMAKE_ZLIB] && fits[REMAKE_LZ4]);
	assert_false(fits[REMAKE_XZ] || fits[REMAKE_ZSTD]);
	free(most);
	free(packed);
}

static unsigned long crc_of_lz4(unsigned level, const uint8_t *from, size_t len)
{
	struct remake_arena arena = { .p = r.arena, .size = sizeof(r.arena) };
	size_t n;

	OK(remake_library_of(REMAKE_LZ4)
		   ->pack(&arena, (struct remake_how){ level, 0 },
			  (struct remake_bytes){ from, len }, stored, sizeof(stored), &n));
	return crc32(0, stored, (unsigned)n);
}

/* LZ4 hashes words of the processor: where they are shorter, or of the other order of bytes, it
 * finds other matches. So the name says what makes the bytes that x86-64 makes. Level 0 hashes so
 * above 64 KiB only. */
TEST(lz4_has_another_name_where_it_makes_other_bytes)
{
	const char *name = manifest_form_name(READER_REMAKE_LZ4);
	bool same;

	for (unsigned i = 0, x = 1; i < 200000; i++) {
		x = x * 1103515245 + 12345;
		content[i] = (uint8_t) "etaoinsh"[x >> 28 & 7];
	}
	OK(remake_init(&r));
	same = crc_of_lz4(0, content, 200000) == 0xa7bcce24 &&
	       crc_of_lz4(9, content, 200000) == 0x966a32bb;
	if (same)
		assert_string_equal(name, MANIFEST_REMAKE "lz4-" LZ4_VERSION_STRING);
	else
		assert_string_not_equal(name, MANIFEST_REMAKE "lz4-" LZ4_VERSION_STRING);
}

TEST_MAIN("remake")
