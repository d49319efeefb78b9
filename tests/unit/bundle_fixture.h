/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bundles for tests, made without the product's writer, layer by layer, so that a test can put
 * anything into a layer and still have the ones above it signed and right.
 */
#pragma once

#include "cli/key/key_file.h"
#include "lib/bytes.h"
#include "update/bundle/reader.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FIXTURE_CHUNK 16384u
#define FIXTURE_MAX   (1u << 20) /* bytes of any part */

struct fixture {
	uint32_t nchunks;
	uint64_t size; /* of the image */
	uint32_t sig_cap;
	/* the layers, from the bottom */
	uint8_t payload[FIXTURE_MAX];
	size_t payload_len;
	uint8_t records[FIXTURE_MAX]; /* pages */
	size_t records_len;
	uint8_t hashes[FIXTURE_MAX]; /* pages */
	size_t hashes_len;
	uint8_t lists[2][65536];
	size_t list_len[2];
	char manifest[MANIFEST_MAX];
	size_t manifest_len;
	struct reader_header h;
	uint8_t header[512];
	uint8_t sig[READER_SIG_CAP_MAX];
	/* the whole */
	uint8_t file[3 * FIXTURE_MAX];
	size_t len;
};

static inline void fixture_sha(const void *p, size_t len, uint8_t out[32])
{
	unsigned n;

	if (EVP_Digest(p, len, out, &n, EVP_sha256(), NULL) != 1)
		abort();
}

/* What is a plain chunk does not matter to a reader: its "hash" tells its number. */
static inline void fixture_hash(uint32_t i, uint8_t out[32])
{
	memset(out, 0x5a, 32);
	bytes_put32(out, i);
}

static inline size_t fixture_varint(uint8_t *p, uint32_t v)
{
	size_t n = 0;

	for (; v >= 0x80; v >>= 7)
		p[n++] = (uint8_t)(v | 0x80);
	p[n++] = (uint8_t)v;
	return n;
}

/* Bytes that a chunk stores: none (a zero chunk) for two of three, a few (zstd) for the third; the
 * last chunk has 4096 bytes, raw. */
static inline uint32_t fixture_stored(const struct fixture *f, uint32_t i)
{
	if (i + 1 == f->nchunks)
		return 4096;
	return i % 3 == 2 ? 5 + i % 300 : 0;
}

static inline enum reader_form fixture_form(const struct fixture *f, uint32_t i)
{
	if (i + 1 == f->nchunks)
		return READER_RAW;
	return i % 3 == 2 ? READER_ZSTD : READER_ZERO;
}

/* nchunks chunks, the last one shorter; per_page records in a page. */
static inline void fixture_begin(struct fixture *f, uint32_t nchunks, uint32_t per_page)
{
	memset(f, 0, sizeof(*f));
	f->nchunks = nchunks;
	f->size = (uint64_t)(nchunks - 1) * FIXTURE_CHUNK + 4096;
	f->sig_cap = 512;
	for (uint32_t i = 0; i < nchunks; i++) {
		size_t page = f->records_len - f->records_len % READER_PAGE;
		uint32_t stored = fixture_stored(f, i);

		if (i % per_page == 0) {
			if (i > 0)
				f->records_len = page + READER_PAGE;
			page = f->records_len;
			bytes_put32(f->records + page, i);
			bytes_put64(f->records + page + 8, f->payload_len);
			f->records_len += READER_PAGE_HEAD;
		}
		bytes_put32(f->records + page + 4, bytes_get32(f->records + page + 4) + 1);
		f->records[f->records_len++] = (uint8_t)fixture_form(f, i);
		f->records_len += fixture_varint(f->records + f->records_len, stored);
		f->records[f->records_len++] = 0;
		memset(f->payload + f->payload_len, (int)(i & 0xff), stored);
		f->payload_len += stored;
		fixture_hash(i, f->hashes + f->hashes_len);
		f->hashes_len += 32;
	}
}

static inline void fixture_list(struct fixture *f, unsigned which, const uint8_t *pages, size_t len)
{
	f->list_len[which] = 0;
	for (size_t at = 0; at < len; at += READER_PAGE) {
		size_t n = len - at < READER_PAGE ? len - at : READER_PAGE;

		fixture_sha(pages + at, n, f->lists[which] + f->list_len[which]);
		f->list_len[which] += 32;
	}
}

static inline void fixture_lists(struct fixture *f)
{
	fixture_list(f, 0, f->hashes, f->hashes_len);
	fixture_list(f, 1, f->records, f->records_len);
}

static inline void fixture_hex(char out[65], const uint8_t *list, size_t len)
{
	uint8_t d[32];

	fixture_sha(list, len, d);
	bytes_hex(out, d, 32);
}

/* payload-digest=, by the words of FORMAT.md. */
static inline void fixture_payload(char out[65], const uint8_t *p, size_t len)
{
	uint8_t list[(FIXTURE_MAX >> 20) + 1][32];
	size_t n = 0;

	for (size_t at = 0; at < len; at += 1u << 20, n++) {
		size_t left = len - at;

		fixture_sha(p + at, left < 1u << 20 ? left : 1u << 20, list[n]);
	}
	fixture_hex(out, list[0], n * sizeof(list[0]));
}

static inline void fixture_manifest(struct fixture *f)
{
	char hashes[65], records[65], payload[65];
	size_t hl = f->list_len[0] + f->hashes_len, rl = f->list_len[1] + f->records_len;

	fixture_hex(hashes, f->lists[0], f->list_len[0]);
	fixture_hex(records, f->lists[1], f->list_len[1]);
	fixture_payload(payload, f->payload, f->payload_len);
	f->manifest_len = (size_t)snprintf(
		f->manifest, sizeof(f->manifest),
		"[bundle]\nformat=1.0\ncompatible=box\nversion=2.0\nsequence=2\nfloor=1\n"
		"allow-downgrade=yes\n[image.root]\nsize=%llu\nchunk-size=%u\ndigest=%s\n"
		"hashes-offset=0\nhashes-length=%zu\nhashes-digest=%s\n[encoding.1]\nimage=root\n"
		"kind=full\nforms=zero,raw,zstd\ntable-offset=%zu\ntable-length=%zu\n"
		"table-digest=%s\npayload-offset=0\npayload-length=%zu\npayload-digest=%s\n",
		(unsigned long long)f->size, FIXTURE_CHUNK, hashes, hl, hashes, hl, rl, records,
		f->payload_len, payload);
}

static inline void fixture_header(struct fixture *f)
{
	struct reader_header *h = &f->h;

	memset(h, 0, sizeof(*h));
	h->sig_cap = f->sig_cap;
	h->manifest_len = (uint32_t)f->manifest_len;
	h->manifest_off = 512 + f->sig_cap;
	h->tables_off = h->manifest_off + h->manifest_len;
	h->tables_len = f->list_len[0] + f->hashes_len + f->list_len[1] + f->records_len;
	h->payload_off = h->tables_off + h->tables_len;
	h->payload_len = f->payload_len;
	h->total_len = h->payload_off + h->payload_len;
	fixture_sha(f->manifest, f->manifest_len, h->manifest_digest);
	reader_header_write(h, f->header);
}

static inline void fixture_sign(struct fixture *f, const struct key_file *k)
{
	memset(f->sig, 0, sizeof(f->sig));
	if (key_file_sign(k, f->header, f->sig, f->sig_cap) != KB_OK)
		abort();
}

static inline void fixture_put(struct fixture *f, const void *p, size_t len)
{
	memcpy(f->file + f->len, p, len);
	f->len += len;
}

static inline void fixture_join(struct fixture *f)
{
	f->len = 0;
	fixture_put(f, f->header, 512);
	fixture_put(f, f->sig, f->sig_cap);
	fixture_put(f, f->manifest, f->manifest_len);
	fixture_put(f, f->lists[0], f->list_len[0]);
	fixture_put(f, f->hashes, f->hashes_len);
	fixture_put(f, f->lists[1], f->list_len[1]);
	fixture_put(f, f->records, f->records_len);
	fixture_put(f, f->payload, f->payload_len);
}

/* From the manifest upwards. */
static inline void fixture_seal_manifest(struct fixture *f, const struct key_file *k)
{
	fixture_header(f);
	fixture_sign(f, k);
	fixture_join(f);
}

/* From the pages upwards. */
static inline void fixture_seal(struct fixture *f, const struct key_file *k)
{
	fixture_lists(f);
	fixture_manifest(f);
	fixture_seal_manifest(f, k);
}

/* A file that holds it. */
static inline int fixture_fd(const void *p, size_t len)
{
	int fd = memfd_create("bundle", MFD_CLOEXEC);

	if (fd < 0 || write(fd, p, len) != (ssize_t)len)
		abort();
	return fd;
}
