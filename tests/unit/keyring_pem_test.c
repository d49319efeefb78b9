/* SPDX-License-Identifier: Apache-2.0 */
#include "update/wire/keyring_pem.h"

#include "tests/unit/test.h"

#define BEGIN "-----BEGIN PUBLIC KEY-----\n"
#define END   "-----END PUBLIC KEY-----\n"

static uint8_t spki[KEYRING_SPKI_MAX];
static size_t len;

static enum kb_err decode(const char *body)
{
	return keyring_pem_decode(strf(BEGIN "%s\n" END, body), spki, &len);
}

/* One that makes a signature of any text by anybody, or as good as that. */
TEST(a_point_of_small_order_is_no_key)
{
	static const char *const y[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	};
	enum keyring_alg alg;

	OK(bytes_unhex(spki, 12, "302a300506032b6570032100"));
	for (unsigned i = 0; i < sizeof(y) / sizeof(y[0]); i++) {
		OK(bytes_unhex(spki + 12, 32, y[i]));
		for (unsigned sign = 0; sign < 2; sign++) {
			FAILS(keyring_pem_alg(spki, 44, &alg), KB_EFORMAT);
			for (unsigned at = 3; at < 31; at++) { /* each byte is looked at */
				spki[12 + at] ^= 1;
				OK(keyring_pem_alg(spki, 44, &alg));
				spki[12 + at] ^= 1;
			}
			spki[43] ^= 0x80;
		}
	}
}

/* RFC 4648, section 10. */
TEST(base64_of_each_length)
{
	static const char *const vectors[][2] = {
		{ "Zg==", "f" },
		{ "Zm8=", "fo" },
		{ "Zm9v", "foo" },
		{ "Zm9vYg==", "foob" },
		{ "Zm9vYmE=", "fooba" },
		{ "Zm9vYmFy", "foobar" },
		{ "Z m9v\r\nYm\tFy", "foobar" },
	};

	for (unsigned i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		OK(decode(vectors[i][0]));
		assert_int_equal(len, strlen(vectors[i][1]));
		assert_memory_equal(spki, vectors[i][1], len);
	}
}

TEST(what_is_no_base64_is_refused)
{
	static const char *const bad[] = {
		"",	"Z",	    "Zg",	"Zg=",	"Zg===", "====",  "=g==", "Z===",
		"Zg=v", "Zg==Zm9v", "Zm9v====", "Zm-v", "Zm_v",	 "Zm9v!", "Zh==", /* bits that no
										     byte has */
		"Zm9=", "Zm9v\x80", "Zm9v=",
	};
	char text[512] = "";

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		FAILS(decode(bad[i]), KB_EFORMAT);
	FAILS(keyring_pem_decode("", spki, &len), KB_EFORMAT);
	FAILS(keyring_pem_decode(BEGIN "Zm9v\n", spki, &len), KB_EFORMAT);
	FAILS(keyring_pem_decode("Zm9v\n" END, spki, &len), KB_EFORMAT);
	FAILS(keyring_pem_decode(END BEGIN, spki, &len), KB_EFORMAT);
	/* One byte more than the longest key; exactly that is fine. */
	for (unsigned i = 0; i < 30; i++)
		memcpy(text + 4 * i, "AAAA", 5);
	strcpy(text + 120, "AA==");
	OK(decode(text));
	assert_int_equal(len, KEYRING_SPKI_MAX);
	strcpy(text + 120, "AAA=");
	FAILS(decode(text), KB_EFORMAT);
}

/* Of two keys one would be left as it was: trusted, if the file is to retire them. */
TEST(more_than_one_key_is_refused)
{
	static const char *const more[] = {
		BEGIN "Zm9v\n" END BEGIN "Zm9v\n" END,
		BEGIN "Zm9v\n-----END PUBLIC KEY-----" BEGIN "Zm9v\n" END,
		BEGIN "Zm9v\n" END BEGIN,
		BEGIN "Zm9v\n" END "Zm9v\n" END, /* the line before it was damaged */
		BEGIN "Zm9v\n" END "-----BEGIN CERTIFICATE-----\n",
		"-----BEGIN CERTIFICATE-----\nZm9v\n" BEGIN "Zm9v\n" END,
		BEGIN "Zm9v\n" END "-----END CERTIFICATE-----\n",
	};

	for (unsigned i = 0; i < sizeof(more) / sizeof(more[0]); i++)
		FAILS(keyring_pem_decode(more[i], spki, &len), KB_EFORMAT);
	/* What is said of a key around it is none. */
	OK(keyring_pem_decode("ours\n" BEGIN "Zm9v\n" END "until 2030\n", spki, &len));
}

TEST(names_of_key_files)
{
	EQUAL((keyring_pem_is_name("a.pem"), true), (keyring_pem_is_name(".pem"), false));
	EQUAL((keyring_pem_is_name(".a.pem"), false), (keyring_pem_is_name("a.pem.bak"), false));
	EQUAL((keyring_pem_is_name("apem"), false), (keyring_pem_is_name(""), false));
}

static const char ed25519_head[] = "302a300506032b6570032100";
static const char p256_head[] = "3059301306072a8648ce3d020106082a8648ce3d03010703420004";

/* A key of another kind differs in its head, by however little. */
TEST(every_bit_of_the_head_counts)
{
	const char *const heads[] = { ed25519_head, p256_head };
	const size_t lens[] = { 44, 91 };
	enum keyring_alg alg;

	for (unsigned k = 0; k < 2; k++) {
		size_t head = strlen(heads[k]) / 2;

		memset(spki, 7, sizeof(spki));
		OK(bytes_unhex(spki, head, heads[k]));
		OK(keyring_pem_alg(spki, lens[k], &alg));
		assert_int_equal(alg, k == 0 ? KEYRING_ED25519 : KEYRING_ECDSA_P256);
		for (size_t i = 0; i < KEYRING_SPKI_MAX; i++)
			if (i != lens[k])
				FAILS(keyring_pem_alg(spki, i, &alg), KB_EFORMAT);
		for (size_t bit = 0; bit < 8 * head; bit++) {
			spki[bit / 8] ^= (uint8_t)(1 << bit % 8);
			FAILS(keyring_pem_alg(spki, lens[k], &alg), KB_EFORMAT);
			spki[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
	}
}

static const char *published(const char *head, const char *key)
{
	char hex[2 * KEYRING_SPKI_MAX + 1];

	snprintf(hex, sizeof(hex), "%s%s", head, key);
	len = strlen(hex) / 2;
	OK(bytes_unhex(spki, len, hex));
	return keyring_pem_published(spki, len);
}

TEST(published_keys_are_known)
{
	/* RFC 8032 section 7.1, test 1; RFC 6979 appendix A.2.5. */
	static const char test1[] =
		"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
	static const char ux[] = "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6";
	static const char uy[] = "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";

	assert_string_equal(published(ed25519_head, test1), "RFC 8032 test 1");
	assert_string_equal(published(p256_head, strf("%s%s", ux, uy)), "RFC 6979 A.2.5");
	/* Whoever has one private half has its negative as well. */
	assert_string_equal(
		published(p256_head,
			  strf("%s%s", ux,
			       "86fc01eef74743675be51616a9d7439b0d0e4df4d28160ae885c3d6b2bb9dd66")),
		"RFC 6979 A.2.5");
	/* The same bytes as a key of the other kind, another key, and no key. */
	assert_null(published(ed25519_head, ux));
	assert_null(published(ed25519_head,
			      "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511b"));
	assert_null(keyring_pem_published(spki, 43));
	assert_null(keyring_pem_published(spki, 0));
}

TEST_MAIN("keyring_pem")
