/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/parts.h"

#include "channel/strict.h"
#include "fleet/head.h"
#include "fleet/page.h"
#include "lib/os.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INDEX_MAX (16u << 20) /* of memory */
#define CUTS_MAX  8	      /* in one contact, each behind something that came */

struct begin {
	struct parts *p;
	uint8_t *index;
	/* bytes of the index; and of the bundle, from its begin, that are in its memory */
	size_t len, got;
	/* bytes that this request may bring */
	size_t want;
	char etag[HTTP_ETAG_MAX + 1];
	/* the server sends the whole of it; the first bytes say whether this is a bundle at all */
	bool whole, doubtful;
};

/* ---------------------------------------------------------------- the index */

static bool refuse_index(struct http_answer *answer, const char *text)
{
	snprintf(answer->error, sizeof(answer->error), "%s", text);
	return false;
}

/* Than the one whose begin is here: each contact of that kind counts. */
static bool refuse_changed(struct begin *b, struct http_answer *answer)
{
	meter_count_unread(&b->p->meter);
	b->p->a->others++;
	return refuse_index(answer, "the server has another file now");
}

/* It is a bundle, by its length or its first bytes. */
static bool refuse_whole(struct begin *b, struct http_answer *answer)
{
	bool ours = answer->length == b->p->a->size || answer->length == UINT64_MAX;

	if (b->len > 0)
		return refuse_changed(b, answer);
	meter_count_unread(&b->p->meter);
	b->whole = ours;
	return refuse_index(answer, ours ? "the server sends no parts of it"
					 : "the server has a bundle of another size");
}

static bool take_index_head(void *data, struct http_answer *answer)
{
	struct begin *b = data;

	b->doubtful = page_is_possible(answer, b->p->a->size);
	if (b->doubtful)
		return true;
	if (answer->status == 200)
		return refuse_whole(b, answer);
	if (answer->status == 206 && http_is_other(answer, b->etag))
		return refuse_changed(b, answer);
	if (answer->status != 206 || answer->from != b->len)
		return refuse_index(answer, "the server sends another part than asked for");
	if (answer->total != UINT64_MAX && answer->total != b->p->a->size)
		return refuse_index(answer, "the server has a bundle of another size");
	if (b->len == 0)
		memcpy(b->etag, answer->etag, sizeof(b->etag));
	return true;
}

static bool take_index_bytes(void *data, struct http_answer *answer, const void *bytes, size_t len)
{
	struct begin *b = data;

	if (b->doubtful && page_is_begun(answer, bytes, len)) {
		meter_count_unread(&b->p->meter);
		return false;
	}
	if (b->doubtful)
		return refuse_whole(b, answer);
	if (!meter_count(&b->p->meter, len) || len > b->want - b->len)
		return refuse_index(answer, "the server sends more than asked for");
	memcpy(b->index + b->len, bytes, len);
	b->len += len;
	b->got = b->len;
	return true;
}

/* It lies in memory: of what a day does not bring, nothing is here on the next one. */
static enum parts_end allow_index(struct begin *b, uint64_t to)
{
	struct parts *p = b->p;

	if (!limits_permit(&p->limits, "its index", to, p->why))
		return PARTS_BEYOND;
	if (to - b->len <= meter_left(&p->meter))
		return PARTS_HERE;
	if (to > p->limits.daily) {
		snprintf(p->why, sizeof(p->why),
			 "its index has %" PRIu64 " bytes, and a day of this device takes %" PRIu64
			 "; raise [fleet] daily-bytes= there",
			 to, p->limits.daily);
		return PARTS_NONE;
	}
	/* Or each contact of this day would fetch its begin. */
	if (b->len > 0)
		meter_use_up(&p->meter);
	return parts_pause(p);
}

static enum parts_end record_failed(struct parts *p)
{
	snprintf(p->why, sizeof(p->why), "the record cannot be written");
	return PARTS_LATER;
}

static enum parts_end fetch_once_up_to(struct begin *b, uint64_t to)
{
	const struct http_request r = { .method = "GET",
					.url = b->p->url,
					.download = true,
					.from = b->len,
					.to = to,
					.if_range = b->etag,
					.head = take_index_head,
					.take = take_index_bytes,
					.data = b };
	struct http_answer answer;
	enum parts_end end = allow_index(b, to);
	bool whole;

	if (end != PARTS_HERE)
		return end;
	/* Nobody has verified yet how long it is. It is written with its head while the first one
	 * of it lies there. */
	if (!files_find_room(b->p->files, b->p->a, 2 * to + PARTIAL_FORM_LEN, b->p->why))
		return PARTS_LATER;
	if (!meter_save(&b->p->meter, to - b->len))
		return record_failed(b->p);
	b->want = (size_t)to;
	whole = http_run(b->p->http, &r, &answer);
	if (whole && answer.status == 206 && b->len == b->want)
		return PARTS_HERE;
	if (whole && answer.status == 206)
		snprintf(b->p->why, sizeof(b->p->why), "the server sends %zu of %zu bytes", b->len,
			 b->want);
	end = parts_judge(b->p, &answer, whole && answer.status != 206);
	return b->whole ? PARTS_NONE : end;
}

/* Up to this byte of the bundle. On a line that breaks, the next request goes on behind what came:
 * it lies in memory, and a later contact begins anew. */
static enum parts_end fetch_up_to(struct begin *b, uint64_t to)
{
	for (unsigned cuts = 0;; cuts++) {
		size_t before = b->len;
		enum parts_end end = fetch_once_up_to(b, to);

		if (end != PARTS_LATER || b->len == before || b->etag[0] == '\0' ||
		    cuts == CUTS_MAX || os_now_ms() >= b->p->end_ms)
			return end;
		b->p->why[0] = '\0';
	}
}

static enum parts_end refuse_bundle(struct parts *p, int code, const char *why)
{
	snprintf(p->why, sizeof(p->why), "%s", why);
	p->code = code;
	return PARTS_JUDGED;
}

/* Most indexes fit; but no more than one release may take. */
static uint64_t first_bytes(const struct parts *p)
{
	uint64_t first = p->a->size < PARTS_FIRST ? p->a->size : PARTS_FIRST, max = p->limits.max;

	if (max == 0 || max >= first)
		return first;
	return max > READER_HEADER_LEN ? max : READER_HEADER_LEN;
}

static enum parts_end fetch_index(struct begin *b)
{
	uint64_t size = b->p->a->size;
	struct reader_header h;
	const char *wrong;
	enum parts_end end;

	if (size < READER_HEADER_LEN)
		return refuse_bundle(b->p, FACTS_VERIFY, "it is shorter than a bundle");
	end = fetch_up_to(b, first_bytes(b->p));
	if (end != PARTS_HERE)
		return end;
	wrong = head_read(&h, b->index, size);
	if (wrong != NULL)
		return refuse_bundle(b->p, FACTS_VERIFY, wrong);
	if (h.payload_off > INDEX_MAX) {
		snprintf(b->p->why, sizeof(b->p->why), "its index has %" PRIu64 " MiB",
			 h.payload_off >> 20);
		return PARTS_NONE;
	}
	if (h.payload_off > b->len)
		return fetch_up_to(b, h.payload_off);
	b->len = (size_t)h.payload_off;
	return PARTS_HERE;
}

/* ---------------------------------------------------------------- the file */

/* Of the ranges, what is in memory; none comes twice. */
static size_t copy_ranges(const struct begin *b, uint8_t *to)
{
	const struct partial_form *form = &b->p->form;
	size_t len = 0;

	for (uint32_t i = 0; i < form->n && form->range[i].off < b->got; i++) {
		const struct partial_form_range *r = &form->range[i];
		size_t here = b->got - (size_t)r->off;

		here = r->len < here ? (size_t)r->len : here;
		memcpy(to + len, b->index + r->off, here);
		len += here;
	}
	return len;
}

/* The head, and behind it the index and what came with it: durable, in the place of whatever was
 * there. */
static enum parts_end write_file(struct begin *b)
{
	struct parts *p = b->p;
	/* bound: PARTIAL_FORM_LEN and INDEX_MAX */
	uint8_t *file = malloc(PARTIAL_FORM_LEN + b->got);
	size_t len;
	enum kb_err err = KB_ENOSPC;

	if (file != NULL) {
		len = p->all ? 0 : partial_form_write(&p->form, file);
		len += copy_ranges(b, file + len);
		err = files_write(p->files, FOLDER_BUNDLE, file, len);
		p->have = len;
	}
	free(file);
	if (err == KB_OK)
		return PARTS_HERE;
	snprintf(p->why, sizeof(p->why), "the file cannot be written");
	return PARTS_LATER;
}

/* Nothing that was here before can be resumed from now on. */
static enum parts_end write_index(struct begin *b)
{
	struct parts *p = b->p;

	p->form = (struct partial_form){ .n = 1 };
	p->form.range[0].len = b->len;
	p->a->parts = ACTION_WHOLE;
	p->a->durable = 0;
	p->a->etag[0] = '\0';
	return files_save(p->files, p->a) == KB_OK ? write_file(b) : record_failed(p);
}

/* ---------------------------------------------------------------- what is wanted */

static bool read_pair(json_object *pair, struct partial_form_range *r)
{
	json_object *off = json_object_array_get_idx(pair, 0),
		    *len = json_object_array_get_idx(pair, 1);

	if (!json_object_is_type(off, json_type_int) || !json_object_is_type(len, json_type_int))
		return false;
	r->off = json_object_get_uint64(off);
	r->len = json_object_get_uint64(len);
	return true;
}

/* As the head of a file has them: what cannot be one is refused by its own rules. */
static bool read_ranges(struct parts *p, json_object *o)
{
	static uint8_t raw[PARTIAL_FORM_LEN];
	json_object *ranges, *encodings;
	size_t n;

	if (strict_list(o, "ranges", &ranges) != KB_OK ||
	    strict_list(o, "encodings", &encodings) != KB_OK ||
	    json_object_array_length(ranges) > PARTIAL_FORM_MAX ||
	    json_object_array_length(encodings) > MANIFEST_IMAGES_MAX)
		return false;
	p->form = (struct partial_form){ .n = (uint32_t)json_object_array_length(ranges) };
	for (size_t i = 0; i < json_object_array_length(encodings); i++)
		p->form.encoding[i] =
			(uint8_t)json_object_get_int(json_object_array_get_idx(encodings, i));
	for (size_t i = 0; i < p->form.n; i++)
		if (!read_pair(json_object_array_get_idx(ranges, i), &p->form.range[i]))
			return false;
	if (p->form.n == 0)
		return false;
	n = partial_form_write(&p->form, raw);
	return partial_form_parse(&p->form, raw, n) == KB_OK;
}

/* The index alone is in the file. */
static enum parts_end ask_ranges(struct parts *p, size_t index)
{
	char why[FACTS_TEXT_MAX + 1] = "";
	struct facts_bundle b;
	json_object *o = NULL;
	bool read;
	int code = facts_inspect(&b, p->monitor, why);

	if (code != FACTS_OK)
		return refuse_bundle(p, code, why);
	memcpy(p->a->release, b.release, sizeof(p->a->release));
	memcpy(p->a->version, b.version, sizeof(p->a->version));
	p->a->sequence = b.sequence;
	if (p->release[0] != '\0' && strcmp(b.release, p->release) != 0)
		return refuse_bundle(p, FACTS_VERIFY, "it holds another release than announced");
	code = facts_ranges(p->monitor, &o, why);
	if (code != FACTS_OK)
		return refuse_bundle(p, code, why);
	read = read_ranges(p, o) && p->form.range[0].len >= index;
	json_object_put(o);
	return read ? PARTS_HERE : refuse_bundle(p, -1, "keelboot says no ranges");
}

/* Slots have nothing of it. The boot proves a whole one with less work, and needs no slot for it.
 */
static bool is_all(const struct parts *p)
{
	return !p->only_parts && p->form.n == 1 && p->form.range[0].len == p->a->size;
}

static enum parts_end begin_file(struct begin *b)
{
	enum parts_end end = fetch_index(b);

	if (end == PARTS_HERE)
		end = write_index(b);
	if (end == PARTS_HERE)
		end = ask_ranges(b->p, b->len);
	if (end != PARTS_HERE)
		return end;
	b->p->all = is_all(b->p);
	return write_file(b);
}

enum parts_end parts_begin(struct parts *p)
{
	struct begin b = { .p = p };
	enum parts_end end = PARTS_LATER;

	/* bound: INDEX_MAX; what is not used of it takes no memory */
	b.index = malloc(INDEX_MAX);
	snprintf(p->why, sizeof(p->why), "no memory");
	if (b.index != NULL) {
		p->why[0] = '\0';
		end = begin_file(&b);
	}
	free(b.index);
	if (end != PARTS_HERE)
		return meter_save(&p->meter, 0) ? end : record_failed(p);
	p->a->parts = p->all ? ACTION_WHOLE : ACTION_PARTS;
	p->a->durable = p->have;
	memcpy(p->a->etag, b.etag, sizeof(p->a->etag));
	meter_note(&p->meter, 0);
	if (files_save(p->files, p->a) != KB_OK)
		return record_failed(p);
	return p->all ? PARTS_ALL : PARTS_HERE;
}
