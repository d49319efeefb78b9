/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/facts.h"

#include "channel/strict.h"
#include "fleet/monitor_link.h"
#include "lib/os_file.h"
#include "lib/util.h"
#include "update/wire/partial_form.h"

#include <stdio.h>
#include <string.h>

static void copy_text(char *out, size_t size, json_object *o, const char *key)
{
	json_object *value;
	const char *text = NULL;

	if (o != NULL && json_object_object_get_ex(o, key, &value) &&
	    json_object_is_type(value, json_type_string))
		text = json_object_get_string(value);
	util_print_safe(out, size, text != NULL ? text : "");
}

#define COPY_TEXT(array, o, key) copy_text(array, sizeof(array), o, key)

static uint64_t number_of(json_object *o, const char *key)
{
	uint64_t n;

	return strict_number(o, key, &n, INT64_MAX) == KB_OK ? n : 0;
}

/* Its exit code, or -1. *o: what it printed, or NULL; *r says why. */
static int ask(struct monitor *m, enum monitor_work work, json_object **o, struct monitor_result *r)
{
	const struct monitor_order order = { .work = work };

	monitor_do(m, &order, r, o, NULL);
	return r->code;
}

static void copy_why(char why[FACTS_TEXT_MAX + 1], const struct monitor_result *r)
{
	util_print_safe(why, FACTS_TEXT_MAX + 1, r->why);
}

/* ---------------------------------------------------------------- status */

static void read_slot(struct facts_slot *s, json_object *o)
{
	COPY_TEXT(s->name, o, "slot");
	COPY_TEXT(s->state, o, "state");
	COPY_TEXT(s->release, o, "release");
	COPY_TEXT(s->version, o, "version");
	COPY_TEXT(s->reason, o, "reason");
	s->sequence = number_of(o, "sequence");
	s->crashes = number_of(o, "streak");
	s->tries = number_of(o, "tries");
}

static void read_rejected(struct facts *f, json_object *o)
{
	json_object *list;

	if (strict_list(o, "rejected", &list) != KB_OK)
		return;
	for (size_t i = 0; i < json_object_array_length(list) && i < FACTS_REJECTED_MAX; i++)
		COPY_TEXT(f->rejected[i], json_object_array_get_idx(list, i), "release");
}

static void read_warnings(struct facts *f, json_object *o)
{
	json_object *list, *first;

	if (strict_list(o, "warnings", &list) != KB_OK)
		return;
	f->warnings = (unsigned)json_object_array_length(list);
	first = json_object_array_get_idx(list, 0);
	if (json_object_is_type(first, json_type_string))
		util_print_safe(f->warning, sizeof(f->warning), json_object_get_string(first));
}

/* It was lost, as by a person or a check of the file system. */
static bool is_missing(const struct facts *f, json_object *staged)
{
	json_object *present;

	return !f->data_elsewhere && json_object_object_get_ex(staged, "present", &present) &&
	       !json_object_get_boolean(present);
}

static bool read_status(struct facts *f, json_object *o)
{
	json_object *slots, *booted, *staged, *mounted, *state, *flag;

	memset(f, 0, sizeof(*f));
	if (strict_list(o, "slots", &slots) != KB_OK || json_object_array_length(slots) == 0)
		return false;
	while (f->nslots < FACTS_SLOTS_MAX && f->nslots < json_object_array_length(slots)) {
		read_slot(&f->slot[f->nslots], json_object_array_get_idx(slots, f->nslots));
		f->nslots++;
	}
	if (strict_object(o, "booted", &booted) == KB_OK) {
		COPY_TEXT(f->booted, booted, "slot");
		COPY_TEXT(f->boot_reason, booted, "reason");
		COPY_TEXT(f->reset, booted, "cause");
		COPY_TEXT(f->tier, booted, "tier");
	}
	f->data_elsewhere = json_object_object_get_ex(o, "data_mounted", &mounted) &&
			    !json_object_get_boolean(mounted);
	if (strict_object(o, "staged", &staged) == KB_OK) {
		COPY_TEXT(f->staged, staged, "release");
		COPY_TEXT(f->staged_next, staged, "next");
		COPY_TEXT(f->staged_why, staged, "why");
		f->staged_by_others = json_object_object_get_ex(staged, "fleet", &flag) &&
				      !json_object_get_boolean(flag);
		f->staged_lasting = (json_object_object_get_ex(staged, "lasting", &flag) &&
				     json_object_get_boolean(flag)) ||
				    is_missing(f, staged);
	}
	if (strict_object(o, "state", &state) == KB_OK)
		f->writes = number_of(state, "sequence");
	read_warnings(f, o);
	COPY_TEXT(f->compatible, o, "compatible");
	f->floor = number_of(o, "floor");
	read_rejected(f, o);
	return true;
}

bool facts_read(struct facts *f, struct monitor *m, char why[FACTS_TEXT_MAX + 1])
{
	struct monitor_result r;
	json_object *o;
	int code = ask(m, MONITOR_STATUS, &o, &r);
	bool known = read_status(f, o);

	json_object_put(o);
	if (!known && code == FACTS_OK)
		snprintf(why, FACTS_TEXT_MAX + 1, "this system has no slots");
	else if (!known)
		copy_why(why, &r);
	return known;
}

const struct facts_slot *facts_booted(const struct facts *f)
{
	for (unsigned i = 0; i < f->nslots; i++)
		if (f->booted[0] != '\0' && strcmp(f->slot[i].name, f->booted) == 0)
			return &f->slot[i];
	return NULL;
}

bool facts_is_half_written(const struct facts_slot *s)
{
	return strcmp(s->state, "writing") == 0;
}

const struct facts_slot *facts_slot_of(const struct facts *f, const char *release)
{
	for (unsigned i = 0; i < f->nslots; i++)
		if (release[0] != '\0' && strcmp(f->slot[i].release, release) == 0 &&
		    !facts_is_half_written(&f->slot[i]))
			return &f->slot[i];
	return NULL;
}

bool facts_is_rejected(const struct facts *f, const char *release)
{
	for (unsigned i = 0; i < FACTS_REJECTED_MAX; i++)
		if (f->rejected[i][0] != '\0' &&
		    strncmp(release, f->rejected[i], strlen(f->rejected[i])) == 0)
			return true;
	return false;
}

/* ---------------------------------------------------------------- bundles */

static int ask_bundle(struct facts_bundle *b, struct monitor *m, enum monitor_work work, char *why)
{
	struct monitor_result r;
	json_object *o;
	int code = ask(m, work, &o, &r);

	COPY_TEXT(b->release, o, "release");
	COPY_TEXT(b->version, o, "version");
	b->sequence = number_of(o, "sequence");
	if (code != FACTS_OK)
		copy_why(why, &r);
	json_object_put(o);
	return code;
}

int facts_inspect(struct facts_bundle *b, struct monitor *m, char why[FACTS_TEXT_MAX + 1])
{
	return ask_bundle(b, m, MONITOR_INSPECT, why);
}

int facts_index(struct facts_bundle *b, struct monitor *m, char why[FACTS_TEXT_MAX + 1])
{
	return ask_bundle(b, m, MONITOR_INDEX, why);
}

/* From memory: what is not believed is on no disk. */
json_object *facts_channel(struct monitor *m, const void *bytes, size_t len,
			   char why[FACTS_TEXT_MAX + 1])
{
	const struct monitor_order order = { .work = MONITOR_CHANNEL };
	struct monitor_result r = { .why = "no memory" };
	json_object *o = NULL, *channel = NULL;
	KB_CLEANUP_FD int fd = -1;

	if (os_file_memory(bytes, len, &fd) == KB_OK)
		monitor_do(m, &order, &r, &o, &fd);
	if (r.code == FACTS_OK && strict_object(o, "channel", &channel) == KB_OK)
		channel = json_object_get(channel);
	else
		copy_why(why, &r);
	json_object_put(o);
	return channel;
}

int facts_stage(struct monitor *m, char why[FACTS_TEXT_MAX + 1], bool *again)
{
	struct monitor_result r;
	json_object *o, *flag;
	int code = ask(m, MONITOR_STAGE, &o, &r);

	*again = json_object_object_get_ex(o, "again", &flag) && json_object_get_boolean(flag);
	why[0] = '\0';
	if (code != FACTS_OK)
		copy_text(why, FACTS_TEXT_MAX + 1, o, "error");
	if (code != FACTS_OK && why[0] == '\0')
		copy_why(why, &r);
	json_object_put(o);
	return code;
}

int facts_ranges(struct monitor *m, json_object **ranges, char why[FACTS_TEXT_MAX + 1])
{
	struct monitor_result r;
	int code = ask(m, MONITOR_RANGES, ranges, &r);

	if (code != FACTS_OK)
		copy_why(why, &r);
	return code;
}

int facts_unstage(struct monitor *m, char why[FACTS_TEXT_MAX + 1])
{
	struct monitor_result r;
	json_object *o;
	int code = ask(m, MONITOR_UNSTAGE, &o, &r);

	if (code != FACTS_OK)
		copy_why(why, &r);
	json_object_put(o);
	return code;
}

/* ---------------------------------------------------------------- why */

static bool is_about(json_object *o, const char *version, uint64_t sequence)
{
	char text[ACTION_VERSION_MAX + 1];

	COPY_TEXT(text, o, "version");
	return strcmp(text, version) == 0 && number_of(o, "sequence") == sequence;
}

/* The last lines of a text, as messages. */
static void say_tail(struct ddi_feedback *f, const char *text, unsigned lines)
{
	const char *at = text + strlen(text);

	while (at > text && at[-1] == '\n')
		at--;
	while (at > text) {
		if (at[-1] == '\n' && --lines == 0)
			break;
		at--;
	}
	while (*at != '\0') {
		int len = (int)strcspn(at, "\n");

		if (len > 0)
			ddi_say(f, "  %.*s", len, at);
		at += len + (at[len] == '\n' ? 1 : 0);
	}
}

static void say_words(struct ddi_feedback *f, json_object *failure)
{
	json_object *words, *text;
	size_t n;

	if (strict_list(failure, "words", &words) != KB_OK)
		return;
	n = json_object_array_length(words);
	for (size_t i = 0; i < n; i++) {
		json_object *one = json_object_array_get_idx(words, i);
		char kind[32];

		COPY_TEXT(kind, one, "kind");
		if (!json_object_object_get_ex(one, "text", &text) ||
		    !json_object_is_type(text, json_type_string))
			continue;
		ddi_say(f, "last words (%s):", kind);
		say_tail(f, json_object_get_string(text), 4);
	}
}

void facts_say_why(struct monitor *m, const char *version, uint64_t sequence,
		   struct ddi_feedback *f)
{
	struct monitor_result r;
	json_object *o, *list;
	char sentence[DDI_MESSAGE_MAX + 1];

	(void)ask(m, MONITOR_WHY, &o, &r);
	if (strict_list(o, "failures", &list) != KB_OK)
		list = NULL;
	for (size_t i = 0; list != NULL && i < json_object_array_length(list); i++) {
		json_object *one = json_object_array_get_idx(list, i);

		if (!is_about(one, version, sequence))
			continue;
		COPY_TEXT(sentence, one, "sentence");
		ddi_say(f, "%s", sentence);
		say_words(f, one);
		break;
	}
	json_object_put(o);
}

static bool is_refusal(json_object *o, const char *version, uint64_t sequence, bool any)
{
	char kind[16], of[ACTION_VERSION_MAX + 1];

	COPY_TEXT(kind, o, "kind");
	COPY_TEXT(of, o, "version");
	if (any && strcmp(kind, "refused") == 0 && of[0] == '\0')
		return true;
	return is_about(o, version, sequence) &&
	       (strcmp(kind, "refused") == 0 || strcmp(kind, "install") == 0 ||
		strcmp(kind, "bad") == 0);
}

bool facts_refusal(struct monitor *m, const char *version, uint64_t sequence, bool any,
		   char why[FACTS_TEXT_MAX + 1])
{
	struct monitor_result r;
	json_object *o, *list;
	char detail[FACTS_TEXT_MAX + 1] = "";

	why[0] = '\0';
	(void)ask(m, MONITOR_HISTORY, &o, &r);
	if (strict_list(o, "events", &list) != KB_OK)
		list = NULL;
	for (size_t i = 0; list != NULL && why[0] == '\0' && i < json_object_array_length(list);
	     i++) {
		json_object *one = json_object_array_get_idx(list, i);

		if (!is_refusal(one, version, sequence, any))
			continue;
		copy_text(why, FACTS_TEXT_MAX + 1, one, "reason");
		COPY_TEXT(detail, one, "detail");
	}
	json_object_put(o);
	return strcmp(detail, PARTIAL_FORM_DROPPED) == 0;
}
