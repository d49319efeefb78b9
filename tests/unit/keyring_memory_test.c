/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A keyring for which there is not enough memory: each allocation of OpenSSL fails once, and all of
 * them fail from each one on. What can be read of the retired keys then must not be less, or none
 * is trusted: a key that has lost its id is not found among them.
 */
#include "update/keys/keyring.h"
#include "tests/unit/folder.h"

#include <limits.h>
#include <openssl/crypto.h>

/* Two of Ed25519, and that of RFC 6979 A.2.5. Not made here: OpenSSL takes another allocator only
 * before it has done anything. */
#define P256                                                                                   \
	"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEYP7UuiVanTHJYet0xjVtaMBJuJI7Yfps5mliLmDyn7Z5A/4Q" \
	"CLi8maQa6elWKLxk8vGyDC1+n1F3o8KU1EYimQ=="
static const char *const keys[] = {
	"MCowBQYDK2VwAyEAAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=",
	P256,
	"MCowBQYDK2VwAyEAAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=",
};
#define NKEYS KB_ARRAY_LEN(keys)

/* ---------------------------------------------------------------- memory, made to fail */

static unsigned allocations, fail_at; /* counted from 1; 0: none fails */
static bool for_ever;

static bool fails(void)
{
	allocations++;
	return fail_at != 0 && (for_ever ? allocations >= fail_at : allocations == fail_at);
}

static void *failing_malloc(size_t n, const char *file, int line)
{
	return fails() ? NULL : malloc(n);
}

static void *failing_realloc(void *p, size_t n, const char *file, int line)
{
	return fails() ? NULL : realloc(p, n);
}

static void plain_free(void *p, const char *file, int line)
{
	free(p);
}

/* ---------------------------------------------------------------- fixture */

static void put(const char *to, unsigned i)
{
	folder_put(strf("%s%u.pem", to, i),
		   strf("-----BEGIN PUBLIC KEY-----\n%s\n-----END PUBLIC KEY-----\n", keys[i]));
}

static void setup_all(void)
{
	assert_int_equal(CRYPTO_set_mem_functions(failing_malloc, failing_realloc, plain_free), 1);
	folder_make();
}

/* ---------------------------------------------------------------- tests */

static void retire(unsigned i)
{
	folder_run("rm -rf * && mkdir " KEYRING_RETIRED_DIR);
	for (unsigned k = 0; k < NKEYS; k++)
		put("", k);
	put(KEYRING_RETIRED_DIR "/", i);
}

/* All of it, or nothing: a key that is missing takes what it signed along, and one that is retired
 * must not come back. False: there was no n-th allocation. */
static bool load(unsigned retired, unsigned n)
{
	static struct keyring k;
	enum kb_err err;
	bool reached;

	allocations = 0;
	fail_at = n;
	err = keyring_load(&k, folder);
	fail_at = 0;
	reached = allocations >= n;
	if (err != KB_OK)
		assert_int_equal(k.n, 0);
	else
		assert_true(k.n == NKEYS - 1 && k.nretired == 1);
	for (unsigned i = 0; i < k.n; i++)
		assert_string_not_equal(k.key[i].name, strf("%u", retired));
	keyring_free(&k);
	return reached;
}

/* OpenSSL has begun by then: while it does, it may crash for want of memory, and its process with
 * it. */
TEST(a_key_stays_retired_whatever_allocation_fails)
{
	for (unsigned retired = 0; retired < NKEYS; retired++) {
		retire(retired);
		assert_false(load(retired, UINT_MAX));
		for (unsigned ever = 0; ever < 2; ever++) {
			unsigned n = 1;

			for_ever = ever;
			while (load(retired, n))
				n++;
			assert_true(n > 50);
		}
	}
}

TEST_MAIN("keyring_memory", .first = setup_all, .last = folder_remove, .quiet = true)
