/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/parts.h"

#include "fleet/answer_rules.h"
#include "fleet/fetch.h"
#include "fleet/page.h"

#include "lib/os.h"
#include "lib/os_file.h"
#include "lib/util.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define CUTS_MAX      8 /* in one contact, each behind something that came */
#define ROOM_CONTACTS 8

/* ---------------------------------------------------------------- the file */

static bool stop_with(struct http_answer *answer, const char *text)
{
	snprintf(answer->error, sizeof(answer->error), "%s", text);
	return false;
}

/* What an earlier run began; false: nothing that can go on. */
static bool open_begun(struct parts *p)
{
	static uint8_t raw[PARTIAL_FORM_LEN];
	uint64_t here = files_bundle_size(p->files);
	size_t len;

	if (p->a->parts != ACTION_PARTS || p->a->durable == 0 ||
	    files_read(p->files, FOLDER_BUNDLE, raw, sizeof(raw), &len) != KB_OK || len < 24)
		return false;
	if (partial_form_len(raw) > len ||
	    partial_form_parse(&p->form, raw, partial_form_len(raw)) != KB_OK)
		return false;
	p->have = here < p->a->durable ? here : p->a->durable;
	/* Without an ETag, nothing goes on; but all may be here. */
	return p->have >= p->form.range[0].at && p->have <= partial_form_size(&p->form) &&
	       (p->a->etag[0] != '\0' || p->have == partial_form_size(&p->form));
}

static uint64_t bytes_to_come(const struct parts *p)
{
	return partial_form_size(&p->form) - p->have;
}

/* ---------------------------------------------------------------- one range */

/* Where the next byte of the file belongs. */
static const struct partial_form_range *range_at(const struct parts *p, uint64_t at)
{
	const struct partial_form_range *r = p->form.range;

	while (at >= r->at + r->len)
		r++;
	return r;
}

struct piece {
	struct parts *p;
	/* of the bundle */
	uint64_t from, to;
	/* all of another file comes; the first bytes say whether this is one at all */
	bool other, doubtful;
};

static bool stop_unread(struct piece *x, struct http_answer *answer)
{
	meter_count_unread(&x->p->meter);
	x->other = true;
	return stop_with(answer, "the server has another file than the one that was begun");
}

static bool take_piece_head(void *data, struct http_answer *answer)
{
	struct piece *x = data;
	struct parts *p = x->p;

	x->doubtful = page_is_possible(answer, p->a->size);
	if (x->doubtful)
		return true;
	if (answer->status == 200 || (answer->status == 206 && http_is_other(answer, p->a->etag)))
		return stop_unread(x, answer);
	return (answer->status == 206 && answer->from == x->from) ||
	       stop_with(answer, "the server sends another part than asked for");
}

static bool take_piece(void *data, struct http_answer *answer, const void *bytes, size_t len)
{
	struct piece *x = data;
	struct parts *p = x->p;

	if (x->doubtful && page_is_begun(answer, bytes, len)) {
		meter_count_unread(&p->meter);
		return false;
	}
	if (x->doubtful)
		return stop_unread(x, answer);
	if (!meter_count(&p->meter, len) || len > x->to - x->from)
		return stop_with(answer, "the server sends more than asked for");
	if (os_file_write(p->fd, bytes, len) != KB_OK)
		return stop_with(answer, "the file cannot be written: is the data partition full?");
	p->have += len;
	x->from += len;
	p->ended = p->a->etag[0] != '\0' && p->a->others == 0 && bytes_to_come(p) > 0 &&
		   os_now_ms() >= p->end_ms;
	if (p->ended)
		return stop_with(answer, "it has come for long enough in one contact");
	return flush_some(&p->flush, p->fd, p->have, bytes_to_come(p)) ||
	       stop_with(answer, "the file or the record cannot be written");
}

/* What is left of the range in which the next byte belongs, as far as the day goes. */
static enum parts_end fetch_range(struct parts *p)
{
	const struct partial_form_range *range = range_at(p, p->have);
	uint64_t at = p->have - range->at, rest = range->len - at, left = meter_left(&p->meter);
	struct piece x = { .p = p,
			   .from = range->off + at,
			   .to = range->off + at + (rest < left ? rest : left) };
	const struct http_request r = { .method = "GET",
					.url = p->url,
					.download = true,
					.from = x.from,
					.to = x.to,
					.if_range = p->a->etag,
					.head = take_piece_head,
					.take = take_piece,
					.data = &x };
	struct http_answer answer;
	bool whole = http_run(p->http, &r, &answer);

	if (x.from == x.to)
		return PARTS_HERE;
	/* What is here is no part of what it has. */
	p->a->others += x.other;
	if (x.other || answer_rules_of(answer.status)->bundle == BUNDLE_ANEW)
		p->a->etag[0] = '\0';
	if (!whole || answer.status != 206)
		return parts_judge(p, &answer, whole);
	snprintf(p->why, sizeof(p->why), "the server sends less than asked for");
	return PARTS_LATER;
}

static enum parts_end save_failed(struct parts *p)
{
	snprintf(p->why, sizeof(p->why), "the file or the record cannot be written");
	return PARTS_LATER;
}

static enum parts_end fetch_ranges(struct parts *p)
{
	enum parts_end end = PARTS_LATER;

	for (unsigned cuts = 0; bytes_to_come(p) > 0 && cuts <= CUTS_MAX;) {
		uint64_t before = p->have;

		if (meter_left(&p->meter) == 0)
			return PARTS_LATER;
		p->why[0] = '\0';
		end = fetch_range(p);
		if (p->ended)
			return PARTS_GOES_ON;
		if (end == PARTS_HERE)
			continue;
		if (end != PARTS_LATER || p->have == before || p->a->etag[0] == '\0')
			return end;
		cuts++;
		/* Of a piece that comes again, a full disk may have taken the begin. */
		if (os_file_cut(p->fd, p->have) != KB_OK)
			return save_failed(p);
	}
	return bytes_to_come(p) == 0 ? PARTS_HERE : end;
}

/* ---------------------------------------------------------------- all of it */

/* What begins anew at the next contact is no progress. */
static enum parts_end fetch_counted(struct parts *p)
{
	uint64_t before = p->have;
	enum parts_end end;

	if (p->limits.daily > 0 && !flush_all(&p->flush, p->fd, p->have, bytes_to_come(p)))
		return save_failed(p);
	end = fetch_ranges(p);
	if (p->have > before && p->a->etag[0] != '\0')
		p->a->tries = 0;
	return flush_all(&p->flush, p->fd, p->have, 0) || end != PARTS_HERE ? end : save_failed(p);
}

/* Without an ETag, nothing of it goes on tomorrow. */
static enum parts_end fits_day(struct parts *p, uint64_t wanted)
{
	uint64_t most = wanted + PARTS_FIRST;

	if (p->a->etag[0] != '\0' || bytes_to_come(p) <= meter_left(&p->meter))
		return PARTS_HERE;
	if (most > p->limits.daily) {
		snprintf(p->why, sizeof(p->why),
			 "the server names no ETag, and a day of this device takes %" PRIu64
			 " bytes; raise [fleet] daily-bytes= there to %" PRIu64,
			 p->limits.daily, most);
		return PARTS_REFUSED;
	}
	meter_use_up(&p->meter);
	return meter_save(&p->meter, 0) ? parts_pause(p) : save_failed(p);
}

static enum parts_end fetch_rest(struct parts *p)
{
	uint64_t wanted = partial_form_size(&p->form) - p->form.range[0].at;
	enum parts_end end;

	if (bytes_to_come(p) == 0)
		return PARTS_HERE;
	if (!limits_permit(&p->limits, "what no slot has of it, with its index,", wanted, p->why))
		return PARTS_BEYOND;
	end = fits_day(p, wanted);
	if (end != PARTS_HERE)
		return end;
	/* The stage has a copy of its own. */
	if (!files_find_room(p->files, p->a, 2 * partial_form_size(&p->form) - p->have, p->why))
		return PARTS_LATER;
	if (files_bundle_open(p->files, p->have, &p->fd) != KB_OK) {
		snprintf(p->why, sizeof(p->why), "%s: cannot be written", p->files->folder.bundle);
		return PARTS_LATER;
	}
	end = fetch_counted(p);
	util_close(&p->fd);
	return end;
}

/* Not the index in each contact, to find out the same. But nobody signed how long a header says it
 * is: now and then it is asked for. */
static bool may_have_room(struct parts *p)
{
	if (p->a->tries % ROOM_CONTACTS == 0)
		p->a->room = 0;
	return files_have_room(p->files, p->a->room, p->why);
}

enum parts_end parts_fetch(struct parts *p)
{
	enum parts_end end = PARTS_HERE;
	uint64_t before;
	bool used_up;

	p->why[0] = '\0';
	p->retry_after_s = 0;
	p->code = FACTS_OK;
	p->end_ms = os_now_ms() + FETCH_TURN_MS;
	p->fd = -1;
	p->meter = (struct meter){ .files = p->files, .a = p->a, .limits = &p->limits };
	p->flush = (struct flush){ .files = p->files, .a = p->a, .meter = &p->meter };
	if (!may_have_room(p) || !meter_begin(&p->meter, p->why))
		return PARTS_LATER;
	http_keep(p->http);
	used_up = meter_left(&p->meter) == 0;
	before = open_begun(p) ? p->have : 0;
	if (before == 0) {
		p->have = 0;
		end = parts_begin(p);
	}
	if (end == PARTS_HERE)
		end = fetch_rest(p);
	http_drop(p->http);
	/* Answers that are no part of the bundle may have used up the day: that is a failure. */
	if (end == PARTS_LATER && meter_left(&p->meter) == 0 && (used_up || p->have > before))
		return parts_pause(p);
	return end;
}
