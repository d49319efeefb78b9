/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/fetch.h"

#include "fleet/answer_rules.h"
#include "fleet/flush.h"
#include "fleet/meter.h"
#include "fleet/page.h"

#include "lib/log.h"
#include "lib/os.h"
#include "lib/os_file.h"
#include "lib/util.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define HASTE	    (1u << 20) /* bytes; the disk works while others come */
#define RESUMES_MAX 8	       /* in one contact, each of which brought something */

struct download {
	const struct files *f;
	struct action *a;
	/* of the bundle, and how much of it is here */
	uint64_t size, have;
	struct head *head;
	struct meter meter;
	struct flush flush;
	/* the server does not send parts of it; it has another file than the one that was begun;
	 * the first bytes say whether this is one at all */
	bool indivisible, other, doubtful;
	/* when this contact has fetched for long enough; the next one can go on behind what is
	 * here; it has been ended for that */
	uint64_t end_ms;
	bool divisible, ended;
	int fd;
};

static bool end_with(struct http_answer *answer, const char *text)
{
	snprintf(answer->error, sizeof(answer->error), "%s", text);
	return false;
}

/* more: bytes will come before the next time. */
static bool make_durable(struct download *d, bool more, struct http_answer *answer)
{
	return flush_all(&d->flush, d->fd, d->have, more ? d->size - d->have : 0) ||
	       end_with(answer, "the file or the record cannot be written");
}

/* Which file the bytes to come are of is durable before the first of them. */
static bool begin_anew(struct download *d, struct http_answer *answer)
{
	d->have = 0;
	head_forget(d->head);
	if (os_file_cut(d->fd, 0) != KB_OK)
		return end_with(answer, "the file cannot be written");
	memcpy(d->a->etag, answer->etag, sizeof(d->a->etag));
	return make_durable(d, true, answer);
}

/* Once in each contact. */
static void note_other(struct download *d)
{
	if (!d->other)
		d->a->others++;
	d->other = true;
}

/* What does not fit into this day comes in parts, or not today. */
static bool fits_today(struct download *d, struct http_answer *answer)
{
	bool part = answer->status == 206 && (d->have > 0 || answer->etag[0] != '\0');

	if (part || meter_left(&d->meter) >= d->size)
		return true;
	if (d->have > 0) {
		note_other(d);
		d->a->etag[0] = '\0';
		return end_with(answer, "the server has another file than the one that was begun");
	}
	d->indivisible = true;
	if (d->size > d->meter.limits->daily)
		meter_count_unread(&d->meter);
	else
		meter_use_up(&d->meter);
	return end_with(answer, "the server sends no parts of it");
}

/* What is here is no beginning of what the server has now: the next contact begins anew. */
static bool refuse_other(struct download *d, struct http_answer *answer)
{
	meter_count_unread(&d->meter);
	note_other(d);
	d->a->etag[0] = '\0';
	return end_with(answer, "the server has another file than the one that was begun");
}

/* A server that answers a request for a part with all of it has none: that one is not ended. Nor is
 * what could not go on once: so it comes as a whole, however slowly. */
static bool is_divisible(const struct download *d, const struct http_answer *answer)
{
	return answer->etag[0] != '\0' && d->a->others == 0 &&
	       (answer->status == 206 || (answer->ranges && d->have == 0));
}

static bool is_page(struct download *d, struct http_answer *answer)
{
	if (!page_is_announced(answer, d->size))
		return false;
	meter_count_unread(&d->meter);
	return true;
}

/* It may take the place of what is here. */
static bool take_bundle_head(struct download *d, struct http_answer *answer)
{
	bool other = d->have > 0 && http_is_other(answer, d->a->etag);

	if (other && answer->status == 206)
		return refuse_other(d, answer);
	if (!fits_today(d, answer))
		return false;
	if (other)
		note_other(d);
	d->divisible = is_divisible(d, answer);
	if (answer->status == 200)
		return begin_anew(d, answer);
	if (answer->from != d->have)
		return end_with(answer, "the server sends another part than asked for");
	if (d->have == 0)
		return begin_anew(d, answer);
	return d->meter.limits->daily == 0 || make_durable(d, true, answer);
}

static bool take_head(void *data, struct http_answer *answer)
{
	struct download *d = data;

	if (answer->status != 200 && answer->status != 206)
		return end_with(answer, "the server answers with something that is no bundle");
	if (is_page(d, answer))
		return false;
	d->doubtful = page_is_possible(answer, d->size);
	return d->doubtful || take_bundle_head(d, answer);
}

/* false: it is a page, or the bundle is not wanted so. */
static bool resolve_doubt(struct download *d, struct http_answer *answer, const void *bytes,
			  size_t len)
{
	d->doubtful = false;
	if (!page_is_begun(answer, bytes, len))
		return take_bundle_head(d, answer);
	meter_count_unread(&d->meter);
	return false;
}

static bool take_bytes(void *data, struct http_answer *answer, const void *bytes, size_t len)
{
	struct download *d = data;

	if (d->doubtful && !resolve_doubt(d, answer, bytes, len))
		return false;
	if (len > d->size - d->have)
		return end_with(answer, "the bundle is larger than announced");
	if (!meter_count(&d->meter, len))
		return end_with(answer, "the server sends more than asked for");
	if (os_file_write(d->fd, bytes, len) != KB_OK)
		return end_with(answer, "the file cannot be written: is the data partition full?");
	if ((d->have ^ (d->have + len)) & ~(uint64_t)(HASTE - 1))
		os_file_hasten(d->fd);
	d->have += len;
	if (!head_take(d->head, d->have, answer->error)) {
		meter_count_unread(&d->meter);
		return false;
	}
	d->ended = d->divisible && d->have < d->size && os_now_ms() >= d->end_ms;
	if (d->ended)
		return end_with(answer, "it has come for long enough in one contact");
	return flush_some(&d->flush, d->fd, d->have, d->size - d->have) ||
	       end_with(answer, "the file or the record cannot be written");
}

/* ---------------------------------------------------------------- before and behind it */

void fetch_expect(const struct files *f, struct action *a, const struct offer *d, bool new_action)
{
	bool known = d->digest[0] != '\0' || !new_action;

	if (known && a->size == d->size && strcmp(a->digest, d->digest) == 0)
		return;
	files_bundle_drop(f);
	/* Also where it cannot be removed: it is none of what is expected. */
	a->durable = 0;
	a->etag[0] = '\0';
	a->others = a->room = 0;
	a->parts = ACTION_WHOLE;
	a->size = d->size;
	memcpy(a->digest, d->digest, sizeof(a->digest));
	memcpy(a->name, d->name, sizeof(a->name));
}

/* From a server by https, nothing is fetched by http. */
const char *fetch_url(const struct http_config *c, const struct offer *d)
{
	const char *const urls[] = { d->url, d->plain_url };

	for (size_t i = 0; i < KB_ARRAY_LEN(urls); i++)
		if (urls[i][0] != '\0' && url_same_origin(urls[i], c->server))
			return urls[i];
	for (size_t i = 0; i < KB_ARRAY_LEN(urls); i++)
		if (urls[i][0] != '\0' && (url_is_secure(urls[i]) || !url_is_secure(c->server)))
			return urls[i];
	return NULL;
}

static enum fetch_end judge_answer(struct download *d, const struct http_answer *answer, bool whole,
				   char *why)
{
	enum answer_bundle means = answer_rules_of(answer->status)->bundle;
	bool good = answer->status == 200 || answer->status == 206;

	if (whole && good && d->have == d->size)
		return FETCH_WHOLE;
	if (whole && good)
		snprintf(why, ACTION_WHY_MAX + 1,
			 "the server sends %" PRIu64 " of %" PRIu64 " bytes", d->have, d->size);
	else if (whole)
		snprintf(why, ACTION_WHY_MAX + 1, "the server answers %d", answer->status);
	else
		snprintf(why, ACTION_WHY_MAX + 1, "%s", answer->error);
	if (means == BUNDLE_ANEW)
		d->a->etag[0] = '\0';
	if (!whole || means == BUNDLE_LATER || means == BUNDLE_ANEW)
		return FETCH_LATER;
	return means == BUNDLE_NEVER ? FETCH_NEVER : FETCH_REFUSED;
}

/* Also on the way there may be what answers with the whole file, once: so this is tried again. A
 * day that was used up by answers which are no part of the file is a failure, not a pause. before:
 * bytes that were here. */
static enum fetch_end judge_limits(const struct download *d, enum fetch_end end, uint64_t before,
				   char *why)
{
	const struct limits *limits = d->meter.limits;
	bool never = d->indivisible && d->size > limits->daily;
	bool waits = (d->indivisible || d->have > before) && meter_left(&d->meter) == 0;

	if (end != FETCH_LATER || (!never && !waits))
		return end;
	if (!never) {
		limits_explain(limits, d->a, d->have, d->size, why);
		return FETCH_PAUSED;
	}
	snprintf(why, ACTION_WHY_MAX + 1,
		 "the server sends no parts of it, and a day of this device takes %" PRIu64
		 " bytes; raise [fleet] daily-bytes= there to %" PRIu64
		 ", or offer a smaller bundle",
		 limits->daily, d->size);
	return FETCH_REFUSED;
}

/* What began anew is none, unless it is all. */
static bool is_progress(const struct download *d, const struct http_answer *answer, uint64_t before,
			enum fetch_end end)
{
	return end == FETCH_WHOLE ||
	       (answer->status == 206 && before > 0 && d->have > before && d->a->etag[0] != '\0');
}

/* What could not be made durable comes again. */
static void go_back(struct download *d)
{
	uint64_t before = d->have;

	if (d->have > d->a->durable)
		d->have = d->a->durable;
	if (d->a->etag[0] == '\0')
		d->have = 0;
	if (d->have < before)
		head_forget(d->head);
	d->a->durable = d->have;
}

/* cut: the connection ended before the answer did. */
static enum fetch_end fetch_once(struct download *d, const struct http_config *c, const char *url,
				 char *why, uint64_t *retry_after_s, bool *cut)
{
	struct http_answer answer;
	struct http_request r = { .method = "GET",
				  .url = url,
				  .download = true,
				  .head = take_head,
				  .take = take_bytes,
				  .data = d };
	uint64_t left = meter_left(&d->meter);
	enum fetch_end end;
	bool whole;

	go_back(d);
	*cut = false;
	if (files_bundle_open(d->f, d->have, &d->fd) != KB_OK) {
		snprintf(why, ACTION_WHY_MAX + 1, "%s: cannot be written", d->f->folder.bundle);
		return FETCH_LATER;
	}
	if (!head_take(d->head, d->have, why)) {
		util_close(&d->fd);
		return FETCH_REFUSED;
	}
	r.from = d->have;
	r.if_range = d->a->etag;
	r.to = left < d->size - d->have ? d->have + left : 0;
	whole = http_run(c, &r, &answer);
	if ((d->have != d->a->durable || d->meter.spent != d->a->day_bytes) &&
	    !make_durable(d, false, &answer))
		whole = false;
	util_close(&d->fd);
	*retry_after_s = answer.retry_after_s;
	*cut = !whole;
	end = judge_limits(d, judge_answer(d, &answer, whole, why), r.from, why);
	if (d->ended && end == FETCH_LATER)
		end = FETCH_GOES_ON;
	if (d->head->code != FACTS_OK)
		end = FETCH_REFUSED;
	if (is_progress(d, &answer, r.from, end))
		d->a->tries = 0;
	return end;
}

/* Whether anything is asked for in this contact; if not, *end and why say it. */
static bool is_allowed(struct download *d, enum fetch_end *end, char *why)
{
	const struct limits *limits = d->meter.limits;

	*end = FETCH_LATER;
	if (!limits_permit(limits, "its download", d->size, why)) {
		*end = FETCH_BEYOND;
		return false;
	}
	/* The stage has a copy of its own. */
	if (!files_find_room(d->f, d->a, 2 * d->size - d->have, why) ||
	    !meter_begin(&d->meter, why))
		return false;
	if (meter_left(&d->meter) > 0)
		return true;
	limits_explain(limits, d->a, d->have, d->size, why);
	*end = FETCH_PAUSED;
	return false;
}

enum fetch_end fetch_bundle(struct head *head, const struct http_config *c,
			    const struct limits *limits, const struct offer *deployment,
			    char why[ACTION_WHY_MAX + 1], uint64_t *retry_after_s)
{
	const struct files *f = head->files;
	struct action *a = head->a;
	uint64_t here = files_bundle_size(f);
	struct download d = { .f = f,
			      .a = a,
			      .head = head,
			      .size = a->size,
			      .have = here < a->durable ? here : a->durable,
			      .meter = { .files = f, .a = a, .limits = limits },
			      .flush = { .files = f, .a = a, .meter = &d.meter },
			      .end_ms = os_now_ms() + FETCH_TURN_MS,
			      .fd = -1 };
	const char *url = fetch_url(c, deployment);
	enum fetch_end end;

	if (url == NULL) {
		snprintf(why, ACTION_WHY_MAX + 1,
			 "the server is reached by https, and offers the bundle by http only");
		return FETCH_NEVER;
	}
	if (d.have > d.size)
		d.have = 0;
	if (d.have == d.size)
		return FETCH_WHOLE;
	if (!is_allowed(&d, &end, why))
		return end;
	for (int i = 0; i <= RESUMES_MAX && end == FETCH_LATER; i++) {
		uint64_t before = d.have;
		bool cut;

		end = fetch_once(&d, c, url, why, retry_after_s, &cut);
		/* Without an ETag, all of it would come again. */
		if (!cut || d.have <= before || a->etag[0] == '\0' || d.flush.failed)
			break;
	}
	return end;
}
