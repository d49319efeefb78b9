/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A channel file as a whole, as `keelboot channel inspect` opens it: header, signature area,
 * document. What it is refused for comes before the document is parsed.
 */
#include "cli/channel/channel_file.h"
#include "lib/bytes.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzz_bundle.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#define MAGIC "KEELCHAN"

static struct channel_file f;

/* ---------------------------------------------------------------- repairing */

/* The lengths, as if its maker had done it. false: it has no room for all. */
static bool fix_lengths(uint8_t *data, size_t size)
{
	struct reader_header h = { .compat = bytes_get64(data + 16) };
	size_t rest = size - READER_HEADER_LEN;

	h.sig_cap = bytes_get32(data + 40) % 1024;
	if (rest < 2 || h.sig_cap >= rest)
		return false;
	h.manifest_len = (uint32_t)(rest - h.sig_cap);
	h.manifest_off = READER_HEADER_LEN + (uint64_t)h.sig_cap;
	h.tables_off = h.payload_off = h.total_len = size;
	memcpy(h.manifest_digest, data + 88, DIGEST_LEN);
	reader_header_write_as(&h, data, MAGIC);
	return true;
}

static void fix_crc(uint8_t *data)
{
	bytes_put32(data + 508, bytes_crc32c(0, data, 508));
}

/* One in four has a checksum that is right, and no more; one is signed as if it were a bundle. */
size_t fuzz_fix(uint8_t *data, size_t size, size_t max, unsigned seed)
{
	uint32_t cap;

	(void)max;
	if (size < READER_HEADER_LEN)
		return size;
	if (seed % 4 > 0 && fix_lengths(data, size)) {
		cap = bytes_get32(data + 40);
		FUZZ_CHECK(EVP_Digest(data + READER_HEADER_LEN + cap,
				      size - READER_HEADER_LEN - cap, data + 88, NULL, EVP_sha256(),
				      NULL) == 1);
		fix_crc(data);
		if (cap >= FUZZ_BUNDLE_ENTRY) {
			memset(data + READER_HEADER_LEN, 0, cap);
			fuzz_bundle_sign_as(seed % 16 == 1 ? KEYRING_BUNDLE : KEYRING_CHANNEL, data,
					    data + READER_HEADER_LEN);
		}
	}
	fix_crc(data);
	return size;
}

/* ---------------------------------------------------------------- asserting */

static enum kb_err open_file(const void *data, size_t size, const struct keyring *keys)
{
	char path[64];
	enum kb_err err;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fuzz_bundle_fd(data, size));
	err = channel_file_open(&f, path, keys);
	FUZZ_CHECK(err == KB_OK || err == KB_EFORMAT || err == KB_ENEWER || err == KB_ESIG ||
		   err == KB_EDIGEST);
	FUZZ_CHECK(err != KB_OK || f.o != NULL);
	/* A document is parsed only where nothing else was refused. */
	FUZZ_CHECK(err == KB_OK || err == KB_EFORMAT || err == KB_ENEWER || f.o == NULL);
	channel_file_free(&f);
	return err;
}

/* By this file's own reading of docs/CHANNEL.md: three parts without gaps, and nothing behind. */
static void check_parts(const uint8_t *data, size_t size)
{
	uint32_t cap = bytes_get32(data + 40), len = bytes_get32(data + 44);

	FUZZ_CHECK(size <= CHANNEL_FILE_MAX && memcmp(data, MAGIC, 8) == 0);
	FUZZ_CHECK(size == READER_HEADER_LEN + (size_t)cap + len && len <= CHANNEL_DOCUMENT_MAX);
	FUZZ_CHECK(fuzz_bundle_digest_is(data + READER_HEADER_LEN + cap, len, data + 88));
	FUZZ_CHECK(f.len == len && channel_is_name(f.c.name) && f.c.sequence > 0 &&
		   f.c.expires > f.c.created);
}

/* A bit anywhere, and it is refused; so is a byte more, and each that is missing. */
static void check_changed(uint8_t *data, size_t size)
{
	size_t step = 1 + size / 24, cap = bytes_get32(data + 40);
	size_t area = READER_HEADER_LEN + FUZZ_BUNDLE_ENTRY;

	for (size_t i = 0; i < size; i += step) {
		/* Behind the signature there is room, in which a second one might stand. */
		if (i >= area && i < READER_HEADER_LEN + cap)
			continue;
		data[i] ^= 0x20;
		FUZZ_CHECK(open_file(data, size, fuzz_bundle_keys()) != KB_OK);
		data[i] ^= 0x20;
	}
	FUZZ_CHECK(open_file(data, size - 1, fuzz_bundle_keys()) != KB_OK);
	FUZZ_CHECK(open_file(data, size + 1, fuzz_bundle_keys()) != KB_OK);
}

/* Where two have to sign; where the one that did is retired; and with no key at all. */
static void check_refused(const uint8_t *data, size_t size)
{
	struct keyring two = *fuzz_bundle_keys(), retired = two, none = { .required = 1 };

	two.required = 2;
	FUZZ_CHECK(open_file(data, size, &two) != KB_OK);
	retired.nretired = 1;
	retired.retired[0] = retired.key[0];
	retired.key[0] = retired.key[1];
	retired.n = 1;
	FUZZ_CHECK(open_file(data, size, &retired) != KB_OK);
	FUZZ_CHECK(open_file(data, size, &none) == KB_ESIG);
}

static void check_accepted(const uint8_t *data, size_t size)
{
	static uint8_t copy[CHANNEL_FILE_MAX + 2];
	uint8_t *area = copy + READER_HEADER_LEN, *end = area + bytes_get32(data + 40);

	FUZZ_CHECK(f.signer[0] != '\0' && fuzz_printable(f.signer, sizeof(f.signer)));
	FUZZ_CHECK(fuzz_bundle_is_signed_as(KEYRING_CHANNEL, data, size));
	memcpy(copy, data, size);
	copy[size] = 0;
	check_changed(copy, size);
	check_refused(data, size);
	/* The same key has signed the same bytes, as those of a bundle. */
	memset(area, 0, (size_t)(end - area));
	fuzz_bundle_sign_as(KEYRING_BUNDLE, copy, area);
	FUZZ_CHECK(open_file(copy, size, fuzz_bundle_keys()) == KB_ESIG);
}

/* What a builder hands to `keelboot channel sign`: a document, or a file that has signatures. */
static void try_any(const uint8_t *data, size_t size)
{
	struct reader_header h;
	bool fresh = false;
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fuzz_bundle_fd(data, size));
	if (channel_file_open_any(&f, path, &fresh) == KB_OK) {
		FUZZ_CHECK(reader_header_parse_as(&h, f.header, MAGIC) == KB_OK);
		FUZZ_CHECK(h.manifest_len == f.len && h.total_len == h.manifest_off + f.len);
		FUZZ_CHECK(fuzz_bundle_digest_is(f.text, f.len, h.manifest_digest));
		FUZZ_CHECK(fresh == (size < 8 || memcmp(data, MAGIC, 8) != 0));
	}
	channel_file_free(&f);
}

void fuzz_one(const uint8_t *data, size_t size)
{
	if (open_file(data, size, NULL) == KB_OK) {
		check_parts(data, size);
		FUZZ_CHECK(f.signer[0] == '\0');
	}
	if (open_file(data, size, fuzz_bundle_keys()) == KB_OK) {
		check_parts(data, size);
		check_accepted(data, size);
	}
	try_any(data, size);
}
