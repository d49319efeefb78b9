/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key files. There are exactly two forms of a SubjectPublicKeyInfo that are taken, each a fixed
 * prefix and the key itself, so that no general ASN.1 or PEM reader is needed (and none of their
 * surprises is had: passphrase prompts, other curves, explicit parameters, compressed points).
 */
#include "lib/log.h"
#include "lib/util.h"
#include "update/digest.h"
#include "update/keyring.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PEM_BEGIN "-----BEGIN PUBLIC KEY-----"
#define PEM_END	  "-----END PUBLIC KEY-----"

static const uint8_t prefix_ed25519[12] = { 0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
					    0x2b, 0x65, 0x70, 0x03, 0x21, 0x00 };

/* id-ecPublicKey, prime256v1, a bit string that begins with 04: an uncompressed point. */
static const uint8_t prefix_p256[27] = { 0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
					 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
					 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04 };

static bool starts_with(const uint8_t *spki, size_t len, size_t want, const uint8_t *prefix,
			size_t n)
{
	return len == want && memcmp(spki, prefix, n) == 0;
}

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

static enum kb_err key_from_spki(struct keyring_key *key, const uint8_t *spki, size_t len)
{
	if (starts_with(spki, len, 44, prefix_ed25519, sizeof(prefix_ed25519))) {
		key->alg = KEYRING_ED25519;
		key->pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, spki + 12, 32);
	} else if (starts_with(spki, len, 91, prefix_p256, sizeof(prefix_p256))) {
		key->alg = KEYRING_ECDSA_P256;
		key->pkey = pkey_p256(spki + 26, 65);
	} else {
		return KB_EFORMAT;
	}
	return key->pkey != NULL ? KB_OK : KB_EFORMAT;
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

enum kb_err keyring_add_spki(struct keyring *k, const uint8_t *spki, size_t len, const char *name)
{
	struct keyring_key *key = &k->key[k->n];
	uint8_t id[KEYRING_ID_LEN];

	TRY(spki_id(id, spki, len));
	if (keyring_find(k, id) != NULL)
		return KB_OK;
	if (k->n == KEYRING_KEYS_MAX)
		return KB_ENOSPC;
	memset(key, 0, sizeof(*key));
	TRY(key_from_spki(key, spki, len));
	memcpy(key->id, id, sizeof(id));
	util_print_safe(key->name, sizeof(key->name), name);
	k->n++;
	return KB_OK;
}

/* The bytes between the first pair of lines; blank space among the base64 is skipped. */
static enum kb_err pem_decode(const char *text, uint8_t spki[KEYRING_SPKI_MAX], size_t *len)
{
	const char *p = strstr(text, PEM_BEGIN), *end = strstr(text, PEM_END);
	uint8_t b64[128], out[96];
	size_t n = 0;
	int got;

	if (p == NULL || end == NULL || end < p)
		return KB_EFORMAT;
	for (p += strlen(PEM_BEGIN); p < end; p++) {
		if (strchr(" \t\r\n", *p) != NULL)
			continue;
		if (n == sizeof(b64))
			return KB_EFORMAT;
		b64[n++] = (uint8_t)*p;
	}
	got = n % 4 == 0 ? EVP_DecodeBlock(out, b64, (int)n) : -1;
	/* EVP_DecodeBlock() counts the padding as bytes. */
	for (size_t i = n; i > 0 && got > 0 && b64[i - 1] == '='; i--)
		got--;
	if (got <= 0 || got > (int)KEYRING_SPKI_MAX)
		return KB_EFORMAT;
	memcpy(spki, out, (size_t)got);
	*len = (size_t)got;
	return KB_OK;
}

static enum kb_err read_text(const char *path, char text[KEYRING_PEM_MAX + 1])
{
	KB_CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n;

	if (fd < 0)
		return err_errno(errno);
	do {
		n = read(fd, text, KEYRING_PEM_MAX + 1);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_errno(errno);
	if (n > (ssize_t)KEYRING_PEM_MAX)
		return KB_EFORMAT;
	text[n] = '\0';
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

enum kb_err keyring_add(struct keyring *k, const char *path)
{
	char text[KEYRING_PEM_MAX + 1], name[64];
	uint8_t spki[KEYRING_SPKI_MAX];
	size_t len;

	TRY(read_text(path, text));
	TRY(pem_decode(text, spki, &len));
	base_name(name, sizeof(name), path);
	return keyring_add_spki(k, spki, len, name);
}

#define FILES_MAX 64u /* *.pem files in a folder */
#define FILE_NAME 64u

struct file_list {
	unsigned n;
	char name[FILES_MAX][FILE_NAME];
};

static bool is_pem(const char *name)
{
	size_t len = strlen(name);

	return name[0] != '.' && len > 4 && strcmp(name + len - 4, ".pem") == 0;
}

/* Kept in order as it grows. */
static enum kb_err list_insert(struct file_list *l, const char *name)
{
	unsigned i = l->n;

	if (strlen(name) >= FILE_NAME) {
		log_warn("keyring: %s passed over: its name is too long", name);
		return KB_OK;
	}
	if (l->n == FILES_MAX)
		return KB_ENOSPC;
	for (; i > 0 && strcmp(l->name[i - 1], name) > 0; i--)
		memcpy(l->name[i], l->name[i - 1], FILE_NAME);
	snprintf(l->name[i], FILE_NAME, "%.*s", FILE_NAME - 1, name);
	l->n++;
	return KB_OK;
}

static enum kb_err list_folder(struct file_list *l, const char *dir)
{
	DIR *d = opendir(dir);
	const struct dirent *de;
	enum kb_err err = KB_OK;

	l->n = 0;
	if (d == NULL)
		return err_errno(errno);
	while (err == KB_OK && (errno = 0, de = readdir(d)) != NULL) {
		if (is_pem(de->d_name))
			err = list_insert(l, de->d_name);
	}
	if (err == KB_OK)
		err = err_errno(errno);
	closedir(d);
	return err;
}

/* A key that could be read another time: without it, what it signed would not be signed. */
static bool is_fault(enum kb_err err)
{
	return err == KB_EIO || err == KB_EBUSY || err == KB_ETIMEDOUT;
}

static enum kb_err add_entry(struct keyring *k, const char *dir, const char *file)
{
	char path[4096];
	enum kb_err err;

	if (snprintf(path, sizeof(path), "%s/%s", dir, file) >= (int)sizeof(path))
		err = KB_EINVAL;
	else
		err = keyring_add(k, path);
	if (err == KB_ENOSPC || is_fault(err))
		return err;
	if (err != KB_OK)
		log_warn("keyring: %s/%s passed over: %s; want a PEM \"PUBLIC KEY\", Ed25519 or "
			 "P-256",
			 dir, file, err_text(err));
	return KB_OK;
}

enum kb_err keyring_load(struct keyring *k, const char *dir)
{
	struct file_list list;
	enum kb_err err;

	memset(k, 0, sizeof(*k));
	err = list_folder(&list, dir);
	for (unsigned i = 0; err == KB_OK && i < list.n; i++)
		err = add_entry(k, dir, list.name[i]);
	if (err == KB_OK && k->n == 0)
		err = KB_ENOENT;
	if (err == KB_ENOSPC)
		log_err("keyring %s: more than %u keys; remove those that are not in use", dir,
			KEYRING_KEYS_MAX);
	else if (err == KB_ENOENT)
		log_err("keyring %s: no usable key, so no bundle can be verified; put a public key "
			"(*.pem) there",
			dir);
	else if (err != KB_OK)
		log_err("keyring %s: %s", dir, err_text(err));
	if (err != KB_OK)
		keyring_free(k);
	return err;
}

void keyring_free(struct keyring *k)
{
	for (unsigned i = 0; i < k->n; i++)
		EVP_PKEY_free(k->key[i].pkey);
	memset(k, 0, sizeof(*k));
}
