/* SPDX-License-Identifier: Apache-2.0 */
#include "update/wire/partial_form.h"

#include "lib/bytes.h"

#include <string.h>

#define VERSION	  1u
#define MAGIC_LEN 8u
#define CRC_LEN	  4u

static const char magic[MAGIC_LEN + 1] = "KEELPART";

enum offset { OFF_VERSION = 8, OFF_ZERO = 10, OFF_RANGES = 12, OFF_ENCODING = 16, OFF_REST = 20 };

#define OFF_FIRST (PARTIAL_FORM_HEAD - CRC_LEN)

bool partial_form_is(const uint8_t raw[24])
{
	return memcmp(raw, magic, MAGIC_LEN) == 0;
}

size_t partial_form_len(const uint8_t raw[24])
{
	uint32_t n = bytes_get32(raw + OFF_RANGES);

	return n > 0 && n <= PARTIAL_FORM_MAX ? PARTIAL_FORM_HEAD + n * (size_t)PARTIAL_FORM_EACH
					      : 0;
}

/* Behind the one before, with something between. */
static bool take_range(struct partial_form *p, uint32_t i, const uint8_t *raw, size_t head)
{
	struct partial_form_range *r = &p->range[i];
	const struct partial_form_range *before = i > 0 ? r - 1 : NULL;
	uint64_t end;

	r->off = bytes_get64(raw);
	r->len = bytes_get64(raw + 8);
	r->at = before != NULL ? before->at + before->len : head;
	if (r->len == 0 || __builtin_add_overflow(r->off, r->len, &end) || end > INT64_MAX / 2)
		return false;
	return before != NULL ? r->off > before->off + before->len : r->off == 0;
}

enum kb_err partial_form_parse(struct partial_form *p, const uint8_t *raw, size_t len)
{
	p->n = 0;
	if (len < PARTIAL_FORM_HEAD || !partial_form_is(raw))
		return KB_EDIGEST;
	if (bytes_get16(raw + OFF_VERSION) > VERSION)
		return KB_ENEWER;
	if (partial_form_len(raw) != len)
		return KB_EFORMAT;
	if (bytes_get32(raw + len - CRC_LEN) != bytes_crc32c(0, raw, len - CRC_LEN))
		return KB_EDIGEST;
	if (bytes_get16(raw + OFF_VERSION) == 0 || bytes_get16(raw + OFF_ZERO) != 0 ||
	    bytes_get32(raw + OFF_REST) != 0)
		return KB_EFORMAT;
	memcpy(p->encoding, raw + OFF_ENCODING, sizeof(p->encoding));
	for (uint32_t i = 0; i < bytes_get32(raw + OFF_RANGES); i++)
		if (!take_range(p, i, raw + OFF_FIRST + i * (size_t)PARTIAL_FORM_EACH, len))
			return KB_EFORMAT;
	p->n = bytes_get32(raw + OFF_RANGES);
	return KB_OK;
}

size_t partial_form_write(struct partial_form *p, uint8_t *raw)
{
	size_t len = PARTIAL_FORM_HEAD + p->n * (size_t)PARTIAL_FORM_EACH;
	uint64_t at = len;

	memset(raw, 0, OFF_FIRST);
	memcpy(raw, magic, MAGIC_LEN);
	bytes_put16(raw + OFF_VERSION, VERSION);
	bytes_put32(raw + OFF_RANGES, p->n);
	memcpy(raw + OFF_ENCODING, p->encoding, sizeof(p->encoding));
	for (uint32_t i = 0; i < p->n; i++) {
		uint8_t *to = raw + OFF_FIRST + i * (size_t)PARTIAL_FORM_EACH;

		bytes_put64(to, p->range[i].off);
		bytes_put64(to + 8, p->range[i].len);
		p->range[i].at = at;
		at += p->range[i].len;
	}
	bytes_put32(raw + len - CRC_LEN, bytes_crc32c(0, raw, len - CRC_LEN));
	return len;
}

uint64_t partial_form_size(const struct partial_form *p)
{
	const struct partial_form_range *last = &p->range[p->n - 1];

	return last->at + last->len;
}

const struct partial_form_range *partial_form_find(const struct partial_form *p, uint64_t off,
						   uint64_t len)
{
	uint32_t low = 0, high = p->n;

	/* The last that begins at off or before. */
	while (high - low > 1) {
		uint32_t mid = low + (high - low) / 2;

		if (p->range[mid].off <= off)
			low = mid;
		else
			high = mid;
	}
	if (p->n == 0 || p->range[low].off > off || off - p->range[low].off >= p->range[low].len)
		return NULL;
	return len <= p->range[low].len - (off - p->range[low].off) ? &p->range[low] : NULL;
}
