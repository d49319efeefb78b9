/* SPDX-License-Identifier: Apache-2.0 */
/* Folders of key files, and the keys as OpenSSL wants them. */
#include "lib/log.h"
#include "lib/os.h"
#include "lib/util.h"
#include "update/crypto/digest.h"
#include "update/keys/keyring.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static void *pkey_p256(const uint8_t *point, size_t len)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)"prime256v1",
						 0),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)point, len),
		OSSL_PARAM_construct_end(),
	};
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *pkey = NULL;

	/* This also checks that the point lies on the curve. */
	if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
		pkey = NULL;
	EVP_PKEY_CTX_free(ctx);
	return pkey;
}

/* No key at all, or none for want of memory: only what OpenSSL says of the curve is the key's. */
static enum kb_err why_no_key(void)
{
	bool curve = false, memory = false;
	unsigned long code;

	while ((code = ERR_get_error()) != 0) {
		curve |= ERR_GET_LIB(code) == ERR_LIB_EC;
		memory |= ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE;
	}
	return curve && !memory ? KB_EFORMAT : KB_EIO;
}

static enum kb_err key_from_spki(struct keyring_key *key, const uint8_t *spki)
{
	ERR_clear_error();
	if (key->alg == KEYRING_ED25519)
		key->pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL,
							spki + KEYRING_PEM_ED25519_AT, 32);
	else
		key->pkey = pkey_p256(spki + KEYRING_PEM_P256_AT, 65);
	return key->pkey != NULL ? KB_OK : why_no_key();
}

static enum kb_err spki_id(uint8_t id[KEYRING_ID_LEN], const uint8_t *spki, size_t len)
{
	uint8_t full[DIGEST_LEN];
	struct digest d;
	enum kb_err err;

	TRY(digest_init(&d));
	err = digest_buf(&d, spki, len, full);
	digest_free(&d);
	memcpy(id, full, KEYRING_ID_LEN);
	return err;
}

static enum kb_err make_key(struct keyring_key *key, const uint8_t *spki, size_t len,
			    enum keyring_alg alg, const char *name)
{
	memset(key, 0, sizeof(*key));
	key->alg = alg;
	TRY(key_from_spki(key, spki));
	key->published = keyring_pem_published(spki, len);
	util_print_safe(key->name, sizeof(key->name), name);
	return KB_OK;
}

enum kb_err keyring_add_spki(struct keyring *k, const uint8_t *spki, size_t len, const char *name)
{
	uint8_t id[KEYRING_ID_LEN];
	enum keyring_alg alg;

	TRY(keyring_pem_alg(spki, len, &alg)); /* what is no key takes no room */
	TRY(spki_id(id, spki, len));
	if (keyring_find(k, id) != NULL)
		return KB_OK;
	if (keyring_find_retired(k, id) != NULL) {
		log_warn("keyring: %s is a retired key, and not trusted", name);
		return KB_OK;
	}
	if (k->n == KEYRING_KEYS_MAX)
		return KB_ENOSPC;
	TRY(make_key(&k->key[k->n], spki, len, alg, name));
	memcpy(k->key[k->n].id, id, sizeof(id));
	k->n++;
	return KB_OK;
}

static enum kb_err retire_spki(struct keyring *k, const uint8_t *spki, size_t len, const char *name)
{
	uint8_t id[KEYRING_ID_LEN];
	enum keyring_alg alg;

	TRY(keyring_pem_alg(spki, len, &alg));
	TRY(spki_id(id, spki, len));
	if (keyring_find_retired(k, id) != NULL)
		return KB_OK;
	if (k->nretired == KEYRING_KEYS_MAX)
		return KB_ENOSPC;
	TRY(make_key(&k->retired[k->nretired], spki, len, alg, name));
	memcpy(k->retired[k->nretired].id, id, sizeof(id));
	k->nretired++;
	return KB_OK;
}

static enum kb_err read_text(const char *path, char text[KEYRING_PEM_MAX + 2])
{
	size_t n;

	TRY(os_read_file(path, text, KEYRING_PEM_MAX + 2, &n));
	if (n > KEYRING_PEM_MAX || memchr(text, '\0', n) != NULL)
		return KB_EFORMAT; /* behind a NUL nobody would look for another key */
	return KB_OK;
}

static void base_name(char *out, size_t size, const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
	size_t len = strlen(name);

	if (len > 4 && strcmp(name + len - 4, ".pem") == 0)
		len -= 4;
	snprintf(out, size, "%.*s", (int)(len < size ? len : size - 1), name);
}

typedef enum kb_err (*add_fn)(struct keyring *k, const uint8_t *spki, size_t len, const char *name);

static enum kb_err add_file(struct keyring *k, const char *path, add_fn add)
{
	char text[KEYRING_PEM_MAX + 2], name[64];
	uint8_t spki[KEYRING_SPKI_MAX];
	size_t len;

	TRY(read_text(path, text));
	TRY(keyring_pem_decode(text, spki, &len));
	base_name(name, sizeof(name), path);
	return add(k, spki, len, name);
}

enum kb_err keyring_add(struct keyring *k, const char *path)
{
	return add_file(k, path, keyring_add_spki);
}

/* ---------------------------------------------------------------- folders */

#define FILE_NAME 256u /* no file system has longer ones */

struct file_list {
	/* else what is named as a key */
	bool all;
	unsigned n;
	char name[KEYRING_FILES_MAX][FILE_NAME];
};

/* Kept in order as it grows. */
static enum kb_err list_insert(struct file_list *l, const char *name)
{
	unsigned i = l->n;

	if (l->n == KEYRING_FILES_MAX || strlen(name) >= FILE_NAME)
		return KB_ENOSPC;
	for (; i > 0 && strcmp(l->name[i - 1], name) > 0; i--)
		memcpy(l->name[i], l->name[i - 1], FILE_NAME);
	snprintf(l->name[i], FILE_NAME, "%.*s", FILE_NAME - 1, name);
	l->n++;
	return KB_OK;
}

static enum kb_err list_entry(void *ctx, const char *name)
{
	struct file_list *l = ctx;

	return l->all || keyring_pem_is_name(name) ? list_insert(l, name) : KB_OK;
}

/* A key that could be read another time: without it, what it signed would not be signed. */
static bool is_fault(enum kb_err err)
{
	return err == KB_EIO || err == KB_EBUSY || err == KB_ETIMEDOUT;
}

/* A key that left retired.d is trusted again, should it be among the others. */
static enum kb_err refuse_full(const char *dir, unsigned max, const char *what, add_fn add)
{
	log_err("keyring %s: more than %u %s, so no key is trusted; remove those %s", dir, max,
		what,
		add == retire_spki ? "that are not in the folder above either"
				   : "that are not in use");
	return KB_ENOSPC;
}

static enum kb_err add_entry(struct keyring *k, const char *dir, const char *file, add_fn add)
{
	char path[4096];
	enum kb_err err;

	if (snprintf(path, sizeof(path), "%s/%s", dir, file) >= (int)sizeof(path))
		err = KB_EINVAL;
	else
		err = add_file(k, path, add);
	if (err == KB_OK || is_fault(err))
		return err;
	if (err == KB_ENOSPC)
		return refuse_full(dir, KEYRING_KEYS_MAX, "keys", add);
	if (add == retire_spki) {
		/* To pass it over would be to trust it on, should it be among the others too. */
		log_err("keyring: %s/%s: not " KEYRING_PEM_WANTED
			": %s; no key is trusted until each retired key can be read; put each key into a file of its own, and remove other files from that folder",
			dir, file, err_text(err));
		return KB_EFORMAT;
	}
	log_warn("keyring: %s/%s skipped: %s; expected " KEYRING_PEM_WANTED ", in each file", dir,
		 file, err_text(err));
	return KB_OK;
}

static enum kb_err add_folder(struct keyring *k, const char *dir, add_fn add)
{
	struct file_list list;
	enum kb_err err;

	/* Trusted is only what is named as a key. Retired is all that lies there, however it is
	 * named: who skipped one would trust it on. */
	list.all = add == retire_spki;
	list.n = 0;
	err = os_each(dir, list_entry, &list);
	if (err == KB_ENOSPC)
		return refuse_full(dir, KEYRING_FILES_MAX, "files of keys", add);
	TRY(err);
	for (unsigned i = 0; i < list.n; i++)
		TRY(add_entry(k, dir, list.name[i], add));
	return KB_OK;
}

/* Before the others, so that none of them is trusted that is among these too. */
static enum kb_err load_retired(struct keyring *k, const char *dir)
{
	char path[4096], target[2];
	enum kb_err err;

	if (snprintf(path, sizeof(path), "%s/" KEYRING_RETIRED_DIR, dir) >= (int)sizeof(path))
		return KB_EINVAL;
	err = add_folder(k, path, retire_spki);
	if (err != KB_ENOENT)
		return err;
	/* Something of that name that is no folder was meant to be one. */
	return os_readlink(path, target, sizeof(target)) == KB_ENOENT ? KB_OK : KB_EFORMAT;
}

enum kb_err keyring_load(struct keyring *k, const char *dir)
{
	enum kb_err err;

	memset(k, 0, sizeof(*k));
	err = load_retired(k, dir);
	if (err == KB_OK)
		err = add_folder(k, dir, keyring_add_spki);
	if (err == KB_OK && k->n == 0)
		err = KB_ENOENT;
	if (err == KB_ENOENT)
		log_err("keyring %s: no usable key, so no bundle can be verified; put a public key (*.pem) there",
			dir);
	else if (err != KB_OK && err != KB_ENOSPC) /* refuse_full() said why */
		log_err("keyring %s: the keys cannot be read: %s", dir, err_text(err));
	if (err != KB_OK)
		keyring_free(k);
	return err;
}

enum kb_err keyring_open(struct keyring *k, const char *dir, unsigned required)
{
	TRY(keyring_load(k, dir));
	k->required = required;
	if (required <= k->n)
		return KB_OK;
	log_err("keyring %s: signatures-required=%u, but only %u key%s: no bundle can be verified; put more public keys (*.pem) there",
		dir, required, k->n, k->n == 1 ? "" : "s");
	keyring_free(k);
	return KB_EINVAL;
}

void keyring_free(struct keyring *k)
{
	for (unsigned i = 0; i < k->n; i++)
		EVP_PKEY_free(k->key[i].pkey);
	for (unsigned i = 0; i < k->nretired; i++)
		EVP_PKEY_free(k->retired[i].pkey);
	memset(k, 0, sizeof(*k));
}
