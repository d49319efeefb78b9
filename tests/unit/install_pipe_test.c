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

static void fill_image(void)
{
	for (unsigned i = 0; i < sizeof(image); i++)
		image[i] = (uint8_t)(i / 64 + i / CHUNK * 3 + 1);
}

TEST_MAIN("install_pipe", .first = fill_image, .quiet = true, .decoder = decoder_main)
