/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/output/output.h"

#include "selector/choose.h"
#include "selector/reset.h"

#include <stdio.h>
#include <string.h>

struct phrase {
	/* without a reason */
	const char *plain;
	/* before ": reason" */
	const char *because;
	/* before the detail, which stands in parentheses */
	const char *from;
};

static const struct phrase phrases[HISTORY_KIND_COUNT] = {
	[HISTORY_BOOT] = { "was booted", "was booted", "" },
	[HISTORY_INSTALL] = { "was installed", "could not be installed", "from " },
	[HISTORY_REFUSED] = { "was refused", "was refused", "from " },
	[HISTORY_GOOD] = { "was marked good", "was marked good", "" },
	[HISTORY_BAD] = { "was rejected", "was rejected", "" },
	[HISTORY_REBUILT] = { "the state record was lost and rebuilt",
			      "the state record was lost and rebuilt", "" },
	[HISTORY_MIGRATE] = { "migrated data", "", "" },
	[HISTORY_STATE] = { "the state was changed", "", "" },
};

/* What the event is about: "3.0 in slot b", "slot b", "a bundle"; "" where it is the state. */
static void write_subject(char *out, size_t size, const struct history_event *e)
{
	const char *preposition = e->kind == HISTORY_INSTALL ? "for" : "in";

	out[0] = '\0';
	if (e->kind == HISTORY_REBUILT)
		return;
	if (e->version[0] != '\0' && e->slot != STATE_NONE && e->kind != HISTORY_REFUSED)
		snprintf(out, size, "%s %s slot %c ", e->version, preposition,
			 state_slot_letter(e->slot));
	else if (e->version[0] != '\0')
		snprintf(out, size, "%s ", e->version);
	else if (e->slot != STATE_NONE)
		snprintf(out, size, "slot %c ", state_slot_letter(e->slot));
	else if (e->kind == HISTORY_REFUSED || e->kind == HISTORY_INSTALL)
		snprintf(out, size, "a bundle ");
}

/* " (last reset: crash)", " (from usb)" */
static void detail_of(char *out, size_t size, const struct history_event *e, const char *from)
{
	out[0] = '\0';
	if (e->detail[0] == '\0')
		return;
	if (e->kind == HISTORY_BAD)
		for (int cause = RESET_UNKNOWN; cause <= RESET_CRASH; cause++)
			if (strcmp(e->detail, reset_name((enum reset_cause)cause)) == 0)
				from = "last reset: ";
	snprintf(out, size, " (%s%s)", from, e->detail);
}

/* "b: no mount": of the slot that stood before. */
static bool names_a_slot(const char *reason)
{
	return reason[0] != '\0' && strncmp(reason + 1, ": ", 2) == 0;
}

/* A boot with a reason is one that failed before its init ran, or one that took its place, or one
 * that a last resort took all the same. */
static void boot_sentence(char out[OUTPUT_LINE_LEN], const struct history_event *e, const char *who)
{
	if (strcmp(e->detail, "not booted") == 0)
		snprintf(out, OUTPUT_LINE_LEN, "%scould not be booted: %s", who, e->reason);
	else if (strcmp(e->detail, "booted anyway") == 0)
		snprintf(out, OUTPUT_LINE_LEN, "%swas booted anyway: %s", who, e->reason);
	else if (e->reason[0] != '\0' && !names_a_slot(e->reason))
		snprintf(out, OUTPUT_LINE_LEN, "%scould not be booted: %s (%s)", who, e->reason,
			 e->detail);
	else if (e->reason[0] != '\0')
		snprintf(out, OUTPUT_LINE_LEN, "%swas booted instead of slot %s", who, e->reason);
	else if (e->detail[0] != '\0' && strcmp(e->detail, choose_tier_name(CHOOSE_NORMAL)) != 0)
		snprintf(out, OUTPUT_LINE_LEN, "%swas booted (%s)", who, e->detail);
	else
		snprintf(out, OUTPUT_LINE_LEN, "%swas booted", who);
}

void output_event_sentence(char out[OUTPUT_LINE_LEN], const struct history_event *e)
{
	const struct phrase *p =
		&phrases[(unsigned)e->kind < HISTORY_KIND_COUNT ? e->kind : HISTORY_STATE];
	const char *colon = e->reason[0] != '\0' && p->because[0] != '\0' ? ": " : "";
	char who[96], detail[HISTORY_TEXT_MAX + 32];

	write_subject(who, sizeof(who), e);
	if (e->kind == HISTORY_BOOT) {
		boot_sentence(out, e, who);
		return;
	}
	detail_of(detail, sizeof(detail), e, p->from);
	snprintf(out, OUTPUT_LINE_LEN, "%s%s%s%s%s", who,
		 e->reason[0] != '\0' ? p->because : p->plain, colon, e->reason, detail);
}

json_object *output_event_json(const struct history_event *e)
{
	json_object *o = json_object_new_object();
	char when[OUTPUT_TIME_LEN];

	output_time(when, e->time, true);
	output_json_number(o, "n", e->n);
	output_json_text(o, "time", when[0] != '\0' ? when : NULL);
	output_json_text(o, "kind", history_kind_name(e->kind));
	output_json_slot(o, "slot", e->slot);
	output_json_text(o, "version", e->version);
	output_json_number(o, "sequence", e->sequence);
	output_json_text(o, "reason", e->reason);
	output_json_text(o, "detail", e->detail);
	return o;
}
