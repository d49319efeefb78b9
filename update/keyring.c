/* SPDX-License-Identifier: Apache-2.0 */
/* The signature area: what is in it, and whether a key of ours made one of its signatures. */
#include "update/keyring.h"

#include "lib/bytes.h"
#include "lib/util.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <string.h>

const char *keyring_alg_name(unsigned alg)
{
	if (alg == KEYRING_ED25519)
		return "ed25519";
	if (alg == KEYRING_ECDSA_P256)
		return "ecdsa-p256";
	return "unknown";
}

const struct keyring_key *keyring_find(const struct keyring *k, const uint8_t id[KEYRING_ID_LEN])
{
	for (unsigned i = 0; i < k->n; i++) {
		if (memcmp(k->key[i].id, id, KEYRING_ID_LEN) == 0)
			return &k->key[i];
	}
	return NULL;
}

void keyring_signed_bytes(uint8_t out[KEYRING_SIGNED_LEN], const uint8_t header[512])
{
	memcpy(out, KEYRING_DOMAIN, sizeof(KEYRING_DOMAIN));
	memcpy(out + sizeof(KEYRING_DOMAIN), header, 512);
}

enum kb_err keyring_next(const uint8_t *area, size_t cap, size_t *pos, struct keyring_entry *e)
{
	const uint8_t *p = area + *pos;
	size_t left = cap - *pos;

	if (left < 4 || bytes_get16(p) == 0)
		return bytes_all(p, left, 0) ? KB_ENOENT : KB_EFORMAT;
	e->tag = bytes_get16(p);
	e->len = bytes_get16(p + 2);
	e->value = p + 4;
	if (e->len > left - 4)
		return KB_EFORMAT;
	if (e->tag == KEYRING_TAG_SIGNATURE && (e->len <= KEYRING_SIG_HEAD || e->value[1] != 0))
		return KB_EFORMAT;
	*pos += 4u + e->len;
	return KB_OK;
}

struct verify_md_ctx {
	EVP_MD_CTX *p;
};

static void verify_md_free(struct verify_md_ctx *c)
{
	EVP_MD_CTX_free(c->p);
}

/* Anything but a clear yes of OpenSSL is a no. */
static bool signature_is_valid(const struct keyring_key *key, const uint8_t *sig, size_t len,
			       const uint8_t *data, size_t size)
{
	__attribute__((cleanup(verify_md_free))) struct verify_md_ctx c = { EVP_MD_CTX_new() };
	const EVP_MD *md = key->alg == KEYRING_ED25519 ? NULL : EVP_sha256();

	if (c.p == NULL || EVP_DigestVerifyInit(c.p, NULL, md, NULL, key->pkey) != 1)
		return false;
	return EVP_DigestVerify(c.p, sig, len, data, size) == 1;
}

static bool entry_is_valid(const struct keyring *k, const struct keyring_entry *e,
			   const uint8_t data[KEYRING_SIGNED_LEN], const struct keyring_key **key)
{
	size_t len = e->len - (size_t)KEYRING_SIG_HEAD;

	if (e->tag != KEYRING_TAG_SIGNATURE)
		return false;
	*key = keyring_find(k, e->value + 2);
	if (*key == NULL || e->value[0] != (uint8_t)(*key)->alg)
		return false;
	if ((*key)->alg == KEYRING_ED25519 ? len != 64 : len > KEYRING_SIG_MAX)
		return false;
	return signature_is_valid(*key, e->value + KEYRING_SIG_HEAD, len, data, KEYRING_SIGNED_LEN);
}

/* The whole area is looked at first: what is malformed anywhere is not trusted anywhere. */
static enum kb_err check_area(const uint8_t *area, size_t cap)
{
	struct keyring_entry e;
	size_t pos = 0;

	for (unsigned n = 0; n <= KEYRING_ENTRIES_MAX; n++) {
		enum kb_err err = keyring_next(area, cap, &pos, &e);

		if (err != KB_OK)
			return err == KB_ENOENT ? KB_OK : err;
	}
	return KB_EFORMAT;
}

enum kb_err keyring_verify(const struct keyring *k, const uint8_t *header, const uint8_t *area,
			   size_t cap, const struct keyring_key **signer)
{
	uint8_t data[KEYRING_SIGNED_LEN];
	struct keyring_entry e;
	size_t pos = 0;

	*signer = NULL;
	TRY(check_area(area, cap));
	keyring_signed_bytes(data, header);
	while (keyring_next(area, cap, &pos, &e) == KB_OK) {
		const struct keyring_key *key;

		if (entry_is_valid(k, &e, data, &key)) {
			*signer = key;
			return KB_OK;
		}
	}
	return KB_ESIG;
}
