/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every kind of key with every kind of signature, as it stands to the keyring; and every set of
 * signers with every number of signatures that may be required.
 */
#include "cli/key/key_file.h"
#include "update/keys/keyring.h"
#include "update/wire/keyring_survey.h"
#include "tests/unit/folder.h"

#include <openssl/ecdsa.h>
#include <openssl/evp.h>

#define CAP   16384
#define NKEYS 4 /* of them 0 and 2 are Ed25519, 1 and 3 P-256 */

static struct key_file key[NKEYS];
static uint8_t header[512], area[CAP];
static size_t area_len;
static struct keyring ring;

static void setup_all(void)
{
	static const char *const names[NKEYS] = { "0", "1", "2", "3" };

	folder_make();
	for (unsigned i = 0; i < NKEYS; i++)
		OK(key_file_generate(folder_at(names[i]),
				     i % 2 == 0 ? KEYRING_ED25519 : KEYRING_ECDSA_P256, &key[i]));
	for (unsigned i = 0; i < sizeof(header); i++)
		header[i] = (uint8_t)(i * 13 + 1);
}

static void teardown_all(void)
{
	for (unsigned i = 0; i < NKEYS; i++)
		key_file_free(&key[i]);
	keyring_free(&ring);
	folder_remove();
}

/* ---------------------------------------------------------------- signatures of all kinds */

enum sig {
	SIG_RIGHT,
	SIG_OTHER_ALGORITHM, /* right, but it says that it is of the other kind */
	SIG_ALGORITHM_0,
	SIG_ALGORITHM_3,
	SIG_ALGORITHM_255,
	SIG_OF_OTHER_KIND, /* of a key of the other kind, made as that one makes it, under this id
			    */
	SIG_OF_OTHER_KEY,  /* of another key of this kind, under this id */
	SIG_SHA1,	   /* ECDSA over SHA-1; Ed25519 over the SHA-1 instead of the bytes */
	SIG_SHA512,
	SIG_SHA256_OF_ED25519, /* the digest instead of the bytes */
	SIG_WITHOUT_DOMAIN,
	SIG_OF_OTHER_HEADER,
	SIG_SHORT,
	SIG_LONG,
	SIG_ZEROES,
	SIG_RAW_ECDSA, /* r and s as they are, not in DER */
	SIG_COUNT,
};

struct made {
	uint8_t value[KEYRING_SIG_HEAD + 256];
	size_t len; /* of the signature proper */
};

static uint8_t *sig_of(struct made *m)
{
	return m->value + KEYRING_SIG_HEAD;
}

static void raw_sign(const struct key_file *k, const EVP_MD *md, const void *data, size_t len,
		     struct made *m)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	m->len = sizeof(m->value) - KEYRING_SIG_HEAD;
	assert_int_equal(EVP_DigestSignInit(ctx, NULL, md, NULL, k->pkey), 1);
	assert_int_equal(EVP_DigestSign(ctx, sig_of(m), &m->len, data, len), 1);
	EVP_MD_CTX_free(ctx);
}

static bool is_ed25519(const struct key_file *k)
{
	return key_file_public(k)->alg == KEYRING_ED25519;
}

static void sign_right(const struct key_file *k, const uint8_t *data, struct made *m)
{
	raw_sign(k, is_ed25519(k) ? NULL : EVP_sha256(), data, KEYRING_SIGNED_LEN, m);
}

/* Over a digest of the bytes; Ed25519, which has none, signs the digest as if it were the bytes. */
static void sign_digest(const struct key_file *k, const EVP_MD *md, const uint8_t *data,
			struct made *m)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned len;

	if (!is_ed25519(k)) {
		raw_sign(k, md, data, KEYRING_SIGNED_LEN, m);
		return;
	}
	assert_int_equal(EVP_Digest(data, KEYRING_SIGNED_LEN, digest, &len, md, NULL), 1);
	raw_sign(k, NULL, digest, len, m);
}

/* The two numbers of a DER signature, 32 bytes each. */
static void make_raw(struct made *m)
{
	const uint8_t *p = sig_of(m);
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &p, (long)m->len);

	assert_non_null(sig);
	assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(sig), sig_of(m), 32), 32);
	assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(sig), sig_of(m) + 32, 32), 32);
	m->len = 64;
	ECDSA_SIG_free(sig);
}

/* The algorithm that a signature says to be of. */
static uint8_t claimed(enum sig kind, uint8_t true_one)
{
	if (kind == SIG_OTHER_ALGORITHM)
		return (uint8_t)(3 - true_one);
	if (kind == SIG_ALGORITHM_0)
		return 0;
	return kind == SIG_ALGORITHM_3 ? 3 : 255;
}

/* False: there is no such signature of this kind of key. */
static bool make(enum sig kind, unsigned i, struct made *m)
{
	const struct key_file *k = &key[i];
	uint8_t data[KEYRING_SIGNED_LEN];

	memset(m, 0, sizeof(*m));
	keyring_signed_bytes(data, KEYRING_BUNDLE, header);
	m->value[0] = (uint8_t)key_file_public(k)->alg;
	memcpy(m->value + 2, key_file_public(k)->id, KEYRING_ID_LEN);
	if (kind == SIG_OF_OTHER_HEADER)
		data[100] ^= 1;
	sign_right(k, data, m);
	switch (kind) {
	case SIG_OTHER_ALGORITHM:
	case SIG_ALGORITHM_0:
	case SIG_ALGORITHM_3:
	case SIG_ALGORITHM_255:
		m->value[0] = claimed(kind, m->value[0]);
		break;
	case SIG_OF_OTHER_KIND:
		sign_right(&key[i ^ 1], data, m);
		m->value[0] = (uint8_t)key_file_public(&key[i ^ 1])->alg;
		break;
	case SIG_OF_OTHER_KEY:
		sign_right(&key[i ^ 2], data, m);
		break;
	case SIG_SHA1:
		sign_digest(k, EVP_sha1(), data, m);
		break;
	case SIG_SHA512:
		sign_digest(k, EVP_sha512(), data, m);
		break;
	case SIG_SHA256_OF_ED25519:
		if (!is_ed25519(k))
			return false;
		sign_digest(k, EVP_sha256(), data, m);
		break;
	case SIG_WITHOUT_DOMAIN:
		raw_sign(k, is_ed25519(k) ? NULL : EVP_sha256(), header, sizeof(header), m);
		break;
	case SIG_SHORT:
	case SIG_LONG:
		m->len = kind == SIG_LONG ? m->len + 1 : m->len - 1;
		break;
	case SIG_ZEROES:
		memset(sig_of(m), 0, m->len);
		break;
	case SIG_RAW_ECDSA:
		if (is_ed25519(k))
			return false;
		make_raw(m);
		break;
	case SIG_RIGHT:
	case SIG_OF_OTHER_HEADER:
	case SIG_COUNT:
		break;
	}
	return true;
}

static void area_begin(void)
{
	memset(area, 0, sizeof(area));
	area_len = 0;
}

static void area_add(const struct made *m)
{
	size_t len = KEYRING_SIG_HEAD + m->len;

	bytes_put16(area + area_len, KEYRING_TAG_SIGNATURE);
	bytes_put16(area + area_len + 2, (uint16_t)len);
	memcpy(area + area_len + 4, m->value, len);
	area_len += 4 + len;
}

/* ---------------------------------------------------------------- keyrings of all kinds */

enum standing { KNOWN, UNKNOWN, RETIRED, KNOWN_AND_RETIRED, STANDING_COUNT };

static void put(const char *to, unsigned i)
{
	folder_run("mkdir -p %s && cp %u.pem %s/key-%u.pem", to, i, to, i);
}

/* A keyring of files, in which key i stands so, beside one that signed nothing. */
static void load(unsigned i, enum standing standing)
{
	folder_run("rm -rf ring");
	put("ring", (i + 2) % NKEYS);
	if (standing == KNOWN || standing == KNOWN_AND_RETIRED)
		put("ring", i);
	if (standing == RETIRED || standing == KNOWN_AND_RETIRED)
		put("ring/retired.d", i);
	keyring_free(&ring);
	OK(keyring_load(&ring, folder_at("ring")));
}

/* ---------------------------------------------------------------- tests */

/* Threats 10, 14: a key fixes its algorithm, and only a trusted one signs. */
TEST(each_key_and_signature_and_standing)
{
	unsigned cases = 0, accepted = 0, told_retired = 0;

	for (unsigned i = 0; i < 2; i++) {
		for (unsigned st = 0; st < STANDING_COUNT; st++) {
			load(i, (enum standing)st);
			for (unsigned kind = 0; kind < SIG_COUNT; kind++) {
				struct keyring_verdict v;
				struct made m;
				enum kb_err err;
				bool good = kind == SIG_RIGHT, retired = st >= RETIRED;

				if (!make((enum sig)kind, i, &m))
					continue;
				/* The other key of this kind is in the ring; it signed under
				 * another's name. */
				area_begin();
				area_add(&m);
				err = keyring_check(&ring, header, area, CAP, &v);
				assert_int_equal(err, good && st == KNOWN ? KB_OK : KB_ESIG);
				assert_int_equal(v.valid, good && st == KNOWN);
				assert_int_equal(v.retired != NULL, good && retired);
				cases++;
				accepted += err == KB_OK;
				told_retired += v.retired != NULL;
			}
		}
	}
	EQUAL((cases, 4 * (2 * SIG_COUNT - 2)), (accepted, 2), (told_retired, 4));
}

/* What does not count does not spoil what does, in whatever order they stand. */
TEST(a_bad_signature_beside_a_good_one)
{
	load(0, KNOWN);
	for (unsigned kind = 1; kind < SIG_COUNT; kind++) {
		for (unsigned first = 0; first < 2; first++) {
			struct keyring_verdict v;
			struct made good, bad;

			if (!make(SIG_RIGHT, 0, &good) || !make((enum sig)kind, 0, &bad))
				continue;
			area_begin();
			area_add(first ? &bad : &good);
			area_add(first ? &good : &bad);
			OK(keyring_check(&ring, header, area, CAP, &v));
			assert_int_equal(v.valid, 1);
			assert_ptr_equal(v.signer,
					 keyring_find(&ring, key_file_public(&key[0])->id));
		}
	}
}

static unsigned bits(unsigned set)
{
	unsigned n = 0;

	for (; set != 0; set >>= 1)
		n += set & 1;
	return n;
}

/* Threat 10: every set of trusted keys, every set of signers, each of which signs once, twice or
 * three times, and every number that may be required. */
TEST(each_threshold)
{
	struct made m[NKEYS];

	for (unsigned i = 0; i < NKEYS; i++)
		assert_true(make(SIG_RIGHT, i, &m[i]));
	for (unsigned c = 0; c < 16 * 16 * 3; c++) {
		unsigned trusted = c % 16, signers = c / 16 % 16, times = c / 256 + 1;

		keyring_free(&ring);
		area_begin();
		for (unsigned i = 0; i < NKEYS; i++) {
			if (trusted >> i & 1)
				OK(keyring_add_spki(&ring, key[i].spki, key[i].spki_len, "k"));
			for (unsigned t = 0; t < times && signers >> i & 1; t++)
				area_add(&m[i]);
		}
		for (unsigned required = 0; required <= NKEYS + 1; required++) {
			struct keyring_verdict v;
			unsigned want = required > 0 ? required : 1,
				 valid = bits(trusted & signers);
			enum kb_err err;

			ring.required = required;
			err = keyring_check(&ring, header, area, CAP, &v);
			assert_int_equal(err, valid >= want ? KB_OK : KB_ESIG);
			EQUAL((v.valid, valid < want ? valid : want), (bits(v.signers), v.valid));
		}
	}
}

/* Threat 10: one key under two names, in the keyring and in the signature area, is one key. */
TEST(a_key_under_two_names_counts_once)
{
	struct keyring_verdict v;
	struct made m;
	char names[96];

	load(0, KNOWN);
	folder_run("cp ring/key-0.pem ring/another.pem");
	keyring_free(&ring);
	OK(keyring_open(&ring, folder_at("ring"), 2));
	assert_int_equal(ring.n, 2);
	assert_true(make(SIG_RIGHT, 0, &m));
	area_begin();
	area_add(&m);
	area_add(&m);
	FAILS(keyring_check(&ring, header, area, CAP, &v), KB_ESIG);
	assert_int_equal(v.valid, 1);
	assert_true(make(SIG_RIGHT, 2, &m));
	area_add(&m);
	OK(keyring_check(&ring, header, area, CAP, &v));
	keyring_signers(&ring, &v, names, sizeof(names));
	assert_string_equal(names, "another, key-2");
}

TEST(a_ring_with_fewer_keys_than_must_sign_is_refused)
{
	load(0, KNOWN_AND_RETIRED); /* one of the two is left */
	keyring_free(&ring);
	FAILS(keyring_open(&ring, folder_at("ring"), 2), KB_EINVAL);
	assert_int_equal(ring.n, 0);
	OK(keyring_open(&ring, folder_at("ring"), 1));
	EQUAL((ring.n, 1), (ring.nretired, 1));
}

/* Threats 10, 15: what cannot be read of the retired keys does not make them trusted again. */
TEST(a_retired_key_that_cannot_be_read_leaves_none_trusted)
{
	static const char *const spoil[] = {
		"echo rubbish > ring/retired.d/key-0.pem",
		": > ring/retired.d/key-0.pem",
		"cd ring/retired.d && ln -sf nowhere key-0.pem",
		"cd ring/retired.d && rm key-0.pem && mkdir key-0.pem",
		"cd ring && rm -r retired.d && : > retired.d",
		"cd ring && rm -r retired.d && ln -s nowhere retired.d",
		"echo lost in 2020 > ring/retired.d/why.txt",
		": > ring/retired.d/.hidden",
		"mkdir ring/retired.d/older",
		/* Two keys, of which only the first would be retired. */
		"cat 1.pem 0.pem > ring/retired.d/key-0.pem",
		"(cat 1.pem; printf '\\0'; cat 0.pem) > ring/retired.d/key-0.pem",
		/* A key of X25519. */
		"echo '-----BEGIN PUBLIC KEY-----\n"
		"MCowBQYDK2VuAyEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
		"-----END PUBLIC KEY-----' > ring/retired.d/key-0.pem",
		/* A point of P-256 that is said to lie on another curve. */
		"echo '-----BEGIN PUBLIC KEY-----\n"
		"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQYDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt\n"
		"6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==\n"
		"-----END PUBLIC KEY-----' > ring/retired.d/key-0.pem",
	};
	static struct keyring_survey survey;

	for (unsigned i = 0; i < sizeof(spoil) / sizeof(spoil[0]); i++) {
		load(0, KNOWN_AND_RETIRED);
		keyring_free(&ring);
		folder_run("%s", spoil[i]);
		FAILS(keyring_load(&ring, folder_at("ring")), KB_EFORMAT);
		assert_int_equal(ring.n, 0);
		keyring_survey_read(&survey, folder_at("ring"));
		assert_int_equal(survey.ntrusted, 0);
	}
}

TEST(a_retired_key_is_retired_whatever_its_file_is_called)
{
	static const char *const rename[] = {
		"key-0.pub", "key-0.pem.old", ".key-0.pem", "key-0", "...", "$(printf %0200d 0).pem"
	};
	static struct keyring_survey survey;

	for (unsigned i = 0; i < sizeof(rename) / sizeof(rename[0]); i++) {
		load(0, KNOWN_AND_RETIRED);
		keyring_free(&ring);
		folder_run("cd ring/retired.d && mv key-0.pem %s", rename[i]);
		OK(keyring_load(&ring, folder_at("ring")));
		EQUAL((ring.n, 1), (ring.nretired, 1));
		keyring_survey_read(&survey, folder_at("ring"));
		EQUAL((survey.ntrusted, 1), (survey.nretired, 1));
	}
}

/* Only OpenSSL can tell; process 1 believes it to be a key. */
TEST(a_retired_key_beside_the_curve_leaves_none_trusted)
{
	load(0, KNOWN_AND_RETIRED);
	keyring_free(&ring);
	folder_run("echo '-----BEGIN PUBLIC KEY-----\n"
		   "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt\n"
		   "6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9A==\n"
		   "-----END PUBLIC KEY-----' > ring/retired.d/key-0.pem");
	FAILS(keyring_load(&ring, folder_at("ring")), KB_EFORMAT);
	assert_int_equal(ring.n, 0);
}

TEST_MAIN("keyring_matrix", .first = setup_all, .last = teardown_all, .quiet = true)
