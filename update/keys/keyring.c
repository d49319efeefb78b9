/* SPDX-License-Identifier: Apache-2.0 */
/* The signature area: what is in it, and whether a key of ours made one of its signatures. */
#include "update/keys/keyring.h"

#include "lib/bytes.h"
#include "lib/util.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

const char *keyring_alg_name(unsigned alg)
{
	if (alg == KEYRING_ED25519)
		return "ed25519";
	if (alg == KEYRING_ECDSA_P256)
		return "ecdsa-p256";
	return "unknown";
}

static const struct keyring_key *find_key(const struct keyring_key *key, unsigned n,
					  const uint8_t id[KEYRING_ID_LEN])
{
	for (unsigned i = 0; i < n; i++) {
		if (memcmp(key[i].id, id, KEYRING_ID_LEN) == 0)
			return &key[i];
	}
	return NULL;
}

const struct keyring_key *keyring_find(const struct keyring *k, const uint8_t id[KEYRING_ID_LEN])
{
	return find_key(k->key, k->n, id);
}

const struct keyring_key *keyring_find_retired(const struct keyring *k,
					       const uint8_t id[KEYRING_ID_LEN])
{
	return find_key(k->retired, k->nretired, id);
}

_Static_assert(sizeof(KEYRING_DOMAIN) == sizeof(KEYRING_DOMAIN_CHANNEL), "one length");

void keyring_signed_bytes(uint8_t out[KEYRING_SIGNED_LEN], enum keyring_document document,
			  const uint8_t header[512])
{
	memcpy(out, document == KEYRING_CHANNEL ? KEYRING_DOMAIN_CHANNEL : KEYRING_DOMAIN,
	       sizeof(KEYRING_DOMAIN));
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

/* key: that of the entry's id, or NULL. *tried: how often it was asked for this area. Ids are
 * public, so anybody can fill an area with entries that name it. */
static bool entry_is_valid(const struct keyring_key *key, const struct keyring_entry *e,
			   const uint8_t data[KEYRING_SIGNED_LEN], uint8_t *tried)
{
	size_t len = e->len - (size_t)KEYRING_SIG_HEAD;

	if (e->value[0] != (uint8_t)key->alg)
		return false;
	if (key->alg == KEYRING_ED25519 ? len != 64 : len > KEYRING_SIG_MAX)
		return false;
	if (*tried == KEYRING_TRIES)
		return false;
	(*tried)++;
	return signature_is_valid(key, e->value + KEYRING_SIG_HEAD, len, data, KEYRING_SIGNED_LEN);
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

static void count_signer(const struct keyring *k, const struct keyring_key *key,
			 struct keyring_verdict *v)
{
	uint32_t bit = 1u << (unsigned)(key - k->key);

	if (v->signers & bit)
		return;
	v->signers |= bit;
	v->valid++;
	if (v->signer == NULL)
		v->signer = key;
}

static void look_at_other(const struct keyring *k, const uint8_t *data,
			  const struct keyring_entry *e, uint8_t *tried, struct keyring_verdict *v)
{
	const uint8_t *id = e->value + 2;
	const struct keyring_key *key = keyring_find_retired(k, id);

	v->signatures++;
	if (key != NULL && tried != NULL && v->retired == NULL &&
	    entry_is_valid(key, e, data, tried))
		v->retired = key;
	if (key != NULL || keyring_find(k, id) != NULL)
		return;
	if (v->strangers++ == 0)
		memcpy(v->stranger, id, KEYRING_ID_LEN);
}

/* Only the message depends on them. */
static void look_for_others(const struct keyring *k, const uint8_t *data, const uint8_t *area,
			    size_t cap, struct keyring_verdict *v)
{
	uint8_t tried[KEYRING_KEYS_MAX] = { 0 };
	struct keyring_entry e;
	size_t pos = 0;

	while (keyring_next(area, cap, &pos, &e) == KB_OK) {
		const struct keyring_key *key;

		if (e.tag != KEYRING_TAG_SIGNATURE)
			continue;
		key = keyring_find_retired(k, e.value + 2);
		look_at_other(k, data, &e, key != NULL ? &tried[key - k->retired] : NULL, v);
	}
}

enum kb_err keyring_check(const struct keyring *k, const uint8_t *header, const uint8_t *area,
			  size_t cap, struct keyring_verdict *v)
{
	unsigned required = k->required > 0 ? k->required : 1;
	uint8_t data[KEYRING_SIGNED_LEN], tried[KEYRING_KEYS_MAX] = { 0 };
	struct keyring_entry e;
	size_t pos = 0;

	*v = (struct keyring_verdict){ 0 };
	TRY(check_area(area, cap));
	keyring_signed_bytes(data, k->document, header);
	while (keyring_next(area, cap, &pos, &e) == KB_OK) {
		const struct keyring_key *key;

		if (e.tag != KEYRING_TAG_SIGNATURE)
			continue;
		key = keyring_find(k, e.value + 2);
		if (key == NULL || !entry_is_valid(key, &e, data, &tried[key - k->key]))
			continue;
		count_signer(k, key, v);
		if (v->valid >= required)
			return KB_OK;
	}
	look_for_others(k, data, area, cap, v);
	return KB_ESIG;
}

enum kb_err keyring_verify(const struct keyring *k, const uint8_t *header, const uint8_t *area,
			   size_t cap, const struct keyring_key **signer)
{
	struct keyring_verdict v;
	enum kb_err err = keyring_check(k, header, area, cap, &v);

	*signer = err == KB_OK ? v.signer : NULL;
	return err;
}

void keyring_signers(const struct keyring *k, const struct keyring_verdict *v, char *out,
		     size_t size)
{
	size_t len = 0;

	out[0] = '\0';
	for (unsigned i = 0; i < k->n && len < size; i++) {
		if (v->signers >> i & 1)
			len += (size_t)snprintf(out + len, size - len, "%s%s", len > 0 ? ", " : "",
						k->key[i].name);
	}
}

#define ID_SHOWN 8u /* bytes of an id: enough to find it in what `keelboot key show` prints */

/* What there is instead of a signature that counts: the end of a sentence. */
static void explain_others(const struct keyring *k, const struct keyring_verdict *v, char *out,
			   size_t size)
{
	char id[2 * ID_SHOWN + 1], own[2 * ID_SHOWN + 1], more[24] = "";

	if (v->signatures == 0) {
		snprintf(out, size, "it has no signature; sign it: keelboot %s sign",
			 k->document == KEYRING_CHANNEL ? "channel" : "bundle");
		return;
	}
	if (v->strangers == 0 || k->n == 0) {
		snprintf(out, size, "its signature is not valid; copy it again");
		return;
	}
	bytes_hex(id, v->stranger, ID_SHOWN);
	bytes_hex(own, k->key[0].id, ID_SHOWN);
	if (k->n > 1)
		snprintf(more, sizeof(more), " and %u more", k->n - 1);
	snprintf(
		out, size,
		"its signature names key %s, but %s (%.40s)%s %s trusted; sign it with a trusted key",
		id, own, k->key[0].name, more, k->n > 1 ? "are" : "is");
}

/* Either of a retired key and too few trusted ones, alone, would be half of the reason. */
void keyring_explain(const struct keyring *k, const struct keyring_verdict *v, char *out,
		     size_t size)
{
	char names[64], others[176];

	keyring_signers(k, v, names, sizeof(names));
	explain_others(k, v, others, sizeof(others));
	if (v->retired != NULL && v->valid > 0)
		snprintf(
			out, size,
			"signed by %u trusted key%s (%.40s), but %u must sign; the retired key \"%.30s\" does not count",
			v->valid, v->valid == 1 ? "" : "s", names, k->required, v->retired->name);
	else if (v->retired != NULL)
		snprintf(out, size,
			 "signed by the retired key \"%.40s\", which this device no longer trusts",
			 v->retired->name);
	else if (v->valid > 0)
		snprintf(out, size, "signed by %u trusted key%s (%.40s), but %u must sign",
			 v->valid, v->valid == 1 ? "" : "s", names, k->required);
	else if (k->n == 1)
		snprintf(out, size, "not signed by the one trusted key: %s", others);
	else
		snprintf(out, size, "not signed by any of the %u trusted keys: %s", k->n, others);
}
