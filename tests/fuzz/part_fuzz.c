/* SPDX-License-Identifier: Apache-2.0 */
/* The head of a partial bundle, and, behind it, what reader_open() makes of it. */
#include "lib/bytes.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzz_bundle.h"

#include <string.h>

static struct partial_form form, again;

/* Its length and its checksum. */
size_t fuzz_fix(uint8_t *data, size_t size, size_t max, unsigned seed)
{
	size_t len;

	if (size < PARTIAL_FORM_HEAD)
		return size;
	memcpy(data, "KEELPART", 8);
	if (seed % 2 == 0)
		bytes_put32(data + 12, (uint32_t)((size - PARTIAL_FORM_HEAD) / PARTIAL_FORM_EACH));
	len = partial_form_len(data);
	if (len >= PARTIAL_FORM_HEAD && len <= max) {
		bytes_put32(data + len - 4, bytes_crc32c(0, data, len - 4));
		size = size < len ? len : size;
	}
	return size;
}

/* They ascend, do not touch, and lie in the file one behind the other. */
static void check_ranges(size_t head)
{
	uint64_t at = head, end = 0;

	FUZZ_CHECK(form.n > 0 && form.n <= PARTIAL_FORM_MAX);
	for (uint32_t i = 0; i < form.n; i++) {
		const struct partial_form_range *r = &form.range[i];

		FUZZ_CHECK(r->len > 0 && r->at == at && (i == 0 ? r->off == 0 : r->off > end));
		FUZZ_CHECK(partial_form_find(&form, r->off, r->len) == r);
		FUZZ_CHECK(partial_form_find(&form, r->off + r->len - 1, 1) == r);
		FUZZ_CHECK(partial_form_find(&form, r->off, r->len + 1) == NULL);
		FUZZ_CHECK(partial_form_find(&form, r->off + r->len, 1) == NULL);
		at += r->len;
		end = r->off + r->len;
	}
	FUZZ_CHECK(partial_form_size(&form) == at && at <= INT64_MAX);
}

static void check_head(const uint8_t *data, size_t len)
{
	static uint8_t out[PARTIAL_FORM_LEN];
	enum kb_err err = partial_form_parse(&form, data, len);

	FUZZ_CHECK(err == KB_OK || err == KB_EFORMAT || err == KB_ENEWER || err == KB_EDIGEST);
	FUZZ_CHECK(err == KB_OK || form.n == 0);
	if (err != KB_OK)
		return;
	check_ranges(len);
	FUZZ_CHECK(partial_form_write(&form, out) == len && memcmp(out, data, len) == 0);
	for (size_t i = 0; i < len; i += 1 + len / 16) {
		out[i] ^= 0x10;
		FUZZ_CHECK(partial_form_parse(&again, out, len) != KB_OK);
		out[i] ^= 0x10;
	}
}

/* What is accepted is signed, wherever its bytes lie in the file. */
static void check_part(const uint8_t *data, size_t size)
{
	static struct reader r;
	static struct reader_chunk c = { .stored = 1 };
	int fd = fuzz_bundle_fd(data, size);
	enum kb_err err = reader_open(&r, fd, false, size, fuzz_bundle_keys());

	FUZZ_CHECK(fuzz_printable(r.why, sizeof(r.why)));
	FUZZ_CHECK(err == KB_OK || r.why[0] != '\0');
	if (err != KB_OK)
		return;
	FUZZ_CHECK(reader_is_partial(&r) == partial_form_is(data));
	for (c.off = 0; c.off < r.h.total_len; c.off += 1 + r.h.total_len / 64)
		FUZZ_CHECK(!reader_is_hole(&r, &c) || c.off >= r.h.payload_off);
	FUZZ_CHECK(!reader_is_partial(&r) || r.part.range[0].len >= r.h.payload_off);
	reader_close(&r);
}

void fuzz_one(const uint8_t *data, size_t size)
{
	uint8_t begin[24] = { 0 };
	size_t len;

	fuzz_copy(begin, sizeof(begin), data, size);
	len = partial_form_is(begin) ? partial_form_len(begin) : 0;
	if (size > 0)
		check_head(data, len > 0 && len <= size ? len : size);
	check_part(data, size);
}
