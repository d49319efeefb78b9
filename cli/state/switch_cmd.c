/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/device/device_loader.h"
#include "cli/verbs.h"

#include "lib/log.h"
#include "selector/refused.h"
#include "selector/verdict.h"
#include "selector/why.h"

#include <inttypes.h>
#include <stdio.h>

enum { ONCE = 1, FORCE };

static const struct args_option table[] = {
	{ "once", 0, false, ONCE },
	{ "force", 0, false, FORCE },
	{ .name = NULL },
};

struct switching {
	/* of the slot */
	const char *name;
	bool once, force;
	int slot;
	struct state before;
};

static int read_switch_args(struct args *a, struct device_options *o, struct switching *w)
{
	int id;

	a->tables[0] = table;
	while ((id = device_options_next(a, o)) != ARGS_END) {
		if (id == ONCE)
			w->once = true;
		else if (id == FORCE)
			w->force = true;
		else if (id != ARGS_OPERAND || w->name != NULL)
			return args_wrong(a, id, "switch");
		else
			w->name = a->value;
	}
	if (w->name == NULL)
		w->name = "other";
	return OUTPUT_OK;
}

/* Why a slot does not count as trusted. */
static const char *reason_of_failure(const struct state *s, int slot)
{
	const char *why = why_not(s, slot);

	return why[0] != '\0' ? why : "its release was rejected on this device";
}

static void report_not_switched(const struct device *d, const struct switching *w, enum kb_err err)
{
	const struct refused newer = refused_why(&d->state, NULL, PLAN_COMMAND, 0, KB_ENEWER);
	const struct state_slot *t = &d->state.slot[w->slot];
	char letter = state_slot_letter(w->slot);

	if (err == KB_EINVAL)
		log_err("slot %c is %s: nothing to boot; install a bundle: keelboot install FILE",
			letter, state_st_name(t->st));
	else if (err == KB_EDOWNGRADE)
		log_err("slot %c (sequence %" PRIu64 ") is below this device's floor, %" PRIu64
			": it cannot be chosen",
			letter, t->sequence, d->state.floor);
	else if (err == KB_EREJECTED)
		log_err("slot %c failed here: %s; --force boots it anyway", letter,
			reason_of_failure(&d->state, w->slot));
	else if (err == KB_ENEWER)
		log_err("slot %c: %s; %s", letter, newer.why, newer.todo);
	else
		log_err("slot %c: cannot be chosen: %s", letter, err_text(err));
}

/* Changes d->state in memory. */
static enum kb_err decide_switch(struct device *d, struct switching *w)
{
	enum kb_err err;

	TRY(device_slot(d, w->name, &w->slot));
	w->before = d->state;
	err = verdict_switch(&d->state, w->slot, w->once, w->force, (uint8_t)d->conf.tries);
	if (err != KB_OK)
		report_not_switched(d, w, err);
	return err;
}

static enum kb_err make_switch(struct device *d, struct switching *w, bool *changed)
{
	enum kb_err err;

	TRY(device_open_to_change(d));
	err = decide_switch(d, w);
	*changed = err == KB_OK && !state_same(&d->state, &w->before);
	if (*changed)
		err = device_save(d);
	if (*changed && err == KB_OK)
		device_history(d, HISTORY_STATE, w->slot,
			       w->once ? "was chosen for one boot" : "was chosen", "command");
	device_close(d);
	return err;
}

static void warn_of_staged(const struct state *s)
{
	if (s->staged.source != STATE_SRC_NONE)
		log_warn(
			"an update is staged, and is installed first; to prevent that: keelboot unstage");
}

static void warn_of_loader(const struct device *d, int slot)
{
	const char *why = device_loader_why_unstarted(d, slot);

	if (why != NULL)
		log_warn(
			"%s: while that lasts, the kernel of slot %c is not started; keelboot doctor says more",
			why, state_slot_letter(slot));
}

static void print_switched(const struct device *d, const struct switching *w, bool changed)
{
	const struct state *s = &d->state;
	char text[80];

	device_slot_text(s, w->slot, text, sizeof(text));
	warn_of_loader(d, w->slot);
	if (!changed) {
		printf("The next boot already uses %s; nothing to change.\n", text);
		warn_of_staged(s);
		return;
	}
	printf("The next boot uses %s%s.\n", text, w->once ? ", for one boot only" : "");
	if (w->before.slot[w->slot].st == STATE_BAD && !w->once)
		printf("It is on trial: %u tries.\n", s->slot[w->slot].tries);
	warn_of_staged(s);
	if (d->run_found && w->slot == d->booted)
		return;
	puts("Reboot to start it.");
}

int switch_cmd(struct args *a, struct device_options *o)
{
	static struct switching w;
	static struct device d;
	bool changed = false;
	enum kb_err err;
	int code = read_switch_args(a, o, &w);

	if (code != OUTPUT_OK)
		return code;
	device_init(&d, o);
	err = make_switch(&d, &w, &changed);
	if (err != KB_OK)
		return output_exit_code(err);
	print_switched(&d, &w, changed);
	return output_flush() == KB_OK ? OUTPUT_OK : OUTPUT_FAILURE;
}
