/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/report.h"

#include "channel/utc.h"
#include "fleet/answer_rules.h"
#include "fleet/attributes.h"
#include "fleet/boot_id.h"
#include "fleet/feed.h"
#include "fleet/keep.h"
#include "fleet/known.h"
#include "fleet/polling.h"
#include "fleet/tell.h"
#include "lib/bytes.h"
#include "lib/log.h"
#include "lib/os.h"
#include "lib/util.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUEUE	     "reports.json"
#define KEPT_MAX     16 /* then the oldest is dropped */
#define QUEUE_MAX    STRICT_MAX
#define WAIT_MAX_S   86400u
#define FAILURES_MAX 255u

/* ---------------------------------------------------------------- what is kept */

struct queue {
	/* to be released */
	json_object *list;
	/* how often in a row none was taken; to which uptime, in seconds, that has them wait, and
	 * to which one who takes them asked for; of this boot */
	uint64_t failures, rest, due;
	char boot[ACTION_BOOT_LEN + 1];
	/* keys of a newer program */
	char others[REST_MAX + 1];
	/* why the oldest still waits, "": that is not known; its status, 0: no answer */
	char why[HTTP_ERROR_MAX + 1];
	uint64_t status;
};

/* All that a record may have. */
static json_object *make_keys(void)
{
	static const char *const keys[] = { "reports", "due", "failures", "rest",
					    "boot",    "why", "status" };
	json_object *o = json_object_new_object();

	for (size_t i = 0; i < KB_ARRAY_LEN(keys); i++)
		json_object_object_add(o, keys[i], NULL);
	return o;
}

/* An empty one where nothing is, or nothing that can be read. */
static struct queue load_queue(const struct contact *c)
{
	static char text[QUEUE_MAX + 1];
	struct queue q = { .list = NULL };
	json_object *o = NULL;
	const char *why;
	size_t len;

	if (files_read(&c->files, QUEUE, text, sizeof(text), &len) == KB_OK)
		o = strict_parse(text, len, &why);
	if (o != NULL)
		rest_take(q.others, o, make_keys());
	if (strict_list(o, "reports", &q.list) == KB_OK)
		json_object_get(q.list);
	if (strict_text(o, "boot", q.boot, sizeof(q.boot)) != KB_OK ||
	    strict_number(o, "due", &q.due, INT64_MAX) != KB_OK)
		q.due = 0;
	if (strict_number(o, "failures", &q.failures, FAILURES_MAX) != KB_OK ||
	    strict_number(o, "rest", &q.rest, INT64_MAX) != KB_OK)
		q.rest = 0;
	if (strict_text(o, "why", q.why, sizeof(q.why)) != KB_OK ||
	    strict_number(o, "status", &q.status, 999) != KB_OK)
		q.why[0] = '\0';
	json_object_put(o);
	if (q.list == NULL)
		q.list = json_object_new_array();
	return q;
}

static void add_text(json_object *o, const char *key, const char *text)
{
	json_object_object_add(o, key, keep_text(text));
}

static json_object *make_record(const struct queue *q)
{
	json_object *o = json_object_new_object();

	json_object_object_add(o, "reports", json_object_get(q->list));
	if (q->due > 0)
		json_object_object_add(o, "due", keep_number(q->due));
	if (q->failures > 0) {
		json_object_object_add(o, "failures", keep_number(q->failures));
		json_object_object_add(o, "rest", keep_number(q->rest));
	}
	if (q->due > 0 || q->failures > 0)
		add_text(o, "boot", q->boot);
	if (q->why[0] != '\0') {
		add_text(o, "why", q->why);
		json_object_object_add(o, "status", keep_number(q->status));
	}
	rest_add(o, q->others);
	return o;
}

/* The oldest give way, until it is what load_queue() reads. */
static bool save_queue(const struct contact *c, const struct queue *q)
{
	char *text = keep_write(make_record(q), QUEUE_MAX);
	bool ok;

	while (text == NULL && json_object_array_length(q->list) > 0) {
		json_object_array_del_idx(q->list, 0, 1);
		text = keep_write(make_record(q), QUEUE_MAX);
	}
	ok = text != NULL && files_rewrite(&c->files, QUEUE, text, strlen(text)) == KB_OK;
	free(text);
	return ok;
}

void report_list(const struct contact *c, json_object *o)
{
	struct queue q = load_queue(c);

	json_object_object_add(o, "reports", q.list);
	add_text(o, "report", q.why);
}

/* ---------------------------------------------------------------- sending */

struct reply {
	/* 0: no answer */
	unsigned status;
	/* what is asked for until the next one, in seconds; 0: nothing */
	uint64_t wait_s;
	char why[HTTP_ERROR_MAX + 1];
};

/* Those of the device as it is when the report goes: one that waits has no copy of them. */
static json_object *list_attributes(const struct contact *c)
{
	static struct attributes t;
	json_object *o = json_object_new_object();

	attributes_collect(&t, &c->facts, c->conf, c->a.device_boots);
	for (unsigned i = 0; i < t.n; i++)
		add_text(o, t.name[i], t.value[i]);
	return o;
}

/* true: it was taken, or never will be. */
static bool post_report(const struct contact *c, json_object *report, struct reply *reply)
{
	struct http_request r = { .method = "POST", .url = c->conf->fleet_report };
	enum answer_report end;
	struct http_answer a;
	char origin[160];
	bool whole, known = json_object_is_type(report, json_type_object);

	if (known)
		json_object_object_add(report, "attributes", list_attributes(c));
	r.body = json_object_to_json_string_ext(report, JSON_C_TO_STRING_PLAIN |
								JSON_C_TO_STRING_NOSLASHESCAPE);
	/* The certificate goes to the channel's own host: another one learns what the report says.
	 */
	whole = http_run(&c->client.http, &r, &a);
	if (known)
		json_object_object_del(report, "attributes");
	*reply = (struct reply){ .status = whole ? (unsigned)a.status : 0,
				 .wait_s = a.retry_after_s };
	end = answer_rules_of((int)reply->status)->report;
	if (end == REPORT_TAKEN)
		return true;
	url_origin(origin, sizeof(origin), c->conf->fleet_report);
	if (whole)
		snprintf(reply->why, sizeof(reply->why), "answers a report with %d%s", a.status,
			 end == REPORT_KEPT ? "; it is sent again" : "; it is dropped");
	else
		snprintf(reply->why, sizeof(reply->why), "no report: %.200s", a.error);
	log_warn("%s: %s", origin, reply->why);
	return end != REPORT_KEPT;
}

/* No wait is longer than a day: that would be no record of ours. */
static bool is_over(uint64_t due)
{
	uint64_t now = os_now_ms() / 1000;

	return due <= now || due > now + WAIT_MAX_S;
}

/* A person waits for nothing but what was asked for. */
static bool is_due(const struct contact *c, const struct queue *q)
{
	char boot[ACTION_BOOT_LEN + 1];

	return !boot_id_read(boot) || strcmp(boot, q->boot) != 0 ||
	       (is_over(q->due) && (c->by_hand || is_over(q->rest)));
}

/* Ever more rarely, as contacts that fail, and each device at its own times. */
static unsigned choose_rest(const struct contact *c, uint64_t failures)
{
	const struct polling p = {
		.sleep_s = polling_interval(c->conf->fleet_poll_s, 0, 0),
		.failures = (unsigned)failures,
		.seed = bytes_hash(BYTES_HASH_START, c->client.id, strlen(c->client.id)),
		.n = os_now_ms(),
	};

	return polling_wait(&p);
}

/* Reports wait for whom they are for. Updates do not, so this is no failure of the contact. */
static void note_wait(const struct contact *c, struct queue *q, const struct reply *reply)
{
	uint64_t now = os_now_ms() / 1000;

	memcpy(q->why, reply->why, sizeof(q->why));
	q->status = reply->status;
	if (boot_id_read(q->boot)) {
		q->failures += q->failures < FAILURES_MAX;
		q->rest = now + choose_rest(c, q->failures);
		q->due = reply->wait_s == 0	      ? 0
			 : reply->wait_s < WAIT_MAX_S ? now + reply->wait_s
						      : now + WAIT_MAX_S;
	}
	(void)!save_queue(c, q);
}

/* Oldest first, until one has to wait. */
static void send_due(struct contact *c, struct queue *q)
{
	struct reply reply;

	while (json_object_array_length(q->list) > 0 && is_due(c, q)) {
		if (!post_report(c, json_object_array_get_idx(q->list, 0), &reply)) {
			note_wait(c, q, &reply);
			return;
		}
		json_object_array_del_idx(q->list, 0, 1);
		q->due = q->failures = q->rest = 0;
		q->why[0] = '\0';
		/* Cut here, or without room for what is left, it is sent again. */
		c->failed = !save_queue(c, q) || c->failed;
	}
}

/* On a full disk, or one that cannot be written any more: whoever gets them has to know it most
 * then. The newest says more than those before it. */
static bool send_or_shrink(struct contact *c, struct queue *q)
{
	size_t n;

	send_due(c, q);
	n = json_object_array_length(q->list);
	if (n == 0)
		return true;
	json_object_array_del_idx(q->list, 0, n - 1);
	return save_queue(c, q);
}

/* ---------------------------------------------------------------- a report */

static json_object *make_report(const struct contact *c, const char *phase, const char *reason,
				const struct ddi_feedback *f)
{
	static const struct facts_slot none = { .name = "" };
	const struct facts_slot *s = facts_booted(&c->facts);
	json_object *o = json_object_new_object(), *details = json_object_new_array();
	char time[UTC_LEN + 1];

	s = s != NULL ? s : &none;
	utc_write(time, feed_now(c));
	json_object_object_add(o, "schema", json_object_new_int(1));
	add_text(o, "id", c->client.id);
	add_text(o, "time", time);
	add_text(o, "version", s->version);
	add_text(o, "slot", c->facts.booted);
	add_text(o, "state", s->state);
	add_text(o, "tier", c->facts.tier);
	add_text(o, "action", c->a.id);
	add_text(o, "action-version", c->a.version);
	add_text(o, "phase", phase);
	add_text(o, "result", f->finished);
	add_text(o, "reason", reason);
	for (unsigned i = 0; i < f->messages; i++)
		json_object_array_add(details, keep_text(f->message[i]));
	json_object_object_add(o, "details", details);
	return o;
}

static bool keep_report(struct contact *c, json_object *report)
{
	struct queue q = load_queue(c);
	bool ok;

	json_object_array_add(q.list, report);
	while (json_object_array_length(q.list) > KEPT_MAX)
		json_object_array_del_idx(q.list, 0, 1);
	ok = save_queue(c, &q);
	c->failed = c->failed || !ok;
	ok = ok || send_or_shrink(c, &q);
	json_object_put(q.list);
	return ok;
}

bool report_phase(struct contact *c)
{
	static struct ddi_feedback f;

	if (c->conf->fleet_report[0] == '\0')
		return true;
	tell_describe(c, &f);
	return keep_report(c, make_report(c, action_phase_name(c->a.phase), c->a.why, &f));
}

/* No action is begun by that; the reason has the version. */
bool report_waiting(struct contact *c, const char *why)
{
	static const struct ddi_feedback f = { .finished = "none" };
	json_object *report;

	if (c->conf->fleet_report[0] == '\0')
		return true;
	report = make_report(c, "waiting", why, &f);
	add_text(report, "action", "");
	add_text(report, "action-version", "");
	return keep_report(c, report);
}

bool report_withdrawn(struct contact *c, const char *id, const char *version, const char *why)
{
	static const struct ddi_feedback f = { .finished = "none" };
	json_object *report;

	if (c->conf->fleet_report[0] == '\0')
		return true;
	report = make_report(c, "withdrawn", why, &f);
	add_text(report, "action", id);
	add_text(report, "action-version", version);
	return keep_report(c, report);
}

/* ---------------------------------------------------------------- the device itself */

static json_object *make_device_report(struct contact *c)
{
	static struct ddi_feedback f;
	json_object *report;

	f = (struct ddi_feedback){ .finished = "none" };
	for (unsigned i = 0; i < c->facts.nslots; i++) {
		const struct facts_slot *s = &c->facts.slot[i];

		ddi_say(&f, "slot %s: %s%s%s", s->name, s->version,
			s->version[0] != '\0' ? ", " : "", s->state);
	}
	report = make_report(c, "device", c->facts.boot_reason, &f);
	add_text(report, "action", "");
	add_text(report, "action-version", "");
	return report;
}

void report_device(struct contact *c)
{
	char now[ACTION_KNOWN_LEN + 1];

	known_write(now, &c->facts);
	if (c->conf->fleet_report[0] == '\0' || c->dry_run || strcmp(now, c->a.device_known) == 0)
		return;
	/* What an action brought is in its own report, with all that runs. */
	if (known_is_old(&c->a, &c->facts) && !keep_report(c, make_device_report(c)))
		return;
	/* Cut before this, it is reported again. */
	memcpy(c->a.device_known, now, sizeof(now));
	contact_save(c);
}

/* ---------------------------------------------------------------- those that wait */

void report_send(struct contact *c, bool believed)
{
	struct queue q;

	if (c->conf->fleet_report[0] == '\0' || c->dry_run)
		return;
	if (!believed && !url_is_secure(c->conf->fleet_report))
		return;
	q = load_queue(c);
	send_due(c, &q);
	json_object_put(q.list);
}
