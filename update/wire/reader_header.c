/* SPDX-License-Identifier: Apache-2.0 */
/* The first 512 bytes of a bundle. PURE. */
#include "update/wire/reader_header.h"

#include "lib/bytes.h"
#include "update/wire/manifest_limits.h"

#include <string.h>

#define FORMAT	   1u
#define MIN_READER 1u
#define INCOMPAT   0u /* the incompatible features that we know */

static const char bundle_magic[READER_MAGIC_LEN] = "KEELBNDL"; /* without its NUL */

enum offset {
	OFF_MAGIC = 0,
	OFF_FORMAT = 8,
	OFF_MIN_READER = 10,
	OFF_HEADER_LEN = 12,
	OFF_COMPAT = 16,
	OFF_INCOMPAT = 24,
	OFF_TOTAL_LEN = 32,
	OFF_SIG_CAP = 40,
	OFF_MANIFEST_LEN = 44,
	OFF_MANIFEST_OFF = 48,
	OFF_TABLES_OFF = 56,
	OFF_TABLES_LEN = 64,
	OFF_PAYLOAD_OFF = 72,
	OFF_PAYLOAD_LEN = 80,
	OFF_MANIFEST_DIGEST = 88,
	OFF_REST = 120,
	OFF_CRC = 508,
};

/* Each part begins where the one before ends, and the last ends the bundle. */
static bool is_contiguous(const struct reader_header *h)
{
	uint64_t end = READER_HEADER_LEN + (uint64_t)h->sig_cap;

	if (h->manifest_off != end)
		return false;
	end += h->manifest_len;
	if (h->tables_off != end || __builtin_add_overflow(end, h->tables_len, &end))
		return false;
	if (h->payload_off != end || __builtin_add_overflow(end, h->payload_len, &end))
		return false;
	return h->total_len == end && end <= INT64_MAX;
}

static void get_fields(struct reader_header *h, const uint8_t *raw)
{
	h->compat = bytes_get64(raw + OFF_COMPAT);
	h->incompat = bytes_get64(raw + OFF_INCOMPAT);
	h->total_len = bytes_get64(raw + OFF_TOTAL_LEN);
	h->sig_cap = bytes_get32(raw + OFF_SIG_CAP);
	h->manifest_len = bytes_get32(raw + OFF_MANIFEST_LEN);
	h->manifest_off = bytes_get64(raw + OFF_MANIFEST_OFF);
	h->tables_off = bytes_get64(raw + OFF_TABLES_OFF);
	h->tables_len = bytes_get64(raw + OFF_TABLES_LEN);
	h->payload_off = bytes_get64(raw + OFF_PAYLOAD_OFF);
	h->payload_len = bytes_get64(raw + OFF_PAYLOAD_LEN);
	memcpy(h->manifest_digest, raw + OFF_MANIFEST_DIGEST, sizeof(h->manifest_digest));
}

enum kb_err reader_header_parse_as(struct reader_header *h, const uint8_t raw[READER_HEADER_LEN],
				   const char magic[READER_MAGIC_LEN])
{
	if (memcmp(raw + OFF_MAGIC, magic, READER_MAGIC_LEN) != 0 ||
	    bytes_get32(raw + OFF_CRC) != bytes_crc32c(0, raw, OFF_CRC))
		return KB_EDIGEST;
	if (bytes_get16(raw + OFF_MIN_READER) > FORMAT)
		return KB_ENEWER;
	if (bytes_get64(raw + OFF_INCOMPAT) & ~(uint64_t)INCOMPAT)
		return KB_ENEWER;
	if (bytes_get16(raw + OFF_FORMAT) < MIN_READER || bytes_get16(raw + OFF_MIN_READER) == 0 ||
	    bytes_get32(raw + OFF_HEADER_LEN) != READER_HEADER_LEN ||
	    !bytes_all(raw + OFF_REST, OFF_CRC - OFF_REST, 0))
		return KB_EFORMAT;
	get_fields(h, raw);
	if (h->sig_cap > READER_SIG_CAP_MAX || h->manifest_len == 0 ||
	    h->manifest_len > MANIFEST_MAX || !is_contiguous(h))
		return KB_EFORMAT;
	return KB_OK;
}

enum kb_err reader_header_parse(struct reader_header *h, const uint8_t raw[READER_HEADER_LEN])
{
	return reader_header_parse_as(h, raw, bundle_magic);
}

bool reader_header_is(const uint8_t raw[READER_HEADER_LEN])
{
	return memcmp(raw + OFF_MAGIC, bundle_magic, READER_MAGIC_LEN) == 0;
}

bool reader_header_begins(const void *bytes, size_t len)
{
	return memcmp(bytes, bundle_magic, len < READER_MAGIC_LEN ? len : READER_MAGIC_LEN) == 0;
}

void reader_header_write(const struct reader_header *h, uint8_t raw[READER_HEADER_LEN])
{
	reader_header_write_as(h, raw, bundle_magic);
}

void reader_header_write_as(const struct reader_header *h, uint8_t raw[READER_HEADER_LEN],
			    const char magic[READER_MAGIC_LEN])
{
	memset(raw, 0, READER_HEADER_LEN);
	memcpy(raw + OFF_MAGIC, magic, READER_MAGIC_LEN);
	bytes_put16(raw + OFF_FORMAT, FORMAT);
	bytes_put16(raw + OFF_MIN_READER, MIN_READER);
	bytes_put32(raw + OFF_HEADER_LEN, READER_HEADER_LEN);
	bytes_put64(raw + OFF_COMPAT, h->compat);
	bytes_put64(raw + OFF_INCOMPAT, h->incompat);
	bytes_put64(raw + OFF_TOTAL_LEN, h->total_len);
	bytes_put32(raw + OFF_SIG_CAP, h->sig_cap);
	bytes_put32(raw + OFF_MANIFEST_LEN, h->manifest_len);
	bytes_put64(raw + OFF_MANIFEST_OFF, h->manifest_off);
	bytes_put64(raw + OFF_TABLES_OFF, h->tables_off);
	bytes_put64(raw + OFF_TABLES_LEN, h->tables_len);
	bytes_put64(raw + OFF_PAYLOAD_OFF, h->payload_off);
	bytes_put64(raw + OFF_PAYLOAD_LEN, h->payload_len);
	memcpy(raw + OFF_MANIFEST_DIGEST, h->manifest_digest, sizeof(h->manifest_digest));
	bytes_put32(raw + OFF_CRC, bytes_crc32c(0, raw, OFF_CRC));
}
