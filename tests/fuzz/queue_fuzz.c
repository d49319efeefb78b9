/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What keelboot-fleet keeps for a server that takes nothing now: ends of actions ("e"), and reports
 * ("r"). The second byte says what the server answers; the others are the file. They are sent, kept
 * again, and read again. "l": reports that leave no room for one more; "f": on a full disk.
 */
#include "fleet/attributes.h"
#include "fleet/boot_id.h"
#include "fleet/clock.h"
#include "fleet/deployment.h"
#include "fleet/ends.h"
#include "fleet/feed.h"
#include "fleet/judge.h"
#include "fleet/report.h"
#include "fleet/tell.h"
#include "lib/util.h"
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <string.h>

#define SERVER	 5u
#define SIZE	 9u
#define DIGEST	 "abababababababababababababababababababababababababababababababab"
#define ENDS_MAX 8u
#define LIST_MAX 16u
#define UNCLEAR	 4u /* what the server has of an action, among the answers */

static struct contact c;
static struct conf conf;
/* the file, and how often it was written */
static char file[STRICT_MAX + 1];
static size_t file_len;
static unsigned writes, sent;
/* Nothing can be written. */
static bool full;
/* what the server answers; each answer takes some of it */
static unsigned answers;

static unsigned next_answer(unsigned kinds)
{
	unsigned kind = answers % kinds;

	answers /= kinds;
	return kind;
}

/* ---------------------------------------------------------------- the folder */

enum kb_err files_read(const struct files *f, const char *name, void *buf, size_t size, size_t *len)
{
	(void)f;
	(void)name;
	*len = fuzz_copy(buf, size, (const uint8_t *)file, file_len);
	return KB_OK;
}

/* What is written is read by the next contact. */
enum kb_err files_rewrite(const struct files *f, const char *name, const char *text, size_t len)
{
	const char *why = NULL;
	json_object *o;

	(void)f;
	(void)name;
	FUZZ_CHECK(len <= STRICT_MAX);
	if (full)
		return KB_EIO;
	file_len = fuzz_copy(file, sizeof(file), (const uint8_t *)text, len);
	o = strict_parse(file, file_len, &why);
	FUZZ_CHECK(o != NULL);
	json_object_put(o);
	writes++;
	return KB_OK;
}

/* ---------------------------------------------------------------- the server */

static void check_said(const char *id, const struct ddi_feedback *f)
{
	FUZZ_CHECK(url_is_id(id) && strcmp(f->execution, "closed") == 0);
	FUZZ_CHECK(strcmp(f->finished, "success") == 0 || strcmp(f->finished, "failure") == 0);
	FUZZ_CHECK(f->messages <= DDI_MESSAGES_MAX);
	for (unsigned i = 0; i < f->messages; i++)
		FUZZ_CHECK(fuzz_printable(f->message[i], sizeof(f->message[i])));
}

enum client_end deployment_get(struct contact *contact, const char *id, struct offer *o)
{
	static const enum client_end ends[] = { CLIENT_LATER, CLIENT_OK, CLIENT_MISSING,
						CLIENT_OVER, CLIENT_OK };
	unsigned answer = next_answer(KB_ARRAY_LEN(ends));

	(void)contact;
	FUZZ_CHECK(url_is_id(id));
	*o = (struct offer){ .size = SIZE, .digest = DIGEST, .unclear = answer == UNCLEAR };
	return ends[answer];
}

bool client_is_shut(const struct client *client)
{
	(void)client;
	return next_answer(2) == 1;
}

bool tell_close(struct contact *contact, const char *id, const struct ddi_feedback *f,
		uint64_t *tries)
{
	(void)contact;
	check_said(id, f);
	sent++;
	++*tries;
	return next_answer(2) == 1;
}

void tell_describe(struct contact *contact, struct ddi_feedback *f)
{
	(void)contact;
	*f = (struct ddi_feedback){ .execution = "closed", .finished = "failure" };
	ddi_say(f, "it fell back");
}

bool http_run(const struct http_config *config, const struct http_request *r, struct http_answer *a)
{
	static const int statuses[] = { 0, 200, 404, 400, 429, 503 };

	FUZZ_CHECK(config->authorization == NULL && strcmp(r->method, "POST") == 0);
	FUZZ_CHECK(r->body != NULL && r->body[0] != '\0');
	*a = (struct http_answer){ .status = statuses[next_answer(6)] };
	if (a->status == 0)
		snprintf(a->error, sizeof(a->error), "no server");
	a->retry_after_s = next_answer(3) * 1000;
	sent++;
	return a->status != 0;
}

/* ---------------------------------------------------------------- the device */

enum action_phase judge_asked(const struct facts *f, const char *release,
			      char why[ACTION_WHY_MAX + 1])
{
	static const enum action_phase phases[] = { ACTION_NONE, ACTION_GOOD, ACTION_FAILED };

	(void)f;
	FUZZ_CHECK(release[0] != '\0');
	snprintf(why, ACTION_WHY_MAX + 1, "it is in no slot");
	return phases[next_answer(3)];
}

enum action_phase judge_replaced(const struct facts *f, const char *version, uint64_t sequence,
				 char why[ACTION_WHY_MAX + 1])
{
	(void)f;
	snprintf(why, ACTION_WHY_MAX + 1, "another one runs");
	FUZZ_CHECK(fuzz_printable(version, ACTION_VERSION_MAX + 1) && sequence <= INT64_MAX);
	return ACTION_NONE;
}

const struct facts_slot *facts_booted(const struct facts *f)
{
	(void)f;
	return NULL;
}

bool facts_is_half_written(const struct facts_slot *s)
{
	return strcmp(s->state, "writing") == 0;
}

bool boot_id_read(char boot[ACTION_BOOT_LEN + 1])
{
	snprintf(boot, ACTION_BOOT_LEN + 1, "this boot");
	return true;
}

void attributes_collect(struct attributes *t, const struct facts *f, const struct conf *about,
			uint64_t boots)
{
	(void)f;
	(void)about;
	(void)boots;
	*t = (struct attributes){ .n = 1, .name = { "os_release" }, .hash = 1 };
	snprintf(t->value[0], sizeof(t->value[0]), "6.1");
}

uint64_t clock_time(void)
{
	return CLOCK_SET;
}

uint64_t feed_now(const struct contact *contact)
{
	(void)contact;
	return CLOCK_SET;
}

bool contact_save(struct contact *contact)
{
	return !contact->dry_run;
}

void contact_print(const char *fmt, ...)
{
	FUZZ_CHECK(fmt[0] != '\0');
}

/* ---------------------------------------------------------------- ends */

static size_t count_ends(void)
{
	json_object *list = ends_list(&c);
	size_t n = json_object_array_length(list);

	json_object_put(list);
	return n;
}

/* A cancellation of each that waits is too late, for a reason. */
static void ask_why(void)
{
	json_object *list = ends_list(&c);
	char id[URL_ID_MAX + 1], why[ACTION_WHY_MAX + 1];

	for (size_t i = 0; i < json_object_array_length(list); i++) {
		memset(why, 0, sizeof(why));
		if (strict_text(json_object_array_get_idx(list, i), "id", id, sizeof(id)) == KB_OK)
			FUZZ_CHECK(ends_why(&c, id, why) == ends_has(&c, id));
		FUZZ_CHECK(memchr(why, 0, sizeof(why)) != NULL);
	}
	FUZZ_CHECK(!ends_why(&c, "?", why));
	json_object_put(list);
}

static void try_ends(void)
{
	size_t before = count_ends();

	ends_send(&c);
	FUZZ_CHECK(sent <= before && count_ends() <= before);
	/* One that is never understood is given up. */
	for (unsigned i = 0; i < ACTION_TRIES_MAX; i++) {
		answers = UNCLEAR;
		ends_send(&c);
	}
	/* Who is not reached is counted a few times, then changes nothing more: each contact would
	 * write it. */
	for (unsigned i = 0; i <= ENDS_MAX * ACTION_TRIES_MAX; i++) {
		answers = 0;
		ends_send(&c);
	}
	writes = 0;
	before = count_ends();
	answers = 0;
	ends_send(&c);
	FUZZ_CHECK(writes == 0 && count_ends() == before);
	snprintf(c.a.id, sizeof(c.a.id), "new");
	FUZZ_CHECK(ends_add(&c) && ends_has(&c, "new") && count_ends() <= ENDS_MAX);
	before = count_ends();
	FUZZ_CHECK(ends_add(&c) && count_ends() == before);
	ask_why();
	/* The oldest gives way to each that is too many. */
	for (unsigned i = 0; i <= ENDS_MAX; i++) {
		snprintf(c.a.id, sizeof(c.a.id), "new%u", i);
		FUZZ_CHECK(ends_add(&c) && ends_has(&c, c.a.id) && count_ends() <= ENDS_MAX);
	}
	/* They are of this server alone. */
	c.a.server = SERVER + 1;
	FUZZ_CHECK(count_ends() == 0 && !ends_has(&c, "new"));
	c.a.server = SERVER;
}

/* ---------------------------------------------------------------- reports */

static size_t count_reports(void)
{
	json_object *o = json_object_new_object(), *list = NULL;
	char why[HTTP_ERROR_MAX + 1];
	size_t n;

	report_list(&c, o);
	FUZZ_CHECK(strict_list(o, "reports", &list) == KB_OK &&
		   strict_text(o, "report", why, sizeof(why)) == KB_OK);
	n = json_object_array_length(list);
	json_object_put(o);
	return n;
}

static void try_reports(void)
{
	size_t before = count_reports();

	report_send(&c, true);
	FUZZ_CHECK(sent <= before && count_reports() <= before);
	/* One more, while nobody takes any: the oldest give way. */
	FUZZ_CHECK(report_phase(&c) && count_reports() <= LIST_MAX && count_reports() > 0);
	before = count_reports();
	answers = sent = 0;
	c.by_hand = false;
	report_send(&c, true);
	FUZZ_CHECK(count_reports() == before && sent <= 1);
	sent = 0;
	report_send(&c, true);
	FUZZ_CHECK(sent == 0);
	FUZZ_CHECK(report_waiting(&c, "not yet") && count_reports() <= LIST_MAX);
	report_withdrawn(&c, "0123456789abcdef", "2.0", "no wifi");
	FUZZ_CHECK(count_reports() > 0 && count_reports() <= LIST_MAX);
}

/* A list of one text and another one, as large as a file may be. */
static void fill_file(void)
{
	static const char begin[] = "{\"reports\":[\"", middle[] = "\",\"", end[] = "\"]}";

	memset(file, 'x', STRICT_MAX);
	memcpy(file, begin, sizeof(begin) - 1);
	memcpy(file + STRICT_MAX / 2, middle, sizeof(middle) - 1);
	memcpy(file + STRICT_MAX - (sizeof(end) - 1), end, sizeof(end) - 1);
	file_len = STRICT_MAX;
}

/* What cannot be kept is sent, or said to be neither. */
static void try_full(void)
{
	size_t before = count_reports();

	full = true;
	report_send(&c, true);
	FUZZ_CHECK(sent <= before && count_reports() == before && (!c.failed || sent > 0));
	sent = 0;
	FUZZ_CHECK(!report_phase(&c) || sent > 0);
	FUZZ_CHECK(sent <= before + 1 && count_reports() == before && c.failed);
	full = false;
}

/* Unknown at first, then once for each change. */
static void try_device(void)
{
	size_t before = count_reports();

	c.facts = (struct facts){ .booted = "a", .nslots = 2 };
	report_device(&c);
	FUZZ_CHECK(count_reports() == before && c.a.device_known[0] != '\0');
	c.facts.slot[1] = (struct facts_slot){ .name = "b", .state = "good", .version = "2.0" };
	report_device(&c);
	before = count_reports();
	FUZZ_CHECK(before > 0 && before <= LIST_MAX);
	report_device(&c);
	FUZZ_CHECK(count_reports() == before);
}

void fuzz_one(const uint8_t *data, size_t size)
{
	if (size < 2)
		return;
	memset(&c, 0, sizeof(c));
	c.conf = &conf;
	c.by_hand = true;
	c.a.server = SERVER;
	snprintf(conf.fleet_report, sizeof(conf.fleet_report), "https://maker.example/report");
	file_len = fuzz_copy(file, sizeof(file), data + 2, size - 2);
	answers = data[1] * 257u;
	writes = sent = 0;
	if (data[0] == 'l')
		fill_file();
	if (data[0] == 'f') {
		try_full();
		return;
	}
	if (data[0] == 'r' || data[0] == 'l') {
		try_reports();
		try_device();
		return;
	}
	try_ends();
}
