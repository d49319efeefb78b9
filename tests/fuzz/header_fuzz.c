/* SPDX-License-Identifier: Apache-2.0 */
/* The header of a bundle, and, behind it, all that reader_open() reads. */
#include "lib/bytes.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzz_bundle.h"

#include <string.h>

#define AT_CRC 508

/* The checksum; then, as if the builder had done it, the lengths; then the digest and a signature.
 */
size_t fuzz_fix(uint8_t *data, size_t size, size_t max, unsigned seed)
{
	if (size < READER_HEADER_LEN)
		return size;
	return fuzz_bundle_fix(data, size, max, seed % 4);
}

static void check_parts(const struct reader_header *h)
{
	FUZZ_CHECK(h->incompat == 0 && h->sig_cap <= READER_SIG_CAP_MAX);
	FUZZ_CHECK(h->manifest_len > 0 && h->manifest_len <= MANIFEST_MAX);
	FUZZ_CHECK(h->manifest_off == READER_HEADER_LEN + (uint64_t)h->sig_cap);
	FUZZ_CHECK(h->tables_off == h->manifest_off + h->manifest_len);
	FUZZ_CHECK(h->tables_len <= INT64_MAX && h->payload_len <= INT64_MAX);
	FUZZ_CHECK(h->payload_off == h->tables_off + h->tables_len);
	FUZZ_CHECK(h->total_len == h->payload_off + h->payload_len);
	FUZZ_CHECK(h->total_len <= INT64_MAX);
}

static void check_header(const uint8_t raw[READER_HEADER_LEN])
{
	struct reader_header h, again;
	uint8_t out[READER_HEADER_LEN];
	enum kb_err err = reader_header_parse(&h, raw);

	FUZZ_CHECK(err == KB_OK || err == KB_EFORMAT || err == KB_ENEWER || err == KB_EDIGEST);
	FUZZ_CHECK(err == KB_EDIGEST || reader_header_is(raw));
	if (err == KB_ENEWER)
		FUZZ_CHECK(bytes_get16(raw + 10) > 1 || bytes_get64(raw + 24) != 0);
	if (err != KB_OK)
		return;
	check_parts(&h);
	memset(&again, 0, sizeof(again));
	reader_header_write(&h, out);
	FUZZ_CHECK(reader_header_parse(&again, out) == KB_OK);
	check_parts(&again);
	/* But for the version of who wrote it, in bytes 8 and 9, it says what it said. */
	FUZZ_CHECK(memcmp(raw, out, 8) == 0 && memcmp(raw + 10, out + 10, AT_CRC - 10) == 0);
	for (unsigned i = 0; i < READER_HEADER_LEN; i += 37) {
		out[i] ^= 0x20;
		FUZZ_CHECK(reader_header_parse(&again, out) != KB_OK);
		out[i] ^= 0x20;
	}
}

/* What is accepted is signed by the one key there is, header and manifest alike. */
static void check_open(const uint8_t *data, size_t size, const struct keyring *keys)
{
	static struct reader r;
	int fd = fuzz_bundle_fd(data, size);
	enum kb_err err = reader_open(&r, fd, false, size, keys);

	FUZZ_CHECK(fuzz_printable(r.why, sizeof(r.why)));
	if (err != KB_OK) {
		FUZZ_CHECK(r.why[0] != '\0');
		return;
	}
	FUZZ_CHECK(r.h.total_len == size && memcmp(r.header, data, READER_HEADER_LEN) == 0);
	FUZZ_CHECK(keys == NULL || fuzz_bundle_is_signed(data, size));
	FUZZ_CHECK(fuzz_bundle_digest_is(r.text, r.h.manifest_len, r.h.manifest_digest));
	FUZZ_CHECK(manifest_tables_len(&r.m) == r.h.tables_len);
	FUZZ_CHECK(manifest_payload_len(&r.m) == r.h.payload_len);
	FUZZ_CHECK(r.release.sequence == r.m.sequence && r.release.sequence <= INT64_MAX);
	FUZZ_CHECK(fuzz_printable(r.release.version, sizeof(r.release.version)));
	FUZZ_CHECK(fuzz_printable(r.signer, sizeof(r.signer)));
	reader_close(&r);
	/* A byte more, or less, and it is none; on a device what follows does not matter. */
	FUZZ_CHECK(reader_open(&r, fd, false, size + 1, keys) == KB_EFORMAT);
	FUZZ_CHECK(reader_open(&r, fd, true, size - 1, keys) == KB_EFORMAT);
	FUZZ_CHECK(reader_open(&r, fd, true, size + 1, keys) == KB_OK);
	reader_close(&r);
}

static void check_refusal(int fd, size_t size, const struct keyring *keys)
{
	static struct reader r;

	FUZZ_CHECK(reader_open(&r, fd, false, size, keys) != KB_OK);
	FUZZ_CHECK(r.why[0] != '\0' && fuzz_printable(r.why, sizeof(r.why)));
}

/* The same keys, where both have to sign; where the one that did is retired; and one that is both,
 * in place of two. */
static void check_refused(const uint8_t *data, size_t size)
{
	static struct reader r;
	struct keyring two = *fuzz_bundle_keys(), retired = two;
	int fd = fuzz_bundle_fd(data, size);

	two.required = 2;
	check_refusal(fd, size, &two);
	retired.nretired = 1;
	retired.retired[0] = retired.key[0];
	retired.required = 2;
	check_refusal(fd, size, &retired);
	retired.required = 1;
	retired.key[0] = retired.key[1];
	retired.n = 1;
	check_refusal(fd, size, &retired);
	/* A medium that is shorter than it says. */
	if (reader_open(&r, fd, true, INT64_MAX, &two) == KB_OK)
		reader_close(&r);
	if (reader_open(&r, fd, true, INT64_MAX, NULL) == KB_OK)
		reader_close(&r);
}

void fuzz_one(const uint8_t *data, size_t size)
{
	uint8_t raw[READER_HEADER_LEN] = { 0 };

	fuzz_copy(raw, sizeof(raw), data, size);
	check_header(raw);
	check_open(data, size, fuzz_bundle_keys());
	if (size <= READER_HEADER_LEN)
		return;
	check_open(data, size, NULL);
	check_refused(data, size);
}
