/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz_bundle.h"

#include "lib/bytes.h"
#include "tests/fuzz/fuzz.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SIG_CAP	   128u
#define TABLES_MAX (1u << 20)

/* ---------------------------------------------------------------- keys */

static EVP_PKEY *private_ed25519(void)
{
	uint8_t seed[32];

	memset(seed, 0x42, sizeof(seed));
	return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, sizeof(seed));
}

static void add_key(struct keyring *k, const uint8_t *spki, size_t len, const char *name)
{
	unsigned n = k->n;

	FUZZ_CHECK(keyring_add_spki(k, spki, len, name) == KB_OK && k->n == n + 1);
}

/* The generator of the curve: the public half of the private key 1. */
static const uint8_t spki_p256[91] = {
	0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
	0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
	0x04, 0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5,
	0x63, 0xa4, 0x40, 0xf2, 0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4,
	0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96, 0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a,
	0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b, 0xce, 0x33,
	0x57, 0x6b, 0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5
};

const struct keyring *fuzz_bundle_keys(void)
{
	static struct keyring k;
	uint8_t spki[KEYRING_SPKI_MAX], *p = spki;
	EVP_PKEY *key;
	int len;

	if (k.n > 0)
		return &k;
	key = private_ed25519();
	len = i2d_PUBKEY(key, &p);
	FUZZ_CHECK(len == 44);
	add_key(&k, spki, (size_t)len, "fuzz-ed25519");
	add_key(&k, spki_p256, sizeof(spki_p256), "fuzz-p256");
	EVP_PKEY_free(key);
	return &k;
}

void fuzz_bundle_sign_as(enum keyring_document document, const uint8_t header[READER_HEADER_LEN],
			 uint8_t entry[FUZZ_BUNDLE_ENTRY])
{
	static EVP_PKEY *key;
	uint8_t data[KEYRING_SIGNED_LEN];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t n = 64;

	key = key != NULL ? key : private_ed25519();
	keyring_signed_bytes(data, document, header);
	bytes_put16(entry, KEYRING_TAG_SIGNATURE);
	bytes_put16(entry + 2, KEYRING_SIG_HEAD + 64);
	entry[4] = KEYRING_ED25519;
	entry[5] = 0;
	memcpy(entry + 6, fuzz_bundle_keys()->key[0].id, KEYRING_ID_LEN);
	FUZZ_CHECK(EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) == 1);
	FUZZ_CHECK(EVP_DigestSign(ctx, entry + 22, &n, data, sizeof(data)) == 1 && n == 64);
	EVP_MD_CTX_free(ctx);
}

void fuzz_bundle_sign(const uint8_t header[READER_HEADER_LEN], uint8_t entry[FUZZ_BUNDLE_ENTRY])
{
	fuzz_bundle_sign_as(KEYRING_BUNDLE, header, entry);
}

static void sha256(const void *p, size_t len, uint8_t out[DIGEST_LEN])
{
	FUZZ_CHECK(EVP_Digest(p, len, out, NULL, EVP_sha256(), NULL) == 1);
}

bool fuzz_bundle_digest_is(const void *p, size_t len, const uint8_t digest[DIGEST_LEN])
{
	uint8_t got[DIGEST_LEN];

	sha256(p, len, got);
	return memcmp(got, digest, DIGEST_LEN) == 0;
}

static bool verifies(const struct keyring_key *key, const uint8_t *sig, size_t len,
		     const uint8_t *header, enum keyring_document document)
{
	const char *domain = document == KEYRING_CHANNEL ? KEYRING_DOMAIN_CHANNEL : KEYRING_DOMAIN;
	const EVP_MD *md = key->alg == KEYRING_ED25519 ? NULL : EVP_sha256();
	uint8_t data[sizeof(KEYRING_DOMAIN) + READER_HEADER_LEN];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok;

	memcpy(data, domain, sizeof(KEYRING_DOMAIN));
	memcpy(data + sizeof(KEYRING_DOMAIN), header, READER_HEADER_LEN);
	ok = EVP_DigestVerifyInit(ctx, NULL, md, NULL, key->pkey) == 1 &&
	     EVP_DigestVerify(ctx, sig, len, data, sizeof(data)) == 1;
	EVP_MD_CTX_free(ctx);
	return ok;
}

bool fuzz_bundle_is_signed_as(enum keyring_document document, const uint8_t *data, size_t size)
{
	const struct keyring *k = fuzz_bundle_keys();
	size_t at = READER_HEADER_LEN, end = at + bytes_get32(data + 40);

	FUZZ_CHECK(end <= size);
	while (end - at >= 4) {
		uint16_t tag = bytes_get16(data + at), len = bytes_get16(data + at + 2);

		if (len > end - at - 4)
			return false;
		for (unsigned i = 0; tag == 1 && len > 18 && i < k->n; i++) {
			const uint8_t *v = data + at + 4;

			if (memcmp(v + 2, k->key[i].id, 16) == 0 &&
			    verifies(&k->key[i], v + 18, len - 18u, data, document))
				return true;
		}
		at += 4u + len;
	}
	return false;
}

bool fuzz_bundle_is_signed(const uint8_t *data, size_t size)
{
	return fuzz_bundle_is_signed_as(KEYRING_BUNDLE, data, size);
}

/* ---------------------------------------------------------------- a file */

static int the_fd(void)
{
	static int fd = -1;

	if (fd < 0)
		fd = memfd_create("bundle", MFD_CLOEXEC);
	FUZZ_CHECK(fd >= 0 && ftruncate(fd, 0) == 0);
	return fd;
}

static void put(int fd, uint64_t off, const void *p, size_t len)
{
	FUZZ_CHECK(pwrite(fd, p, len, (off_t)off) == (ssize_t)len);
}

int fuzz_bundle_fd(const void *p, size_t len)
{
	int fd = the_fd();

	put(fd, 0, p, len);
	return fd;
}

/* ---------------------------------------------------------------- repairing */

static void fix_crc(uint8_t *data)
{
	bytes_put32(data + 508, bytes_crc32c(0, data, 508));
}

/* The header's lengths, from those of the signature area and the manifest. */
static size_t fix_lengths(uint8_t *data, size_t size, size_t max)
{
	static struct manifest m;
	struct reader_header h = { .compat = bytes_get64(data + 16) };
	size_t rest = size - READER_HEADER_LEN;
	uint64_t total;
	char why[160];

	h.sig_cap = bytes_get32(data + 40) % 1024;
	h.manifest_len = bytes_get32(data + 44);
	if (rest < 2)
		return size;
	if (h.sig_cap > rest / 2)
		h.sig_cap = (uint32_t)(rest / 2);
	rest -= h.sig_cap;
	if (h.manifest_len == 0 || h.manifest_len > rest)
		h.manifest_len = (uint32_t)rest;
	h.manifest_off = READER_HEADER_LEN + (uint64_t)h.sig_cap;
	h.tables_off = h.manifest_off + h.manifest_len;
	if (manifest_parse(&m, (char *)data + h.manifest_off, h.manifest_len, why, sizeof(why)) ==
	    KB_OK) {
		h.tables_len = manifest_tables_len(&m);
		h.payload_len = manifest_payload_len(&m);
	}
	h.payload_off = h.tables_off + h.tables_len;
	h.total_len = total = h.payload_off + h.payload_len;
	memcpy(h.manifest_digest, data + 88, DIGEST_LEN);
	reader_header_write(&h, data);
	if (total > max || total < size - rest)
		return size;
	if (total > size)
		memset(data + size, 0, total - size);
	return (size_t)total;
}

size_t fuzz_bundle_fix(uint8_t *data, size_t size, size_t max, unsigned level)
{
	uint32_t cap, len;

	if (level > 0)
		size = fix_lengths(data, size, max);
	cap = bytes_get32(data + 40);
	len = bytes_get32(data + 44);
	if (level > 1 && (uint64_t)READER_HEADER_LEN + cap + len <= size)
		sha256(data + READER_HEADER_LEN + cap, len, data + 88);
	fix_crc(data);
	if (level > 1 && cap >= FUZZ_BUNDLE_ENTRY && (uint64_t)READER_HEADER_LEN + cap <= size) {
		memset(data + READER_HEADER_LEN, 0, cap);
		fuzz_bundle_sign(data, data + READER_HEADER_LEN);
	}
	return size;
}

/* ---------------------------------------------------------------- building */

static struct {
	struct reader_header h;
	uint8_t header[READER_HEADER_LEN];
	uint8_t sig[SIG_CAP];
	char text[4096];
	uint8_t tables[TABLES_MAX];
	size_t len; /* of the tables */
} b;

/* A list of the digests of the pages, and the pages. */
static size_t put_table(const uint8_t *pages, size_t len, char hex[65])
{
	uint8_t *list = b.tables + b.len, digest[DIGEST_LEN];
	size_t npages = (len + READER_PAGE - 1) / READER_PAGE;

	for (size_t i = 0; i < npages; i++)
		sha256(pages + i * READER_PAGE,
		       len - i * READER_PAGE < READER_PAGE ? len - i * READER_PAGE : READER_PAGE,
		       list + i * DIGEST_LEN);
	sha256(list, npages * DIGEST_LEN, digest);
	bytes_hex(hex, digest, DIGEST_LEN);
	if (len > 0)
		memcpy(list + npages * DIGEST_LEN, pages, len);
	b.len += npages * DIGEST_LEN + len;
	return npages * DIGEST_LEN + len;
}

static size_t put_manifest(const struct fuzz_image *im, size_t nchunks)
{
	char hashes[65], records[65];
	size_t hlen, rlen;
	int n;

	b.len = 0;
	hlen = put_table(im->hashes, nchunks * DIGEST_LEN, hashes);
	rlen = put_table(im->pages, im->pages_len, records);
	n = snprintf(b.text, sizeof(b.text),
		     "[bundle]\nformat=1.0\ncompatible=box\nversion=2.0\nsequence=2\nfloor=1\n"
		     "allow-downgrade=yes\n[image.root]\nsize=%llu\nchunk-size=%u\ndigest=%s\n"
		     "hashes-offset=0\nhashes-length=%zu\nhashes-digest=%s\n[encoding.1]\n"
		     "image=root\nkind=full\nforms=zero,raw,zstd,zstd-next\ntable-offset=%zu\n"
		     "table-length=%zu\ntable-digest=%s\npayload-offset=0\npayload-length=%llu\n"
		     "payload-digest=%064d\n",
		     (unsigned long long)im->size, im->chunk, hashes, hlen, hashes, hlen, rlen,
		     records, (unsigned long long)im->payload_len, 0);
	return (size_t)n;
}

uint64_t fuzz_bundle_build(const struct fuzz_image *im, int *fd)
{
	size_t nchunks = (size_t)((im->size + im->chunk - 1) / im->chunk), mlen;
	struct reader_header *h = &b.h;

	if ((nchunks + 64) * DIGEST_LEN * 2 + im->pages_len > sizeof(b.tables))
		return 0;
	mlen = put_manifest(im, nchunks);
	*h = (struct reader_header){ .sig_cap = SIG_CAP, .manifest_len = (uint32_t)mlen };
	h->manifest_off = READER_HEADER_LEN + SIG_CAP;
	h->tables_off = h->manifest_off + mlen;
	h->tables_len = b.len;
	h->payload_off = h->tables_off + h->tables_len;
	h->payload_len = im->payload_len;
	h->total_len = h->payload_off + h->payload_len;
	sha256(b.text, mlen, h->manifest_digest);
	reader_header_write(h, b.header);
	memset(b.sig, 0, sizeof(b.sig));
	if (im->sign)
		fuzz_bundle_sign(b.header, b.sig);
	*fd = the_fd();
	put(*fd, 0, b.header, sizeof(b.header));
	put(*fd, READER_HEADER_LEN, b.sig, SIG_CAP);
	put(*fd, h->manifest_off, b.text, mlen);
	put(*fd, h->tables_off, b.tables, b.len);
	if (im->payload != NULL)
		put(*fd, h->payload_off, im->payload, (size_t)im->payload_len);
	FUZZ_CHECK(ftruncate(*fd, (off_t)h->total_len) == 0);
	return h->total_len;
}

uint64_t fuzz_bundle_tables(uint64_t *off)
{
	*off = b.h.tables_off;
	return b.h.tables_len;
}
