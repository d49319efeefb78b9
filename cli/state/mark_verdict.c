/* SPDX-License-Identifier: Apache-2.0 */
/* A verdict on a slot: decided, made durable, and printed. */
#include "cli/state/mark.h"

#include "cli/device/device_loader.h"
#include "cli/output/output.h"
#include "cli/stage/stage_files.h"
#include "lib/log.h"
#include "selector/verdict.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct mark {
	bool good;
	/* of the slot */
	const char *name;
	const char *reason;
	/* of the reason, what the slot's record has room for */
	char brief[STATE_STR_MAX + 1];
	/* and the history */
	char whole[HISTORY_TEXT_MAX + 1];
	int slot;
	bool committed;
	struct state before;
};

/* As much of text as there is room for, to the end of a word. */
static void cut_reason(char *dst, size_t size, const char *text)
{
	size_t len = strlen(text);
	bool whole = len < size;

	if (!whole) {
		const char *blank = memrchr(text, ' ', size - sizeof("...") + 1);

		len = blank != NULL ? (size_t)(blank - text) : size - sizeof("...");
	}
	snprintf(dst, size, "%.*s%s", (int)len, text, whole ? "" : "...");
}

static void take_reason(struct mark *m)
{
	cut_reason(m->brief, sizeof(m->brief), m->reason);
	cut_reason(m->whole, sizeof(m->whole), m->reason);
}

static void report_unmarked(const struct device *d, const struct mark *m, enum kb_err err)
{
	const struct state *s = &d->state;
	char letter = state_slot_letter(m->slot);

	if (err == KB_EINVAL)
		log_err("slot %c is %s: nothing to mark; install a bundle: keelboot install FILE",
			letter, state_st_name(s->slot[m->slot].st));
	else if (err == KB_ESTALE && s->open != STATE_NONE && s->open != m->slot)
		log_err("slot %c: the open boot attempt is slot %c's; mark that slot first", letter,
			state_slot_letter(s->open));
	else if (err == KB_ESTALE && s->slot[m->slot].st == STATE_BAD)
		log_err("slot %c was rejected after it was booted: %s; reboot, and decide then",
			letter, s->slot[m->slot].reason);
	else if (err == KB_ESTALE)
		log_err("slot %c: this boot (token %" PRIu64
			") is not the open attempt (token %" PRIu64
			"); boot that slot again, and mark it there",
			letter, d->token, s->open_token);
	else
		log_err("slot %c: cannot be marked: %s", letter, err_text(err));
}

/*
 * From its first commit on, the state knows its disk again; a copy of it on another disk names this
 * one, and is known for a copy. Moved to another disk, it is that one's from the next commit on.
 */
static void bind_disk(struct device *d, const struct mark *m)
{
	if (m->committed && d->diskid[0] != '\0' && d->equal[0] == '\0' && d->opts->state == NULL)
		state_set_text(d->state.disk, d->diskid);
}

static bool is_running(const struct device *d, const struct mark *m)
{
	return d->run_found && m->slot == d->booted;
}

/* A report of the running system says that it came up, and not yet that it stays up. Of a slot that
 * does not run a person says it, who knows. */
static bool is_proof(const struct device *d, const struct mark *m)
{
	return !is_running(d, m) || mark_is_stable(d);
}

/* What a release can do without its own kernel proves nothing of it. */
static bool is_foreign_trial(const struct device *d, const struct mark *m)
{
	bool by_base = d->pair == STATE_NONE && device_loader_is_kexec(d);

	return is_running(d, m) && (by_base || (d->pair != STATE_NONE && d->pair != d->booted)) &&
	       d->state.slot[m->slot].st != STATE_GOOD;
}

static enum kb_err report_foreign_trial(const struct device *d, const struct mark *m)
{
	char slot = state_slot_letter(m->slot);

	if (device_loader_is_unnamed(d))
		log_err("slot %c: nobody says whose kernel it runs with (started by kexec); it cannot be marked good",
			slot);
	else if (d->pair == STATE_NONE)
		log_err("slot %c: it runs with the first kernel, so its own is not tried; it cannot be marked good",
			slot);
	else
		log_err("slot %c: it runs with the kernel of slot %c, so its own is not tried; it cannot be marked good",
			slot, state_slot_letter(d->pair));
	return KB_ESTALE;
}

/* Changes d->state in memory. */
static enum kb_err decide_verdict(struct device *d, struct mark *m)
{
	enum kb_err err;

	TRY(device_slot(d, m->name, &m->slot));
	m->before = d->state;
	if (m->good && is_foreign_trial(d, m))
		return report_foreign_trial(d, m);
	if (m->good) {
		uint64_t token = is_running(d, m) ? d->token : 0;
		bool trial = d->state.slot[m->slot].st != STATE_GOOD;

		err = verdict_good(&d->state, m->slot, token, trial ? mark_floor(d, m->slot) : 0,
				   &m->committed);
		if (err == KB_OK)
			bind_disk(d, m);
		if (err == KB_OK && is_proof(d, m))
			err = verdict_proven(&d->state, m->slot, token);
	} else if (d->state.slot[m->slot].st == STATE_BAD) {
		err = KB_OK;
	} else {
		err = verdict_bad(&d->state, m->slot, m->brief);
	}
	if (err != KB_OK)
		report_unmarked(d, m, err);
	return err;
}

/* Only after the state is durable: a cut in between leaves a file too much, not one too few. */
static void remove_staged(const struct device *d, const struct mark *m)
{
	if (m->before.staged.source == STATE_SRC_DATA && d->state.staged.source == STATE_SRC_NONE)
		stage_files_remove(&d->conf, m->before.staged.release);
}

static enum kb_err save_verdict(struct device *d, struct mark *m)
{
	TRY(device_save(d));
	if (m->good && m->committed)
		mark_floor_keep(d, m->slot);
	/* A good slot whose counters were cleared is no news. */
	if (m->good && m->committed)
		device_history(d, HISTORY_GOOD, m->slot, "", "committed");
	else if (!m->good)
		device_history(d, HISTORY_BAD, m->slot, m->whole, "command");
	mark_guardian_nudge(d);
	remove_staged(d, m);
	return KB_OK;
}

static void print_next(const struct device *d, const struct mark *m)
{
	int next = device_next_boot(&d->state, mark_reported(d));
	char text[80];

	if (next == m->slot || next == STATE_NONE || d->state.slot[next].st == STATE_BAD) {
		printf("No other slot is better: the next boot uses slot %c as a last resort.\n",
		       state_slot_letter(next));
		return;
	}
	device_slot_text(&d->state, next, text, sizeof(text));
	printf("The next boot uses %s%s.\n", text,
	       d->run_found && d->booted == m->slot ? "; reboot to leave this one" : "");
}

static void print_unproven(const struct device *d, const struct mark *m)
{
	unsigned crashes = d->state.slot[m->slot].streak;

	if (m->good && crashes > 0)
		printf("Its last resets count as %u crash%s, until it has run for %" PRIu32
		       " s, or is shut down in order.\n",
		       crashes, crashes == 1 ? "" : "es", d->conf.stable_after_s);
}

static void print_verdict(const struct device *d, const struct mark *m, bool changed)
{
	char text[80];

	device_slot_text(&d->state, m->slot, text, sizeof(text));
	text[0] = 'S';
	if (!changed) {
		printf("%s is %s already; nothing to change.\n", text, m->good ? "good" : "bad");
		print_unproven(d, m);
		return;
	}
	printf("%s is %s%s%s.\n", text,
	       m->good ? "good" : "bad: ", m->good ? "" : d->state.slot[m->slot].reason,
	       m->committed ? " and committed" : "");
	if (d->state.floor != m->before.floor)
		printf("The rollback floor is now %" PRIu64 ".\n", d->state.floor);
	print_unproven(d, m);
	if (!m->good)
		print_next(d, m);
}

/*
 * First without the right to write: a unit marks every boot, a healthy boot writes nothing, and the
 * closing of a writer's descriptor alone would wake udev.
 */
static enum kb_err look_without_lock(struct device *d, struct mark *m, bool *changed)
{
	enum kb_err err;

	TRY(device_open_to_read(d));
	err = device_need_state(d);
	if (err == KB_OK)
		err = decide_verdict(d, m);
	*changed = err == KB_OK && !state_same(&d->state, &m->before);
	device_close(d);
	return err;
}

static enum kb_err write_verdict(struct device *d, struct mark *m, bool *changed)
{
	enum kb_err err;

	TRY(device_open_to_change(d));
	err = decide_verdict(d, m);
	*changed = err == KB_OK && !state_same(&d->state, &m->before);
	if (*changed)
		err = save_verdict(d, m);
	device_close(d);
	return err;
}

/* The boot loader hears that this start is fine. What fails there changes no verdict. */
static enum kb_err answer_loader(const struct device *d, bool *moved, bool *reset)
{
	enum kb_err confirmed = device_loader_confirm(d, moved);
	enum kb_err counted = device_loader_reset_count(d, reset);

	return confirmed != KB_OK ? confirmed : counted;
}

static int give_verdict(const struct device_options *o, struct mark *m)
{
	static struct device d;
	bool changed = false, moved = false, reset = false;
	enum kb_err err;

	device_init(&d, o);
	err = look_without_lock(&d, m, &changed);
	if (err == KB_OK && changed)
		err = write_verdict(&d, m, &changed);
	if (err != KB_OK)
		return output_exit_code(err);
	if (m->good && is_running(&d, m)) {
		mark_report(&d);
		err = answer_loader(&d, &moved, &reset);
	}
	if (changed && d.state.data.phase == STATE_DATA_DROP)
		mark_drop_data(&d);
	print_verdict(&d, m, changed);
	if (moved && err == KB_OK)
		puts("The boot loader starts its kernel from now on.");
	if (reset && err == KB_OK)
		puts("The boot loader counts its starts anew.");
	if (err != KB_OK)
		return output_exit_code(err);
	/* The verdict is durable, whoever reads of it. */
	return output_flush() == KB_OK ? OUTPUT_OK : OUTPUT_FAILURE;
}

int mark_good(const struct device_options *o, const char *name)
{
	static struct mark m;

	m = (struct mark){ .good = true, .name = name };
	return give_verdict(o, &m);
}

int mark_bad(const struct device_options *o, const char *name, const char *reason)
{
	static struct mark m;

	m = (struct mark){ .name = name, .reason = reason };
	take_reason(&m);
	return give_verdict(o, &m);
}
