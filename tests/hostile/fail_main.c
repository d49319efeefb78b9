/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each call of OpenSSL fails in turn, from the loading of the keys on: nothing that was not signed
 * may become better by that, and nothing may crash.
 *
 *	fail HELPER KEYS IMAGE BUNDLE... [verify-first]
 *
 * The first bundle is genuine, the others are not. A line for each bundle: how many calls failed,
 * how many of these cases ended with an install; and a line WRONG for each that broke the rule.
 */
#include "tests/hostile/world.h"

#include <openssl/evp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

static atomic_uint calls;
static unsigned fail_at; /* from 1; 0: never */
static bool stays;	 /* all the later ones too */
static int wrong_value;	 /* that a failing call which returns a number gives */

static bool fails(void)
{
	unsigned n = atomic_fetch_add(&calls, 1) + 1;

	return fail_at != 0 && (n == fail_at || (stays && n > fail_at));
}

/* Each gives its failure, or what the real one gives. `make` finds the names below by WRAP. */
#define WRAP(type, name, failure, params, args) \
	WORLD_WRAP(fails(), type, name, failure, params, args)

WRAP(EVP_MD_CTX *, EVP_MD_CTX_new, NULL, (void), ())
WRAP(const EVP_MD *, EVP_sha256, NULL, (void), ())
WRAP(const EVP_MD *, EVP_MD_CTX_get0_md, NULL, (const EVP_MD_CTX *c), (c))
WRAP(int, EVP_MD_get_size, wrong_value, (const EVP_MD *md), (md))
WRAP(int, EVP_DigestInit_ex, wrong_value, (EVP_MD_CTX * c, const EVP_MD *md, ENGINE *e), (c, md, e))
WRAP(int, EVP_DigestUpdate, wrong_value, (EVP_MD_CTX * c, const void *p, size_t len), (c, p, len))
WRAP(int, EVP_DigestFinal_ex, wrong_value, (EVP_MD_CTX * c, unsigned char *out, unsigned *len),
     (c, out, len))
WRAP(int, EVP_DigestVerifyInit, wrong_value,
     (EVP_MD_CTX * c, EVP_PKEY_CTX **p, const EVP_MD *md, ENGINE *e, EVP_PKEY *key),
     (c, p, md, e, key))
WRAP(int, EVP_DigestVerify, wrong_value,
     (EVP_MD_CTX * c, const unsigned char *sig, size_t n, const unsigned char *p, size_t len),
     (c, sig, n, p, len))
WRAP(int, EVP_DecodeBlock, wrong_value, (unsigned char *out, const unsigned char *in, int n),
     (out, in, n))
WRAP(EVP_PKEY *, EVP_PKEY_new_raw_public_key, NULL,
     (int type, ENGINE *e, const unsigned char *p, size_t len), (type, e, p, len))
WRAP(EVP_PKEY_CTX *, EVP_PKEY_CTX_new_from_name, NULL,
     (OSSL_LIB_CTX * lib, const char *name, const char *q), (lib, name, q))
WRAP(int, EVP_PKEY_fromdata_init, wrong_value, (EVP_PKEY_CTX * c), (c))
WRAP(int, EVP_PKEY_fromdata, wrong_value,
     (EVP_PKEY_CTX * c, EVP_PKEY **key, int what, OSSL_PARAM *params), (c, key, what, params))

/* ---------------------------------------------------------------- the rule */

static const uint8_t *image;
static uint64_t image_size;

static const char *broken(const struct world_verdict *v, bool genuine, bool verify_first)
{
	if (v->on_trial && !genuine)
		return "it is installed, and nobody signed it";
	if (!genuine && verify_first && v->slot_written)
		return "the slot was written to";
	return world_broken(v, &image, &image_size, 1);
}

struct sum {
	unsigned cases, installed;
};

static bool one(const char *name, int fd, const char *keys, bool genuine, bool verify_first,
		struct sum *sum)
{
	struct world_verdict v = { .err = KB_ENOENT, .why = "no keys" };
	const char *wrong;

	atomic_store(&calls, 0);
	if (world_keys(keys) == KB_OK)
		v = world_try(fd, false);
	if (atomic_load(&calls) < fail_at)
		return false;
	wrong = broken(&v, genuine, verify_first);
	sum->cases++;
	sum->installed += v.err == KB_OK;
	if (wrong != NULL)
		printf("WRONG\t%s, call %u%s, value %d: %s (%s)\n", name, fail_at,
		       stays ? " and all after it" : "", wrong_value, wrong, v.why);
	return true;
}

static void all_calls(const char *path, const char *keys, bool genuine, bool verify_first)
{
	int fd = world_open(path);
	struct sum sum = { 0, 0 };

	for (unsigned way = 0; way < 4; way++) {
		stays = way & 1;
		wrong_value = way & 2 ? -1 : 0;
		fail_at = 1;
		while (one(path, fd, keys, genuine, verify_first, &sum))
			fail_at++;
	}
	printf("%u\t%u\t%s\n", sum.cases, sum.installed, path);
	fail_at = 0;
	close(fd);
}

int main(int argc, char **argv)
{
	bool verify_first = world_begin(&argc, argv, 5);

	image = world_read_file(argv[3], &image_size);
	for (int i = 4; i < argc; i++)
		all_calls(argv[i], argv[2], i == 4, verify_first);
	return 0;
}
