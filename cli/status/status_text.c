/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/status/status.h"

#include "cli/device/device_loader.h"
#include "cli/state/boot_json.h"
#include "lib/bytes.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static enum output_colour colour_of(enum state_st st)
{
	switch (st) {
	case STATE_GOOD:
		return OUTPUT_GREEN;
	case STATE_TRIAL:
		return OUTPUT_YELLOW;
	case STATE_BAD:
	case STATE_WRITING:
		return OUTPUT_RED;
	case STATE_EMPTY:
		return OUTPUT_DIM;
	}
	return OUTPUT_PLAIN;
}

static const char *ending_of_plural(unsigned n)
{
	return n == 1 ? "" : "s";
}

/* "slot b runs 2.0, which is good" */
static void print_running(const struct status *st)
{
	const struct state_slot *slot = &st->d->state.slot[st->d->booted];
	const char *version =
		slot->version[0] != '\0' ? slot->version : "a system of unknown version";
	char letter = state_slot_letter(st->d->booted);

	printf("%sSlot %c runs %s", output_colour(stdout, OUTPUT_BOLD), letter, version);
	switch (slot->st) {
	case STATE_GOOD:
		printf(", which is %sgood%s", output_colour(stdout, OUTPUT_GREEN),
		       output_colour(stdout, OUTPUT_PLAIN));
		if (slot->streak > 0)
			printf(" (its last resets count as %u crash%s)", slot->streak,
			       slot->streak == 1 ? "" : "es");
		puts(".");
		break;
	case STATE_TRIAL:
		printf(", on %strial%s: ", output_colour(stdout, OUTPUT_YELLOW),
		       output_colour(stdout, OUTPUT_PLAIN));
		status_trial_text(st);
		break;
	case STATE_BAD:
	case STATE_EMPTY:
	case STATE_WRITING:
		printf(", although it is %s%s%s.\n", output_colour(stdout, OUTPUT_RED),
		       state_st_name(slot->st), output_colour(stdout, OUTPUT_PLAIN));
		break;
	}
}

/* Why this boot did not take the slot that stood first: the boot's own words, "b: no mount" for a
 * slot that was skipped. */
static void print_reason(const struct status *st)
{
	const char *why = status_boot_text(st, "reason");

	if (why[0] >= 'a' && why[0] < 'a' + STATE_SLOTS_MAX && strncmp(why + 1, ": ", 2) == 0)
		printf("Slot %c was skipped: %s.\n", why[0], why + 3);
	else if (why[0] != '\0')
		puts(why);
}

static void print_head(const struct status *st)
{
	const struct device *d = st->d;
	const char *tier = status_boot_text(st, "tier");

	if (!d->run_found)
		printf("Which slot runs is not known: Keelboot did not boot this system%s%s.\n",
		       d->aside[0] != '\0' ? ": " : "", d->aside);
	else if (st->have_state && d->booted < d->state.nslots)
		print_running(st);
	else
		printf("Slot %c runs%s%s; the state cannot be read.\n",
		       state_slot_letter(d->booted),
		       status_boot_text(st, "version")[0] != '\0' ? " " : "",
		       status_boot_text(st, "version"));
	if (strcmp(tier, "last-resort") == 0)
		puts("It runs as a last resort: no slot that is trusted could be booted.");
	else if (strcmp(tier, "forced") == 0)
		puts("It was chosen by keelboot.slot= on the kernel command line, for this boot.");
	else if (strcmp(tier, "oneshot") == 0)
		puts("It was chosen for one boot; the next boot uses the usual slot.");
	if (d->run_found && d->pair != STATE_NONE && d->pair != d->booted)
		printf("It runs with the kernel of slot %c.\n", state_slot_letter(d->pair));
	if (d->run_found && device_loader_is_first(d))
		puts("It runs with the first kernel, and not with its own.");
	if (d->run_found && device_loader_is_unnamed(d))
		puts("Nobody says whose kernel it runs with (started by kexec).");
}

/* What the boot measured for the TPM. Why it did not is among the warnings. */
static void print_measured(const struct status *st)
{
	json_object *measured, *spoiled = NULL;
	uint64_t pcr;

	if (st->boot == NULL || !json_object_object_get_ex(st->boot, "measured", &measured) ||
	    !boot_json_number(measured, "pcr", &pcr))
		return;
	json_object_object_get_ex(measured, "spoiled", &spoiled);
	printf("Measured:   PCR %" PRIu64 ", by %s%s\n", pcr, boot_json_text(measured, "by"),
	       json_object_is_type(spoiled, json_type_boolean) && json_object_get_boolean(spoiled)
		       ? "; it has another text, too: no secret that is sealed to it opens in this boot"
		       : "");
}

static void print_last(const struct status *st)
{
	char sentence[OUTPUT_LINE_LEN], when[OUTPUT_TIME_LEN];

	if (!st->have_last) {
		if (st->opened == KB_OK)
			puts("Last: nothing has happened yet.");
		return;
	}
	output_event_sentence(sentence, &st->last);
	output_time(when, st->last.time, false);
	printf("Last: %s%s%s%s\n", sentence, when[0] != '\0' ? " (" : "", when,
	       when[0] != '\0' ? ")" : "");
	if (st->why == 1)
		puts("      Its last words: keelboot why");
	else if (st->why > 1)
		printf("      Its last words: keelboot why %u\n", st->why);
}

static void notes_of(const struct status *st, int i, char *out, size_t size)
{
	const struct state *s = &st->d->state;
	const struct state_slot *slot = &s->slot[i];

	snprintf(out, size, "%s%s%s%s%s", st->d->run_found && i == st->d->booted ? ", booted" : "",
		 i == s->pref ? ", preferred" : "", i == st->protected ? ", protected" : "",
		 i == s->oneshot ? ", once at the next boot" : "",
		 slot->reason[0] != '\0' ? ": " : "");
	/* Without marks the reason stands alone. */
	if (out[0] == ':')
		out[0] = '\0';
	snprintf(out + strlen(out), size - strlen(out), "%s", slot->reason);
	if (strncmp(out, ", ", 2) == 0)
		memmove(out, out + 2, strlen(out) - 1);
}

static void print_slot(const struct status *st, int i, int width)
{
	const struct state_slot *slot = &st->d->state.slot[i];
	char notes[160], sequence[24] = "-", tries[8] = "-";

	notes_of(st, i, notes, sizeof(notes));
	if (slot->has_release || slot->sequence != 0)
		snprintf(sequence, sizeof(sequence), "%" PRIu64, slot->sequence);
	if (slot->st == STATE_TRIAL)
		snprintf(tries, sizeof(tries), "%u", slot->tries);
	printf("%c %-4c  %s%-7s%s  %-*s  %-8s  %-5s  %s\n",
	       st->d->run_found && i == st->d->booted ? '*' : ' ', state_slot_letter(i),
	       output_colour(stdout, colour_of(slot->st)), state_st_name(slot->st),
	       output_colour(stdout, OUTPUT_PLAIN), width,
	       slot->version[0] != '\0' ? slot->version : "-", sequence, tries, notes);
}

static void print_slots(const struct status *st)
{
	const struct state *s = &st->d->state;
	int width = 7;

	for (int i = 0; i < s->nslots; i++)
		if ((int)strlen(s->slot[i].version) > width)
			width = (int)strlen(s->slot[i].version);
	printf("\n  slot  state    %-*s  sequence  tries\n", width, "version");
	for (int i = 0; i < s->nslots; i++)
		print_slot(st, i, width);
	puts("");
}

static void print_staged(const struct status *st)
{
	const struct state_staged *staged = &st->d->state.staged;
	char id[17];

	if (staged->source == STATE_SRC_NONE) {
		puts("Staged:     nothing");
		return;
	}
	bytes_hex(id, staged->release, 8);
	printf("Staged:     release %s", id);
	if (st->staged_version[0] != '\0')
		printf(" (%s)", st->staged_version);
	printf(" from source %s", state_source_name(staged->source));
	status_part_text(st);
	if (status_staged_on_trial(st) != STATE_NONE)
		printf("; on trial in slot %c, and forgotten once that is marked good",
		       state_slot_letter(status_staged_on_trial(st)));
	if (staged->fails > 0)
		printf(" (%u failure%s of this copy)", staged->fails,
		       ending_of_plural(staged->fails));
	puts("");
}

static void print_state(const struct status *st)
{
	static const char *const health[] = {
		[STATUS_REGION_OK] = "intact",
		[STATUS_REGION_NO_RECORD] = "no valid record",
		[STATUS_REGION_UNREADABLE] = "unreadable",
	};

	if (st->opened != KB_OK)
		return;
	printf("State:      %s", st->d->state_path);
	if (st->have_state)
		printf(", record %" PRIu64, st->d->state.seq);
	if (st->region[0] == STATUS_REGION_OK && st->region[1] == STATUS_REGION_OK)
		puts(", both regions intact");
	else
		printf(", first region: %s, second region: %s\n", health[st->region[0]],
		       health[st->region[1]]);
}

void status_text(const struct status *st)
{
	print_reason(st);
	print_head(st);
	print_last(st);
	if (st->have_state) {
		status_next_text(st);
		print_slots(st);
		print_staged(st);
		status_data_text(st);
		printf("Floor:      %" PRIu64 "%s\n", st->d->state.floor,
		       st->d->state.floor > 0 ? " (no lower sequence is installed)" : "");
	}
	print_state(st);
	print_measured(st);
	status_guard_text(st);
	if (st->d->conf.compatible[0] != '\0')
		printf("Compatible: %s\n", st->d->conf.compatible);
	for (unsigned i = 0; i < st->nwarnings; i++)
		printf("%sWarning:%s    %s\n", output_colour(stdout, OUTPUT_YELLOW),
		       output_colour(stdout, OUTPUT_PLAIN), st->warning[i]);
}
