/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/head.h"

#include "fleet/parts.h"

#include <stdio.h>
#include <string.h>

static bool refuse_head(struct head *h, int code, const char *reason, char *why)
{
	h->code = code;
	snprintf(why, FACTS_TEXT_MAX + 1, "%s", reason);
	return false;
}

/* Genuine, and another one: a server that was taken over has mixed them. */
static bool is_another_release(const struct head *h, const struct facts_bundle *b, char *why)
{
	if (h->release[0] == '\0' || strcmp(b->release, h->release) == 0)
		return false;
	snprintf(why, FACTS_TEXT_MAX + 1, "it holds release %.16s, and %.16s was announced",
		 b->release, h->release);
	return true;
}

void head_forget(struct head *h)
{
	h->due = 0;
	h->code = FACTS_OK;
}

const char *head_read(struct reader_header *h, const uint8_t raw[READER_HEADER_LEN], uint64_t size)
{
	enum kb_err err = reader_header_parse(h, raw);

	if (err == KB_ENEWER)
		return "made for a newer Keelboot; update Keelboot first";
	return err == KB_OK && h->total_len == size ? NULL : "its header is none, or another one's";
}

/* By its own words, which nobody has signed yet. */
static bool read_first_header(struct head *h, struct reader_header *header, char *why)
{
	uint8_t raw[READER_HEADER_LEN];
	const char *wrong;
	size_t len;

	if (files_read(h->files, FOLDER_BUNDLE, raw, sizeof(raw), &len) != KB_OK)
		return refuse_head(h, FACTS_FAILURE, "the file cannot be read", why);
	wrong = len < sizeof(raw) ? "it is shorter than a bundle"
				  : head_read(header, raw, h->a->size);
	return wrong == NULL || refuse_head(h, FACTS_VERIFY, wrong, why);
}

static bool ask_index(struct head *h, char *why)
{
	struct facts_bundle b;

	h->code = facts_index(&b, h->monitor, why);
	if (b.release[0] == '\0')
		return h->code == FACTS_OK;
	if (is_another_release(h, &b, why)) {
		h->code = FACTS_VERIFY;
		return false;
	}
	memcpy(h->a->release, b.release, sizeof(h->a->release));
	memcpy(h->a->version, b.version, sizeof(h->a->version));
	h->a->sequence = b.sequence;
	return h->code == FACTS_OK;
}

/* How long an index is, its signature has to say; unless it is so short that one look will do. */
bool head_take(struct head *h, uint64_t have, char why[FACTS_TEXT_MAX + 1])
{
	struct reader_header header;
	uint64_t first;

	if (have < (h->due > 0 ? h->due : READER_HEADER_LEN))
		return true;
	if (!read_first_header(h, &header, why))
		return false;
	first = header.payload_off <= PARTS_FIRST ? header.payload_off : header.tables_off;
	if (have < first) {
		h->due = first;
		return true;
	}
	h->due = have < header.payload_off ? header.payload_off : UINT64_MAX;
	return ask_index(h, why);
}
