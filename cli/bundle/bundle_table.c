/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bundle/bundle_table.h"

#include "lib/bytes.h"

#include <stdlib.h>
#include <string.h>

static enum kb_err grow(struct bundle_table *t, size_t more)
{
	size_t room = t->room == 0 ? READER_PAGE : t->room;
	uint8_t *p;

	while (room - t->len < more)
		room *= 2;
	if (room == t->room)
		return KB_OK;
	/* bound: MANIFEST_CHUNKS_MAX hashes, 128 MiB, or records of 8 bytes; twice that while it
	 * grows */
	p = realloc(t->pages, room);
	if (p == NULL)
		return KB_ENOMEM;
	t->pages = p;
	t->room = room;
	return KB_OK;
}

enum kb_err bundle_table_hash(struct bundle_table *t, const uint8_t hash[DIGEST_LEN])
{
	TRY(grow(t, DIGEST_LEN));
	memcpy(t->pages + t->len, hash, DIGEST_LEN);
	t->len += DIGEST_LEN;
	return KB_OK;
}

static size_t put_varint(uint8_t *p, uint32_t v)
{
	size_t n = 0;

	for (; v >= 0x80; v >>= 7)
		p[n++] = (uint8_t)(v | 0x80);
	p[n++] = (uint8_t)v;
	return n;
}

/* Fills the page up with zeroes and begins another. */
static enum kb_err next_page(struct bundle_table *t, uint32_t index, uint64_t payload)
{
	size_t rest = t->len == 0 ? 0 : t->page + READER_PAGE - t->len;

	TRY(grow(t, rest + READER_PAGE));
	if (rest > 0)
		memset(t->pages + t->len, 0, rest);
	t->len += rest;
	t->page = t->len;
	bytes_put32(t->pages + t->page, index);
	bytes_put32(t->pages + t->page + 4, 0);
	bytes_put64(t->pages + t->page + 8, payload);
	t->len += READER_PAGE_HEAD;
	return KB_OK;
}

enum kb_err bundle_table_record(struct bundle_table *t, uint32_t index, uint64_t payload,
				enum reader_form form, uint32_t stored)
{
	uint8_t rec[8];
	size_t n = 0;

	rec[n++] = (uint8_t)form;
	n += put_varint(rec + n, stored);
	n += put_varint(rec + n, 0); /* no parameters */
	if (t->len == 0 || t->len + n > t->page + READER_PAGE)
		TRY(next_page(t, index, payload));
	memcpy(t->pages + t->len, rec, n); /* next_page() made room for a whole page */
	t->len += n;
	bytes_put32(t->pages + t->page + 4, bytes_get32(t->pages + t->page + 4) + 1);
	return KB_OK;
}

enum kb_err bundle_table_end(struct bundle_table *t, struct digest *d, struct manifest_table *out)
{
	t->npages = (unsigned)((t->len + READER_PAGE - 1) / READER_PAGE);
	/* bound: a digest for each page of the above */
	t->list = calloc(t->npages, DIGEST_LEN);
	if (t->list == NULL)
		return KB_ENOMEM;
	for (unsigned i = 0; i < t->npages; i++) {
		size_t at = (size_t)i * READER_PAGE;
		size_t len = t->len - at < READER_PAGE ? t->len - at : READER_PAGE;

		TRY(digest_buf(d, t->pages + at, len, t->list + (size_t)i * DIGEST_LEN));
	}
	out->len = t->len + (size_t)t->npages * DIGEST_LEN;
	return digest_buf(d, t->list, (size_t)t->npages * DIGEST_LEN, out->digest);
}

void bundle_table_free(struct bundle_table *t)
{
	free(t->pages);
	free(t->list);
	memset(t, 0, sizeof(*t));
}
