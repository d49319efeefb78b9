/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A decoder that was taken over writes at the worst time: between the copy and the digest, and
 * after the digest. What it does is done by digest_buf() here, which knows when that is.
 */
#define digest_buf watched_digest_buf
#include "update/decoder/decoder_main.h"
#include "update/install/install_pipe.c"
#undef digest_buf

enum kb_err digest_buf(struct digest *d, const void *p, size_t len, uint8_t out[DIGEST_LEN]);

#include "tests/unit/install_fixture.h"
#include "tests/unit/test.h"

#define CHUNK  16384u
#define CHUNKS 9u

static uint8_t image[CHUNK * CHUNKS];
static struct install_pipe *under_attack;
static unsigned digests;

/* All of what a decoder can write to. */
static void overwrite(const struct install_pipe *p, uint8_t with)
{
	if (p != NULL && p->decoding)
		memset(p->dec.worker.shared, with, (size_t)DECODER_SLOTS * p->dec.area);
}

/* Each answer is awaited before: what was asked for later is not in the way then. */
enum kb_err watched_digest_buf(struct digest *d, const void *p, size_t len, uint8_t out[DIGEST_LEN])
{
	enum kb_err err;

	overwrite(under_attack, 0xee);
	err = digest_buf(d, p, len, out);
	overwrite(under_attack, 0x11);
	digests++;
	return err;
}

/* One chunk in flight at a time, so that nothing but the answer is overwritten. */
TEST(what_the_decoder_does_later_changes_nothing)
{
	const struct fixture_image im = { "root", image, sizeof(image), CHUNK, false };
	const struct fixture_bundle b = {
		.image = &im, .nimages = 1, .version = "2.0", .sequence = 2
	};
	static struct reader reader;
	static struct install_pipe p;
	struct install_pipe_chunk c;
	struct digest digest;
	int fd = fixture_make(&b);

	OK(digest_init(&digest));
	OK(reader_open(&reader, fd, false, (uint64_t)lseek(fd, 0, SEEK_END), NULL));
	p = (struct install_pipe){ .r = &reader, .helper = "/proc/self/exe", .digest = &digest };
	for (unsigned i = 0; i < CHUNKS; i++) {
		under_attack = NULL;
		install_pipe_close(&p);
		OK(install_pipe_begin(&p, 0, &reader.m.encoding[0]));
		for (unsigned k = 0; k < i; k++)
			OK(reader_walk_next(&p.walk, &c.c));
		under_attack = &p;
		OK(install_pipe_next(&p, &c));
		overwrite(&p, 0x77); /* and while it is written to the slot */
		assert_int_equal(c.c.index, i);
		assert_memory_equal(c.plain, image + i * CHUNK, CHUNK);
	}
	assert_true(digests >= CHUNKS);
	install_pipe_close(&p);
	reader_close(&reader);
	digest_free(&digest);
	close(fd);
}

/* ---------------------------------------------------------------- frames, of which some is there
 */

#define BIG_CHUNK  65536u
#define BIG_CHUNKS 256u /* 16 MiB: more than a frame and all that it refers to */
#define PER_FRAME  64u

static uint8_t big[(size_t)BIG_CHUNK * BIG_CHUNKS];
static bool there[BIG_CHUNKS];
static unsigned held;

static bool is_there(void *ctx, const struct reader_chunk *c)
{
	(void)ctx;
	return there[c->index];
}

static enum kb_err give_held(void *ctx, const struct reader_chunk *c, void *buf)
{
	assert_true(there[c->index]);
	memcpy(buf, (const uint8_t *)ctx + (size_t)c->index * BIG_CHUNK, c->len);
	held++;
	return KB_OK;
}

/* Noise that comes again: half of each chunk is taken from chunks before, near and far. Some chunks
 * are zeroes. */
static void fill_big(void)
{
	unsigned seed = 1;

	for (unsigned i = 0; i < BIG_CHUNKS; i++) {
		uint8_t *p = big + (size_t)i * BIG_CHUNK;

		if (i % 29 == 7)
			continue;
		for (unsigned k = 0; k < BIG_CHUNK; k++) {
			seed = seed * 1103515245u + 12345u;
			p[k] = (uint8_t)(seed >> 24);
		}
		for (unsigned k = 1; k <= 16 && k * 6 <= i; k++)
			memcpy(p + k * 2048, big + (size_t)(i - k * 6) * BIG_CHUNK + k * 1024,
			       2048);
	}
}

static void read_big(struct install_pipe *p)
{
	struct install_pipe_chunk c;
	unsigned i;

	OK(install_pipe_begin(p, 0, &p->r->m.encoding[0]));
	for (i = 0; i < BIG_CHUNKS; i++) {
		const uint8_t *want = big + (size_t)i * BIG_CHUNK;

		OK(install_pipe_next(p, &c));
		EQUAL((c.c.index, i), (c.had, there[i] && c.c.form != READER_ZERO));
		if (c.plain != NULL)
			assert_memory_equal(c.plain, want, BIG_CHUNK);
		else if (!c.had)
			assert_true(bytes_all(want, BIG_CHUNK, 0));
	}
	FAILS(install_pipe_next(p, &c), KB_ENOENT);
	EQUAL((p->gap.known, 0), (p->dec.asked, p->dec.answered));
}

/* In runs, of lengths that go from one chunk to more than is ever needed of a gap. */
static void choose_there(unsigned seed)
{
	for (unsigned i = 0, is = seed & 1; i < BIG_CHUNKS; is = !is) {
		unsigned run;

		seed = seed * 1103515245u + 12345u;
		run = 1 + (seed >> 20) % (seed >> 16 & 1 ? 4 : 200);
		for (; run > 0 && i < BIG_CHUNKS; run--)
			there[i++] = is;
	}
}

TEST(what_is_there_already_is_passed_over_in_any_pattern)
{
	const struct fixture_image im = { "root", big, sizeof(big), BIG_CHUNK, false };
	const struct fixture_bundle b = {
		.image = &im, .nimages = 1, .version = "2.0", .sequence = 2, .per_frame = PER_FRAME
	};
	static struct reader reader;
	static struct install_pipe p;
	struct digest digest;
	int fd;

	under_attack = NULL;
	fill_big();
	fd = fixture_make(&b);
	OK(digest_init(&digest));
	OK(reader_open(&reader, fd, false, (uint64_t)lseek(fd, 0, SEEK_END), NULL));
	assert_true(reader.m.encoding[0].payload_len < sizeof(big) * 3 / 4);
	p = (struct install_pipe){ .r = &reader, .helper = "/proc/self/exe", .digest = &digest };
	read_big(&p);
	p.have = is_there;
	p.held = give_held;
	p.ctx = big;
	for (unsigned seed = 0; seed < 24; seed++) {
		choose_there(seed);
		read_big(&p);
	}
	assert_true(held > 0);
	held = 0;
	memset(there, 1, sizeof(there));
	read_big(&p);
	assert_int_equal(held, 0); /* nothing is read for what nobody needs */
	there[BIG_CHUNKS - 1] = false;
	read_big(&p);
	/* The text before the frame, and none of the frame itself. */
	assert_true(held * BIG_CHUNK >= MANIFEST_HISTORY &&
		    held * BIG_CHUNK < MANIFEST_HISTORY + BIG_CHUNK);
	install_pipe_close(&p);
	reader_close(&reader);
	digest_free(&digest);
	close(fd);
}

static void fill_image(void)
{
	for (unsigned i = 0; i < sizeof(image); i++)
		image[i] = (uint8_t)(i / 64 + i / CHUNK * 3 + 1);
}

TEST_MAIN("install_pipe", .first = fill_image, .quiet = true, .decoder = decoder_main)
