/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/ioerr.h"

/*
 * Where boots could read only a part of the state, and write to it, they went on from an older
 * record than the newest, or from none; nobody could know. What is entered is whole even so, and
 * what is counted on it.
 */
static bool is_older(const struct ioerr_world *w)
{
	const struct ioerr_fault *f = &w->fault.fault;

	return f->target == IOERR_FAULT_STATE && f->op == IOERR_FAULT_READ && f->again;
}

/* ---------------------------------------------------------------- after a boot */

/* A device that does not boot anything says why, where a person sees it. */
static bool told_why(const struct ioerr_world *w)
{
	static const char *const words[] = { "# unable to boot: ", "# rescue: ",
					     "# update: apply cannot be stopped; restarting" };

	for (unsigned i = 0; i < KB_ARRAY_LEN(words); i++)
		if (strstr(w->boot.trace, words[i]) != NULL)
			return true;
	return false;
}

/* The slot that ran last is what the device would fall back to, unless nothing boots any more; the
 * one that runs is in use. */
static void check_written(struct ioerr_world *w, const unsigned before[2])
{
	const unsigned *after = w->boot.slot == STATE_NONE ? w->fault.written : w->boot.written;

	if (strstr(w->boot.trace, "# rescue: no slot can be booted") != NULL)
		w->entered = STATE_NONE;
	if (w->entered != STATE_NONE && before[w->entered] != after[w->entered])
		ioerr_world_fail(w, "slot %c, which ran last, is written",
				 state_slot_letter(w->entered));
	if (w->boot.slot != STATE_NONE &&
	    w->fault.written[w->boot.slot] != w->boot.written[w->boot.slot])
		ioerr_world_fail(w, "slot %c is written while it runs",
				 state_slot_letter(w->boot.slot));
	if (w->boot.slot != STATE_NONE)
		w->entered = w->boot.slot;
}

void ioerr_check_boot(struct ioerr_world *w, const unsigned before[2])
{
	check_written(w, before);
	w->told |= w->boot.command > 0 || w->boot.apply > 0 ||
		   strstr(w->boot.trace, "# boot loader: ") != NULL;
	if (w->boot.died || w->boot.end == OS_SIM_EXEC || ioerr_pairs_goes_on(w))
		return;
	/* Something mounts, whatever disks and state do: only where process 1 itself is hindered
	 * may nothing boot (I2). */
	if (!w->story->a_broken && (w->fault.mended || w->fault.fault.target != IOERR_FAULT_INIT))
		ioerr_world_fail(w, "a slot mounts, and nothing boots");
	if (!told_why(w))
		ioerr_world_fail(w, "does not boot, and says no reason");
}

/* ---------------------------------------------------------------- the guardian */

#define DEADLINE_MS (IOERR_WORLD_DEADLINE_S * 1000u)
#define ORDERLY_MS  21000u /* longest job, and something for calls that fail */
#define FORCED_MS   75000u /* and the grace, a job, and what is between two resets */

static void guardian_fail(struct ioerr_world *w, const char *what, uint64_t ms)
{
	ioerr_world_fail(w, "%s, after %llu s", what, (unsigned long long)ms / 1000);
}

/* The command said that it told the guardian. Without a file of the boot it is no boot of
 * Keelboot's. */
static bool was_told(const struct ioerr_world *w)
{
	const struct ioerr_fault *f = &w->fault.fault;

	return w->boot.command == 0 && (f->target != IOERR_FAULT_COMMAND || f->errnum != ENOENT);
}

/* A system that is well, or on its way down, is left alone: a shutdown is not a bad slot. */
static void check_left_alone(struct ioerr_world *w)
{
	const struct ioerr_world_guard *g = &w->guard;
	const struct ioerr_fault *f = &w->fault.fault;
	bool told = was_told(w);

	/* One that cannot read the state for good knows no verdict; then a reboot in order is
	 * what is safe. The watchdog is fed as long as the guardian lives. */
	if (g->script == IOERR_WORLD_VERDICT && told && g->asked_ms != 0 &&
	    (w->fault.mended || !ioerr_fault_is_for_ever(f)))
		guardian_fail(w, "the guardian restarts a system that is good", g->asked_ms);
	if (g->script == IOERR_WORLD_VERDICT && told && g->forced_ms != 0)
		guardian_fail(w, "the guardian resets a system that is good", g->forced_ms);
	if (g->script == IOERR_WORLD_SHUTDOWN && (told || w->boot.act == IOERR_WORLD_IDLE) &&
	    (g->asked_ms != 0 || g->forced_ms != 0))
		guardian_fail(w, "the guardian disturbs a shutdown", g->asked_ms + g->forced_ms);
	if (g->fired && !g->died && told && g->asked_ms == 0)
		guardian_fail(w, "the watchdog fires, and the guardian lives", 0);
	if (g->asked_ms != 0 && g->asked_ms < DEADLINE_MS)
		guardian_fail(w, "the guardian restarts before the deadline", g->asked_ms);
}

static void check_ended(struct ioerr_world *w)
{
	const struct ioerr_world_guard *g = &w->guard;
	bool out = g->died || g->fired || w->boot.commanded;

	if (g->script == IOERR_WORLD_SILENT && !out &&
	    (g->asked_ms == 0 || g->asked_ms > DEADLINE_MS + ORDERLY_MS) && g->forced_ms == 0)
		guardian_fail(w, "a silent trial is not left", g->down_ms);
	if (g->script == IOERR_WORLD_STUCK && !out &&
	    (g->forced_ms == 0 || g->forced_ms > DEADLINE_MS + ORDERLY_MS + FORCED_MS))
		guardian_fail(w, "a stuck trial is not left", g->forced_ms);
	out = g->died || g->fired || w->boot.command != 0;
	if (g->script == IOERR_WORLD_HANGING && !out &&
	    (g->forced_ms == 0 || g->forced_ms > 2 * DEADLINE_MS + FORCED_MS))
		guardian_fail(w, "a shutdown that hangs is not ended", g->forced_ms);
}

void ioerr_check_guardian(struct ioerr_world *w)
{
	static struct state s;

	if (!w->guard.started || w->boot.died)
		return;
	check_left_alone(w);
	check_ended(w);
	s = ioerr_world_get();
	if ((w->boot.act == IOERR_WORLD_CLEAN || w->boot.act == IOERR_WORLD_GOOD) && was_told(w) &&
	    s.slot[w->boot.slot].st == STATE_BAD)
		ioerr_world_fail(w, "the guardian found slot %c bad after %s",
				 state_slot_letter(w->boot.slot),
				 w->boot.act == IOERR_WORLD_CLEAN ? "a shutdown" : "its verdict");
}

/* ---------------------------------------------------------------- after a power cut */

static bool is_new(const struct state *s, int slot)
{
	const struct state_slot *t = &s->slot[slot];
	const struct bundles_release *r = ioerr_world_holds(slot, true);

	return t->has_release && t->sequence == IOERR_WORLD_NEW && t->st != STATE_EMPTY &&
	       t->st != STATE_WRITING && r != NULL && r->sequence == IOERR_WORLD_NEW;
}

static bool has_new(const struct state *s)
{
	return is_new(s, 0) || is_new(s, 1);
}

struct told {
	struct ioerr_world *w;
	const struct state *s;
	bool newer[2]; /* of a slot: a later event has said something else */
};

static bool check_event(void *ctx, const struct history_event *e)
{
	struct told *t = ctx;
	enum state_st st;
	bool ok;

	if ((e->slot != 0 && e->slot != 1) || t->newer[e->slot])
		return true;
	st = t->s->slot[e->slot].st;
	if (e->kind == HISTORY_INSTALL)
		ok = e->reason[0] != '\0' || is_new(t->s, e->slot);
	else if (e->kind == HISTORY_GOOD || e->kind == HISTORY_BAD)
		ok = st == (e->kind == HISTORY_GOOD ? STATE_GOOD : STATE_BAD);
	else
		return true;
	t->newer[e->slot] = true;
	if (!ok && !is_older(t->w))
		ioerr_world_fail(t->w, "the history has \"%s\" of slot %c, which is %s",
				 history_kind_name(e->kind), state_slot_letter(e->slot),
				 state_st_name(st));
	return true;
}

/* False: it cannot be read. */
static bool each_event(bool (*fn)(void *ctx, const struct history_event *e), void *ctx)
{
	struct store st = { .region = -1,
			    .dev = &ioerr_world_disk(IOERR_FAULT_STATE)->durably.bdev };

	return store_history_read(&st, 0, fn, ctx) == KB_OK;
}

static void check_history(struct ioerr_world *w, const struct state *s)
{
	struct told t = { .w = w, .s = s };

	if (!each_event(check_event, &t))
		ioerr_world_fail(w, "the history cannot be read");
}

/* What the state says of the slots' content, which is what the next boot believes. */
static void check_state(struct ioerr_world *w, const struct state *s)
{
	const char *wrong = check_floor(s, 0);

	for (int i = 0; i < 2 && wrong == NULL; i++) {
		const struct bundles_release *holds = ioerr_world_holds(i, true);

		if (s->slot[i].has_release && !(holds == NULL && i == 0 && w->story->a_broken))
			wrong = check_slot(s, i, holds);
	}
	if (wrong != NULL)
		ioerr_world_fail(w, "%s", wrong);
}

/* What the command said that it has done. */
static bool is_done(const struct ioerr_world *w, const struct state *s)
{
	const struct ioerr_fault *f = &w->fault.fault;
	int slot = w->boot.slot;

	switch (w->boot.act) {
	case IOERR_WORLD_GOOD:
		return s->slot[slot].st == STATE_GOOD;
	case IOERR_WORLD_BAD:
		return s->slot[slot].st == STATE_BAD;
	case IOERR_WORLD_CLEAN: /* nor could it know that what it read is not the newest */
		return s->clean || s->open != slot || !was_told(w) ||
		       (f->target == IOERR_FAULT_STATE && f->op == IOERR_FAULT_READ);
	case IOERR_WORLD_SWITCH:
		return s->pref == 1;
	case IOERR_WORLD_INSTALL:
		return has_new(s);
	case IOERR_WORLD_IDLE:
		break;
	}
	return true;
}

void ioerr_check_claims(struct ioerr_world *w)
{
	static struct state s;

	s = ioerr_world_get();
	if (w->story->keeps && w->fault.written[1] != 0)
		ioerr_world_fail(w, "slot b is written, for an update that cannot be made");
	check_state(w, &s);
	check_history(w, &s);
	ioerr_pairs_check(w, &s);
	if (w->boot.apply == 0 && !has_new(&s))
		ioerr_world_fail(w, "apply said that it has installed");
	if (w->boot.command == 0 && !is_done(w, &s))
		ioerr_world_fail(w, "\"%s\" in slot %c said that it worked, and it did not",
				 ioerr_process_commands[w->boot.act],
				 state_slot_letter(w->boot.slot));
}

/* ---------------------------------------------------------------- in the end */

struct reasons {
	bool boots; /* why another slot was not booted counts as one */
	bool any;
};

static bool note_reason(void *ctx, const struct history_event *e)
{
	struct reasons *r = ctx;

	r->any |= (e->kind == HISTORY_INSTALL || e->kind == HISTORY_REFUSED ||
		   (r->boots && e->kind == HISTORY_BOOT)) &&
		  e->reason[0] != '\0';
	return true;
}

/* The goal is missed for a reason that a person finds, and what runs is whole and trusted. */
static bool given_up(const struct ioerr_world *w, const struct state *s)
{
	struct reasons is = { w->story->pairs,
			      s->slot[1].reason[0] != '\0' || s->slot[0].reason[0] != '\0' };

	if (!ioerr_fault_is_for_ever(&w->fault.fault) && !w->unsaid && was_told(w))
		return false;
	return is.any || (each_event(note_reason, &is) && is.any);
}

bool ioerr_check_settled(const struct ioerr_story *story, struct ioerr_world *w,
			 const struct state *before, const struct state *after)
{
	const uint8_t *raw = ioerr_world_disk(IOERR_FAULT_RAW)->now;
	int slot = w->boot.slot;
	const struct bundles_release *holds;

	if (w->boot.end == OS_SIM_EXEC && ioerr_pairs_is_damaged(w))
		return true;
	if (w->boot.end != OS_SIM_EXEC || after->open != STATE_NONE ||
	    after->slot[slot].st != STATE_GOOD)
		return false;
	holds = ioerr_world_holds(slot, true);
	/* What stays staged, plugged in, or on a raw partition, is looked at in each boot, and that
	 * is counted. */
	if (!w->stick && !(w->raw && reader_header_is(raw)) &&
	    after->staged.source == STATE_SRC_NONE && before->seq != after->seq)
		return false;
	if (holds == NULL || !ioerr_pairs_rests(w))
		return false;
	if ((story->goal == IOERR_STORY_ANY || holds->sequence == story->goal) &&
	    slot == after->pref && after->slot[1 - slot].st != STATE_WRITING &&
	    (!story->rejects || after->slot[1].st == STATE_BAD))
		return true;
	return given_up(w, after) || is_older(w);
}
