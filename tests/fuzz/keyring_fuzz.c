/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key files, by themselves and as a folder with retired ones; and the signature area of a bundle,
 * whose header is fixed and was signed by both keys.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzz_bundle.h"
#include "tests/fuzz/fuzz_dir.h"
#include "update/wire/keyring_survey.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

/* What an input is, by its first byte. */
enum { KIND_FILE, KIND_AREA, KIND_FOLDER, KIND_COUNT };

#define FOLDER_MAX 70u
#define AREA_MAX   4096u
#define PEM_MAX	   320u

static uint8_t header[READER_HEADER_LEN];

/* By the P-256 key; ECDSA signs differently each time, this is one of them. */
static const uint8_t sig_p256[] = {
	0x30, 0x45, 0x02, 0x21, 0x00, 0xbb, 0x87, 0x08, 0xcb, 0x5b, 0x66, 0x17, 0x11, 0x5d, 0x1c,
	0x40, 0x92, 0x90, 0xfd, 0xaf, 0xc5, 0x07, 0x4f, 0xd8, 0x86, 0xc1, 0x9a, 0xd3, 0x73, 0x2a,
	0xe0, 0x7d, 0xc2, 0xdd, 0xe1, 0xee, 0xbe, 0x02, 0x20, 0x18, 0xd2, 0x67, 0xa4, 0xa0, 0x77,
	0x63, 0x2c, 0xf4, 0xbf, 0xb3, 0xff, 0xcc, 0x82, 0x2c, 0x7d, 0xa7, 0x64, 0x2e, 0xb4, 0x61,
	0xa3, 0x0b, 0xcc, 0xd9, 0x7c, 0xfd, 0x5f, 0x7e, 0x7a, 0x98, 0x8f
};

static uint8_t *entry_ed25519(void)
{
	static uint8_t entry[FUZZ_BUNDLE_ENTRY];

	if (entry[0] == 0)
		fuzz_bundle_sign(header, entry);
	return entry;
}

/* A right signature where the input has an entry, or somewhere else. */
size_t fuzz_fix(uint8_t *data, size_t size, size_t max, unsigned seed)
{
	uint8_t p256[4 + KEYRING_SIG_HEAD + sizeof(sig_p256)] = {
		1, 0, KEYRING_SIG_HEAD + sizeof(sig_p256)
	};
	const uint8_t *entry = entry_ed25519();
	size_t len = FUZZ_BUNDLE_ENTRY, at;

	if (size < 2 || data[0] % KIND_COUNT != KIND_AREA || seed % 3 == 0)
		return size;
	if (seed % 3 == 1) {
		p256[4] = KEYRING_ECDSA_P256;
		memcpy(p256 + 6, fuzz_bundle_keys()->key[1].id, KEYRING_ID_LEN);
		memcpy(p256 + 22, sig_p256, sizeof(sig_p256));
		entry = p256;
		len = sizeof(p256);
	}
	at = (seed / 3) % 2 == 0 ? 2 : 1 + (seed / 6) % size;
	if (at + len > max)
		return size;
	memcpy(data + at, entry, len);
	return at + len > size ? at + len : size;
}

/* What process 1 tells of is what is trusted, and nothing else. */
static void check_survey(const struct keyring *k, const char *dir)
{
	static struct keyring_survey s;
	bool published = false;

	keyring_survey_read(&s, dir);
	for (unsigned i = 0; i < s.ntrusted; i++)
		published |= s.trusted[i].published != NULL;
	FUZZ_CHECK((keyring_survey_published(&s) != NULL) == published);
	FUZZ_CHECK(s.ntrusted == k->n && (k->n == 0 || s.nretired == k->nretired));
	for (unsigned i = 0; i < k->n; i++) {
		size_t len = strlen(k->key[i].name);
		const char *end = s.trusted[i].name + len; /* a long one is cut */

		FUZZ_CHECK(strncmp(s.trusted[i].name, k->key[i].name, len) == 0);
		FUZZ_CHECK(strncmp(end, ".pem", strlen(end)) == 0);
	}
}

/* ---------------------------------------------------------------- a file */

static void check_key(const struct keyring_key *key)
{
	FUZZ_CHECK(key->alg == KEYRING_ED25519 || key->alg == KEYRING_ECDSA_P256);
	FUZZ_CHECK(strcmp(keyring_alg_name(key->alg), "unknown") != 0);
	FUZZ_CHECK(fuzz_printable(key->name, sizeof(key->name)) && key->pkey != NULL);
}

static size_t put_pem(char out[PEM_MAX], const uint8_t *der, int len)
{
	char base64[PEM_MAX / 2];

	EVP_EncodeBlock((uint8_t *)base64, der, len);
	return (size_t)snprintf(out, PEM_MAX,
				"-----BEGIN PUBLIC KEY-----\n%s\n"
				"-----END PUBLIC KEY-----\n",
				base64);
}

/* The key as OpenSSL writes it: the same key for us, and no other. */
static void check_round_trip(struct keyring *k)
{
	uint8_t *der = NULL, digest[DIGEST_LEN];
	int len = i2d_PUBKEY(k->key[0].pkey, &der);
	char pem[PEM_MAX];

	FUZZ_CHECK(len == (k->key[0].alg == KEYRING_ED25519 ? 44 : 91));
	FUZZ_CHECK(EVP_Digest(der, (size_t)len, digest, NULL, EVP_sha256(), NULL) == 1);
	FUZZ_CHECK(memcmp(digest, k->key[0].id, KEYRING_ID_LEN) == 0);
	fuzz_dir_put("again.pem", pem, put_pem(pem, der, len));
	OPENSSL_free(der);
}

static void try_file(const uint8_t *p, size_t len)
{
	char path[300];
	struct keyring k;
	enum kb_err err;

	fuzz_dir_clear();
	fuzz_dir_put("a key.pem", p, len);
	snprintf(path, sizeof(path), "%s/a key.pem", fuzz_dir());
	memset(&k, 0, sizeof(k));
	err = keyring_add(&k, path);
	if (err == KB_OK || len < 100) /* only OpenSSL sees that a point is not on its curve */
		check_survey(&k, fuzz_dir());
	FUZZ_CHECK(err == KB_OK || err == KB_EFORMAT);
	FUZZ_CHECK(k.n == (err == KB_OK) && (err != KB_OK || len <= KEYRING_PEM_MAX));
	if (err != KB_OK)
		return;
	check_key(&k.key[0]);
	FUZZ_CHECK(strcmp(k.key[0].name, "a key") == 0);
	FUZZ_CHECK(keyring_add(&k, path) == KB_OK && k.n == 1);
	check_round_trip(&k);
	snprintf(path, sizeof(path), "%s/again.pem", fuzz_dir());
	FUZZ_CHECK(keyring_add(&k, path) == KB_OK && k.n == 1);
	FUZZ_CHECK(keyring_find(&k, k.key[0].id) == &k.key[0]);
	keyring_free(&k);
	FUZZ_CHECK(keyring_add(&k, "/nonexistent/key.pem") == KB_ENOENT && k.n == 0);
}

/* ---------------------------------------------------------------- a folder */

/* A key of Ed25519 of its own for each number; but 0 and 1 are points of small order, and no keys.
 */
static size_t make_pem(char out[PEM_MAX], uint8_t number)
{
	uint8_t spki[44] = { 0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21 };

	spki[12] = number;
	return put_pem(out, spki, sizeof(spki));
}

/* how: 0x20 retires the key. True if what is retired is no key. */
static bool put_file(const char *ring, unsigned i, uint8_t how)
{
	bool retire = (how < 0xe0 && how & 0x20) || (how >= 0xe8 && how < 0xf0);
	const char *folder = retire && *ring == '\0' ? KEYRING_RETIRED_DIR "/" : ring;
	char name[100], pem[PEM_MAX];
	size_t len = make_pem(pem, how & 0x1f);

	if (how >= 0xfc) /* a name that is too long */
		snprintf(name, sizeof(name), "%s%02x%02u%066u.pem", ring, how, i, 0u);
	else if (how >= 0xf0) /* no key file */
		snprintf(name, sizeof(name), "%s%s%02x%02u.%s", ring, how & 1 ? "." : "", how, i,
			 how & 2 ? "pem" : "txt");
	else
		snprintf(name, sizeof(name), "%s%02x%02u.pem", folder, how, i);
	if (how >= 0xe0 && how < 0xf0)
		pem[40] ^= 0x0f; /* no key */
	fuzz_dir_put(name, pem, len);
	return retire && *ring == '\0' && (how >= 0xe8 || (how & 0x1f) < 2);
}

static void check_ring(const struct keyring *k)
{
	FUZZ_CHECK(k->n <= KEYRING_KEYS_MAX && k->nretired <= KEYRING_KEYS_MAX);
	for (unsigned i = 0; i < k->n; i++) {
		check_key(&k->key[i]);
		FUZZ_CHECK(keyring_find(k, k->key[i].id) == &k->key[i]);
		FUZZ_CHECK(keyring_find_retired(k, k->key[i].id) == NULL);
		FUZZ_CHECK(i == 0 || strcmp(k->key[i - 1].name, k->key[i].name) < 0);
	}
	for (unsigned i = 0; i < k->nretired; i++) {
		check_key(&k->retired[i]);
		FUZZ_CHECK(keyring_find(k, k->retired[i].id) == NULL);
		FUZZ_CHECK(keyring_find_retired(k, k->retired[i].id) == &k->retired[i]);
	}
}

/* A folder with retired keys; another without any; or with a file of their folder's name. */
enum { RING_RETIRED, RING_RETIRED_TOO, RING_PLAIN, RING_MISNAMED, RING_COUNT };

static void make_rings(void)
{
	static bool made;

	if (!made) {
		fuzz_dir_make(KEYRING_RETIRED_DIR);
		fuzz_dir_make("plain");
	}
	made = true;
	fuzz_dir_clear();
}

static void check_answer(const struct keyring *k, enum kb_err err, unsigned n, unsigned required)
{
	FUZZ_CHECK((err == KB_OK) == (k->n > 0) && k->n + k->nretired <= n);
	FUZZ_CHECK(err != KB_OK || k->n >= required);
	FUZZ_CHECK(err != KB_ENOSPC || n > KEYRING_KEYS_MAX);
	FUZZ_CHECK(err != KB_EINVAL || required > 1);
	FUZZ_CHECK(err == KB_OK || err == KB_ENOENT || err == KB_ENOSPC || err == KB_EINVAL ||
		   err == KB_EFORMAT);
}

static void try_folder(struct fuzz_in *in)
{
	static struct keyring k;
	uint8_t how = fuzz_u8(in);
	unsigned n = 0, required = how % 8, ring = how / 8 % RING_COUNT;
	const char *sub = ring >= RING_PLAIN ? "plain/" : "";
	bool unclear = ring == RING_MISNAMED;
	char dir[300];
	enum kb_err err;

	make_rings();
	if (ring == RING_MISNAMED)
		fuzz_dir_put("plain/" KEYRING_RETIRED_DIR, "", 0);
	for (; n < FOLDER_MAX && in->left > 0; n++)
		unclear |= put_file(sub, n, fuzz_u8(in));
	snprintf(dir, sizeof(dir), "%s/%s", fuzz_dir(), sub);
	err = keyring_open(&k, dir, required);
	check_answer(&k, err, n, required);
	/* While it cannot be told which key is retired, none is trusted; and only then. */
	FUZZ_CHECK(unclear ? err == KB_EFORMAT || err == KB_ENOSPC : err != KB_EFORMAT);
	check_ring(&k);
	if (err != KB_EINVAL) /* more are required than there are */
		check_survey(&k, dir);
	keyring_free(&k);
	FUZZ_CHECK(k.n == 0 && k.nretired == 0);
}

/* ---------------------------------------------------------------- a signature area */

static void check_walk(const uint8_t *area, size_t cap)
{
	struct keyring_entry e;
	size_t pos = 0, before = 0;

	while (keyring_next(area, cap, &pos, &e) == KB_OK) {
		FUZZ_CHECK(pos > before && pos <= cap && e.tag != 0);
		FUZZ_CHECK(e.value == area + before + 4 && e.len == pos - before - 4);
		before = pos;
	}
	FUZZ_CHECK(pos == before);
}

/* Whoever is said to have signed has an entry, and there are as many as are wanted. */
static void check_verdict(const struct keyring *k, const struct keyring_verdict *v, enum kb_err err,
			  const uint8_t *area, size_t cap)
{
	unsigned bits = 0;
	char names[24];

	for (unsigned i = 0; i < 32; i++) {
		if (!(v->signers >> i & 1))
			continue;
		bits++;
		FUZZ_CHECK(i < k->n && memmem(area, cap, k->key[i].id, KEYRING_ID_LEN) != NULL);
	}
	FUZZ_CHECK(bits == v->valid && v->valid <= k->n && (v->signer != NULL) == (bits > 0));
	FUZZ_CHECK((err == KB_OK) == (v->valid > 0 && v->valid >= k->required));
	FUZZ_CHECK(v->retired == NULL || (err == KB_ESIG && v->retired == &k->retired[0]));
	keyring_signers(k, v, names, sizeof(names));
	FUZZ_CHECK(fuzz_printable(names, sizeof(names)) && (names[0] != '\0') == (bits > 0));
}

/* What a person reads of a key that nobody here trusts. */
static void check_words(const struct keyring *k)
{
	const struct keyring_verdict stranger = { .signatures = 1, .strangers = 1 };
	char text[256];

	keyring_explain(k, &stranger, text, sizeof(text));
	FUZZ_CHECK(fuzz_printable(text, sizeof(text)) && strstr(text, "names key 0000") != NULL);
}

static void try_area(const struct keyring *k, const uint8_t *area, size_t cap)
{
	const uint8_t other[READER_HEADER_LEN] = { 1 };
	const struct keyring none = { 0 };
	const struct keyring_key *signer;
	struct keyring_verdict v;
	enum kb_err err = keyring_check(k, header, area, cap, &v);

	check_walk(area, cap);
	check_words(k);
	FUZZ_CHECK(err == KB_OK || err == KB_ESIG || err == KB_EFORMAT);
	check_verdict(k, &v, err, area, cap);
	FUZZ_CHECK(keyring_verify(k, header, area, cap, &signer) == err);
	FUZZ_CHECK(signer == (err == KB_OK ? v.signer : NULL));
	/* Of this header only, and by these keys only. */
	FUZZ_CHECK(keyring_check(k, other, area, cap, &v) != KB_OK && v.valid == 0);
	FUZZ_CHECK(keyring_check(&none, header, area, cap, &v) != KB_OK && v.valid == 0);
}

/* One key is enough; both have to sign; the first is retired. */
static const struct keyring *ring_of(uint8_t how)
{
	static struct keyring k;

	k = *fuzz_bundle_keys();
	k.required = how % 4 == 1 ? 2 : how % 4 == 2 ? 1 : 0;
	if (how % 4 == 3) {
		k.nretired = 1;
		k.retired[0] = k.key[0];
		k.key[0] = k.key[1];
		k.n = 1;
	}
	return &k;
}

void fuzz_one(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	uint8_t kind = fuzz_u8(&in) % KIND_COUNT;

	if (kind == KIND_FILE)
		try_file(in.p, in.left);
	else if (kind == KIND_AREA)
		try_area(ring_of(fuzz_u8(&in)), in.p, in.left < AREA_MAX ? in.left : AREA_MAX);
	else
		try_folder(&in);
}
