/* SPDX-License-Identifier: Apache-2.0 */
#include "update/wire/keyring_pem.h"

#include <string.h>

#define PEM_BEGIN "-----BEGIN PUBLIC KEY-----"
#define PEM_END	  "-----END PUBLIC KEY-----"

static const uint8_t prefix_ed25519[KEYRING_PEM_ED25519_AT] = {
	0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00
};

/* id-ecPublicKey, prime256v1, a bit string that begins with 04: an uncompressed point. */
static const uint8_t prefix_p256[KEYRING_PEM_P256_AT + 1] = {
	0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
	0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04
};

/*
 * The points whose order divides 8, by their y: 0, 1, two of order 8, p - 1; and p and p + 1, which
 * some take for 0 and 1. For such a key, made on purpose, signatures can be found without a private
 * half, for any text.
 */
static const uint8_t small_order[][32] = {
	{ 0 },
	{ 1 },
	{ 0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
	  0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
	  0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05 },
	{ 0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
	  0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
	  0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a },
	{ 0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f },
	{ 0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f },
	{ 0xee, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f },
};

/* The top bit is the sign of x. */
static bool is_small_order(const uint8_t key[32])
{
	for (unsigned i = 0; i < sizeof(small_order) / sizeof(small_order[0]); i++)
		if (memcmp(key, small_order[i], 31) == 0 && (key[31] & 0x7f) == small_order[i][31])
			return true;
	return false;
}

enum kb_err keyring_pem_alg(const uint8_t *spki, size_t len, enum keyring_alg *alg)
{
	if (len == 44 && memcmp(spki, prefix_ed25519, sizeof(prefix_ed25519)) == 0 &&
	    !is_small_order(spki + KEYRING_PEM_ED25519_AT))
		*alg = KEYRING_ED25519;
	else if (len == 91 && memcmp(spki, prefix_p256, sizeof(prefix_p256)) == 0)
		*alg = KEYRING_ECDSA_P256;
	else
		return KB_EFORMAT;
	return KB_OK;
}

bool keyring_pem_is_name(const char *name)
{
	size_t len = strlen(name);

	return name[0] != '.' && len > 4 && strcmp(name + len - 4, ".pem") == 0;
}

/* ---------------------------------------------------------------- base64 */

/* 0 to 63; 64 for '=', which ends it; 65 for anything else. */
static unsigned value_of_digit(char c)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
	const char *at = c != '\0' ? strchr(digits, c) : NULL;

	return at != NULL ? (unsigned)(at - digits) : 65;
}

struct base64 {
	uint8_t *out;
	size_t size, len;
	/* digits of this group of four, and how many of them are '=' */
	unsigned n, pad;
	uint32_t bits;
};

static enum kb_err end_group(struct base64 *b)
{
	/* Bits that no byte has are zero, so that a key has one spelling. */
	if (b->pad > 2 || (b->bits & ((1u << (8 * b->pad)) - 1)) != 0)
		return KB_EFORMAT;
	for (unsigned i = 0; i < 3 - b->pad; i++) {
		if (b->len == b->size)
			return KB_EFORMAT;
		b->out[b->len++] = (uint8_t)(b->bits >> (16 - 8 * i));
	}
	b->n = 0;
	b->bits = 0;
	return KB_OK;
}

static enum kb_err take_char(struct base64 *b, char c)
{
	unsigned d = value_of_digit(c);

	/* Nothing but padding follows padding. */
	if (d == 65 || (b->pad > 0 && (d != 64 || b->n == 0)))
		return KB_EFORMAT;
	b->pad += d == 64;
	b->bits = b->bits << 6 | (d & 63);
	return ++b->n == 4 ? end_group(b) : KB_OK;
}

/* A second key would be left as it was: trusted, if the file is to retire them both. Half of one,
 * or another thing in PEM, may have been meant to be one. */
static bool has_more(const char *text, const char *begin, const char *end)
{
	static const char any_begin[] = "-----BEGIN", any_end[] = "-----END";

	return strstr(text, any_begin) != begin || strstr(begin + 1, any_begin) != NULL ||
	       strstr(text, any_end) != end || strstr(end + 1, any_end) != NULL;
}

enum kb_err keyring_pem_decode(const char *text, uint8_t spki[KEYRING_SPKI_MAX], size_t *len)
{
	const char *p = strstr(text, PEM_BEGIN), *end = strstr(text, PEM_END);
	struct base64 b = { .out = spki, .size = KEYRING_SPKI_MAX };

	if (p == NULL || end == NULL || end < p || has_more(text, p, end))
		return KB_EFORMAT;
	for (p += strlen(PEM_BEGIN); p < end; p++) {
		enum kb_err err = strchr(" \t\r\n", *p) != NULL ? KB_OK : take_char(&b, *p);

		if (err != KB_OK)
			return err;
	}
	*len = b.len;
	return b.n == 0 && b.len > 0 ? KB_OK : KB_EFORMAT;
}
