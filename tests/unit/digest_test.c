/* SPDX-License-Identifier: Apache-2.0 */
#include "update/crypto/digest.h"
#include "tests/unit/test.h"

#include <openssl/evp.h>

/* OpenSSL's calls go through here, so that each of them can be made to fail. */
static int fail_new, fail_init, fail_update, fail_final;

EVP_MD_CTX *EVP_MD_CTX_new(void)
{
	__typeof__(EVP_MD_CTX_new) *real = TEST_REAL(EVP_MD_CTX_new);

	return fail_new ? NULL : real();
}

int EVP_DigestInit_ex(EVP_MD_CTX *ctx, const EVP_MD *type, ENGINE *impl)
{
	__typeof__(EVP_DigestInit_ex) *real = TEST_REAL(EVP_DigestInit_ex);

	return fail_init ? 0 : real(ctx, type, impl);
}

int EVP_DigestUpdate(EVP_MD_CTX *ctx, const void *d, size_t cnt)
{
	__typeof__(EVP_DigestUpdate) *real = TEST_REAL(EVP_DigestUpdate);

	return fail_update ? 0 : real(ctx, d, cnt);
}

int EVP_DigestFinal_ex(EVP_MD_CTX *ctx, unsigned char *md, unsigned int *s)
{
	__typeof__(EVP_DigestFinal_ex) *real = TEST_REAL(EVP_DigestFinal_ex);

	return fail_final ? 0 : real(ctx, md, s);
}

static const char abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
static const char none[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

static void is(const uint8_t got[DIGEST_LEN], const char *want)
{
	char hex[2 * DIGEST_LEN + 1];

	bytes_hex(hex, got, DIGEST_LEN);
	assert_string_equal(hex, want);
}

TEST(known_answers)
{
	uint8_t out[DIGEST_LEN];
	struct digest d;

	OK(digest_init(&d));
	OK(digest_buf(&d, "abc", 3, out));
	is(out, abc);
	OK(digest_buf(&d, "", 0, out));
	is(out, none);
	digest_free(&d);
}

TEST(a_context_can_be_used_again_and_piece_by_piece)
{
	uint8_t out[DIGEST_LEN];
	struct digest d;

	OK(digest_init(&d));
	for (int i = 0; i < 3; i++) {
		OK(digest_begin(&d));
		OK(digest_add(&d, "a", 1));
		OK(digest_add(&d, "bc", 2));
		OK(digest_end(&d, out));
		is(out, abc);
	}
	/* What was begun and not ended leaves no trace. */
	OK(digest_begin(&d));
	OK(digest_add(&d, "x", 1));
	OK(digest_buf(&d, "abc", 3, out));
	is(out, abc);
	digest_free(&d);
	digest_free(&d); /* twice does no harm */
}

TEST(each_failure_of_openssl_is_seen)
{
	int *const fails[] = { &fail_init, &fail_update, &fail_final };
	uint8_t out[DIGEST_LEN];
	struct digest d;

	fail_new = 1;
	FAILS(digest_init(&d), KB_EIO);
	fail_new = 0;
	fail_init = 1;
	FAILS(digest_init(&d), KB_EIO);
	assert_null(d.ctx);
	fail_init = 0;
	FAILS(digest_begin(&d), KB_EIO); /* no context */
	OK(digest_init(&d));
	for (unsigned i = 0; i < 3; i++) {
		*fails[i] = 1;
		FAILS(digest_buf(&d, "abc", 3, out), KB_EIO);
		*fails[i] = 0;
	}
	OK(digest_buf(&d, "abc", 3, out));
	is(out, abc);
	digest_free(&d);
}

TEST_MAIN("digest")
