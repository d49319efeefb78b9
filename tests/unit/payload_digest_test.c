/* SPDX-License-Identifier: Apache-2.0 */
/* payload-digest= by the words of FORMAT.md, whatever the pieces in which it is fed. */
#include "tests/unit/test.h"
#include "update/bundle/payload_digest.h"

#include <string.h>

#define MIB (1u << 20)

static uint8_t bytes[3 * MIB + 5];

static void expected(size_t len, uint8_t out[DIGEST_LEN])
{
	uint8_t list[4 * DIGEST_LEN];
	struct digest d;
	size_t n = 0;

	OK(digest_init(&d));
	for (size_t at = 0; at < len; at += MIB, n += DIGEST_LEN)
		OK(digest_buf(&d, bytes + at, len - at < MIB ? len - at : MIB, list + n));
	OK(digest_buf(&d, list, n, out));
	digest_free(&d);
}

static void in_pieces(struct payload_digest *p, size_t len, size_t piece)
{
	uint8_t want[DIGEST_LEN], got[DIGEST_LEN];

	expected(len, want);
	OK(payload_digest_begin(p));
	for (size_t at = 0; at < len; at += piece)
		OK(payload_digest_add(p, bytes + at, len - at < piece ? len - at : piece));
	OK(payload_digest_end(p, got));
	assert_memory_equal(got, want, DIGEST_LEN);
}

TEST(pieces_make_no_difference)
{
	static const size_t lens[] = { 0, 1, MIB - 1, MIB, MIB + 1, 2 * MIB, sizeof(bytes) };
	static const size_t pieces[] = { 4093, MIB - 1, MIB, MIB + 1, sizeof(bytes) };
	struct payload_digest p;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7 + i / 251);
	OK(payload_digest_init(&p));
	for (unsigned i = 0; i < KB_ARRAY_LEN(lens); i++)
		for (unsigned k = 0; k < KB_ARRAY_LEN(pieces); k++)
			in_pieces(&p, lens[i], pieces[k]);
	payload_digest_free(&p);
}

TEST_MAIN("payload digest")
