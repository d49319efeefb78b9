/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/key/key_file.h"

#include "cli/key/key_token.h"
#include "cli/output/inputs.h"
#include "lib/bytes.h"
#include "lib/log.h"
#include "lib/util.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PATH_LEN 4096

const struct keyring_key *key_file_public(const struct key_file *k)
{
	return &k->ring.key[0];
}

unsigned key_file_count(const struct key_file *k, unsigned n)
{
	unsigned different = 0;

	for (unsigned i = 0, before; i < n; i++) {
		for (before = 0; before < i; before++)
			if (memcmp(key_file_public(&k[before])->id, key_file_public(&k[i])->id,
				   KEYRING_ID_LEN) == 0)
				break;
		different += before == i;
	}
	return different;
}

void key_file_free(struct key_file *k)
{
	EVP_PKEY_free(k->pkey);
	keyring_free(&k->ring);
	k->pkey = NULL;
}

/* Derives the public half from k->pkey, in the one form that a device accepts. */
static enum kb_err derive_public(struct key_file *k, const char *path)
{
	const char *slash = strrchr(path, '/');
	uint8_t *der = NULL;
	char name[64];
	enum kb_err err;
	int len;

	if (EVP_PKEY_is_a(k->pkey, "EC") &&
	    EVP_PKEY_set_utf8_string_param(k->pkey, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
					   "uncompressed") != 1)
		return KB_EIO;
	len = i2d_PUBKEY(k->pkey, &der);
	if (len <= 0)
		return KB_EIO;
	snprintf(name, sizeof(name), "%s", slash != NULL ? slash + 1 : path);
	if (strlen(name) > 4 && strcmp(name + strlen(name) - 4, ".key") == 0)
		name[strlen(name) - 4] = '\0';
	err = keyring_add_spki(&k->ring, der, (size_t)len, name);
	if (err == KB_OK) {
		memcpy(k->spki, der, (size_t)len);
		k->spki_len = (size_t)len;
	}
	OPENSSL_free(der);
	return err;
}

static enum kb_err load_token(struct key_file *k, const char *uri)
{
	enum kb_err err;

	k->uri = uri;
	TRY(key_token_public(uri, k->spki, &k->spki_len));
	err = keyring_add_spki(&k->ring, k->spki, k->spki_len, "token");
	if (err != KB_OK)
		log_err("%s: neither Ed25519 nor ECDSA P-256", key_token_shown(uri));
	return err;
}

enum kb_err key_file_load(struct key_file *k, const char *path)
{
	enum kb_err err;
	FILE *f;

	memset(k, 0, sizeof(*k));
	if (key_token_is_uri(path))
		return load_token(k, path);
	inputs_note(path);
	f = fopen(path, "re");
	if (f == NULL) {
		err = err_errno(errno);
		log_err("key %s: %s%s", path, strerror(errno),
			err == KB_EPERM ? "; run as root, or as the owner of the key" : "");
		return err;
	}
	k->pkey = PEM_read_PrivateKey(f, NULL, NULL, NULL);
	fclose(f);
	if (k->pkey == NULL) {
		log_err("key %s: no private key in PEM form, or a wrong passphrase", path);
		return KB_EINVAL;
	}
	err = derive_public(k, path);
	if (err != KB_OK) {
		log_err("key %s: neither Ed25519 nor ECDSA P-256; `keelboot key generate` makes one",
			path);
		key_file_free(k);
		return KB_EINVAL;
	}
	return KB_OK;
}

/* ---------------------------------------------------------------- making one */

static enum kb_err new_file(const char *path, mode_t mode, FILE **f)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);

	if (fd < 0 && errno == EEXIST) {
		log_err("%s exists, and keys are never overwritten; choose another name", path);
		return KB_EBUSY;
	}
	if (fd < 0) {
		enum kb_err err = err_errno(errno);

		log_err("%s: %s%s", path, strerror(errno),
			err == KB_EPERM ? "; run as root, or choose another folder: -o NAME" : "");
		return err;
	}
	*f = fdopen(fd, "w");
	if (*f == NULL) {
		close(fd);
		return KB_EIO;
	}
	return KB_OK;
}

static enum kb_err end_file(FILE *f, const char *path, int written)
{
	int bad = written != 1 || fflush(f) != 0 || fsync(fileno(f)) != 0;

	if (fclose(f) != 0 || bad) {
		log_err("%s: unable to write the key", path);
		unlink(path);
		return KB_EIO;
	}
	return KB_OK;
}

static enum kb_err write_pair(const struct key_file *k, const char *priv, const char *pub)
{
	enum kb_err err;
	FILE *f = NULL;

	TRY(new_file(priv, 0600, &f));
	TRY(end_file(f, priv, PEM_write_PKCS8PrivateKey(f, k->pkey, NULL, NULL, 0, NULL, NULL)));
	err = new_file(pub, 0644, &f);
	if (err == KB_OK)
		err = end_file(f, pub, PEM_write_PUBKEY(f, k->pkey));
	if (err != KB_OK)
		unlink(priv);
	return err;
}

enum kb_err key_file_generate(const char *base, enum keyring_alg alg, struct key_file *k)
{
	char priv[PATH_LEN], pub[PATH_LEN];
	enum kb_err err;

	memset(k, 0, sizeof(*k));
	if (snprintf(priv, sizeof(priv), "%s.key", base) >= (int)sizeof(priv) ||
	    snprintf(pub, sizeof(pub), "%s.pem", base) >= (int)sizeof(pub)) {
		log_err("the name %.40s… is too long", base);
		return KB_EINVAL;
	}
	if (alg == KEYRING_ED25519)
		k->pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	else
		k->pkey = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	if (k->pkey == NULL) {
		log_err("OpenSSL cannot make a key");
		return KB_EIO;
	}
	err = derive_public(k, priv);
	if (err == KB_OK)
		err = write_pair(k, priv, pub);
	if (err != KB_OK)
		key_file_free(k);
	return err;
}

/* ---------------------------------------------------------------- signing */

struct area_out {
	uint8_t buf[128 * 1024];
	size_t len, cap;
};

static enum kb_err append_entry(struct area_out *o, uint16_t tag, const uint8_t *value,
				uint16_t len)
{
	if (4u + (size_t)len > o->cap - o->len)
		return KB_ENOSPC;
	bytes_put16(o->buf + o->len, tag);
	bytes_put16(o->buf + o->len + 2, len);
	memcpy(o->buf + o->len + 4, value, len);
	o->len += 4u + (size_t)len;
	return KB_OK;
}

static bool is_signature_of(const struct keyring_entry *e, const struct keyring_key *key)
{
	return e->tag == KEYRING_TAG_SIGNATURE && e->value[0] == (uint8_t)key->alg &&
	       memcmp(e->value + 2, key->id, KEYRING_ID_LEN) == 0;
}

static enum kb_err copy_others(struct area_out *o, const struct keyring_key *key,
			       const uint8_t *area, unsigned *n)
{
	struct keyring_entry e;
	enum kb_err err;
	size_t pos = 0;

	*n = 0;
	for (;;) {
		err = keyring_next(area, o->cap, &pos, &e);
		if (err != KB_OK)
			return err == KB_ENOENT ? KB_OK : err;
		if (is_signature_of(&e, key))
			continue;
		TRY(append_entry(o, e.tag, e.value, e.len));
		++*n;
	}
}

struct signature {
	size_t len;
	uint8_t buf[KEYRING_SIG_MAX];
};

/* Tokens give the two numbers of ECDSA as they are; a bundle has them in DER. */
static enum kb_err to_der(const uint8_t raw[64], struct signature *sig)
{
	ECDSA_SIG *pair = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(raw, 32, NULL), *s = BN_bin2bn(raw + 32, 32, NULL);
	uint8_t *out = sig->buf;
	int len = -1;

	if (pair != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(pair, r, s) == 1) {
		r = s = NULL; /* pair's now; 72 bytes at most */
		len = i2d_ECDSA_SIG(pair, &out);
	}
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(pair);
	sig->len = len > 0 ? (size_t)len : 0;
	return len > 0 ? KB_OK : KB_EIO;
}

static enum kb_err sign_here(const struct key_file *k, const uint8_t *data, struct signature *sig)
{
	const EVP_MD *md = key_file_public(k)->alg == KEYRING_ED25519 ? NULL : EVP_sha256();
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok;

	sig->len = sizeof(sig->buf);
	ok = ctx != NULL && EVP_DigestSignInit(ctx, NULL, md, NULL, k->pkey) == 1 &&
	     EVP_DigestSign(ctx, sig->buf, &sig->len, data, KEYRING_SIGNED_LEN) == 1;
	EVP_MD_CTX_free(ctx);
	return ok ? KB_OK : KB_EIO;
}

static enum kb_err sign_in_token(const struct key_file *k, const uint8_t *data,
				 struct signature *sig)
{
	uint8_t raw[64];

	TRY(key_token_sign(k->uri, data, KEYRING_SIGNED_LEN, raw));
	if (key_file_public(k)->alg == KEYRING_ECDSA_P256)
		return to_der(raw, sig);
	memcpy(sig->buf, raw, sizeof(raw));
	sig->len = sizeof(raw);
	return KB_OK;
}

/* In the place of an earlier one by the same key, behind all others. */
static enum kb_err put_signature(const struct keyring *ring, const uint8_t header[512],
				 uint8_t *area, size_t cap, const struct signature *sig)
{
	static struct area_out o;
	const struct keyring_key *key = &ring->key[0], *signer;
	uint8_t value[KEYRING_SIG_HEAD + KEYRING_SIG_MAX] = { (uint8_t)key->alg };
	unsigned n;

	memset(&o, 0, sizeof(o));
	o.cap = cap;
	if (cap > sizeof(o.buf))
		return KB_EINVAL;
	TRY(copy_others(&o, key, area, &n));
	if (n >= KEYRING_ENTRIES_MAX)
		return KB_ENOSPC;
	memcpy(value + 2, key->id, KEYRING_ID_LEN);
	memcpy(value + KEYRING_SIG_HEAD, sig->buf, sig->len);
	TRY(append_entry(&o, KEYRING_TAG_SIGNATURE, value,
			 (uint16_t)(KEYRING_SIG_HEAD + sig->len)));
	/* Never hand out what a device would refuse. */
	TRY(keyring_verify(ring, header, o.buf, cap, &signer));
	memcpy(area, o.buf, cap);
	return KB_OK;
}

enum kb_err key_file_sign(const struct key_file *k, const uint8_t header[512], uint8_t *area,
			  size_t cap)
{
	uint8_t data[KEYRING_SIGNED_LEN];
	struct signature sig = { .len = 0 };
	enum kb_err err;

	keyring_signed_bytes(data, k->ring.document, header);
	TRY(k->uri != NULL ? sign_in_token(k, data, &sig) : sign_here(k, data, &sig));
	err = put_signature(&k->ring, header, area, cap, &sig);
	return err == KB_ESIG ? KB_EIO : err;
}

enum kb_err key_file_attach(const struct keyring *ring, const uint8_t header[512], uint8_t *area,
			    size_t cap, const uint8_t *bytes, size_t len)
{
	struct signature sig = { .len = len };
	enum kb_err err;

	if (len == 0 || len > sizeof(sig.buf))
		return KB_ESIG;
	memcpy(sig.buf, bytes, len);
	err = put_signature(ring, header, area, cap, &sig);
	if (err != KB_ESIG || ring->key[0].alg != KEYRING_ECDSA_P256 || len != 64)
		return err;
	TRY(to_der(bytes, &sig));
	return put_signature(ring, header, area, cap, &sig);
}
