/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/guardian/guardian_plan.h"

#define NEVER	    UINT64_MAX
#define WAIT_MAX_MS 60000u
#define FEED_MAX_MS 10000u
#define SETTLE_MS   1000u  /* for what sysrq began */
#define AGAIN_MS    10000u /* between two resets that did not help */
#define MS(seconds) ((uint64_t)(seconds)*1000)

static uint64_t earlier_of(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint32_t feed_every_ms(uint32_t watchdog_s)
{
	return (uint32_t)earlier_of(MS(watchdog_s) / 4, FEED_MAX_MS);
}

void guardian_plan_start(struct guardian_plan *p, const struct guardian_terms *terms, uint64_t now)
{
	*p = (struct guardian_plan){
		.terms = *terms,
		.feed_ms = feed_every_ms(terms->watchdog_s),
		.phase = terms->trial		? GUARDIAN_PHASE_WATCH
			 : terms->stable_s != 0 ? GUARDIAN_PHASE_PROVE
						: GUARDIAN_PHASE_KEEP,
		.job = GUARDIAN_WAIT,
		.next = GUARDIAN_WAIT,
		.due = terms->deadline_s != 0 ? now + MS(terms->deadline_s) : NEVER,
		.stable_at = terms->stable_s != 0 ? now + MS(terms->stable_s) : NEVER,
		.job_end = NEVER,
		.note_at = terms->trial ? now + MS(GUARDIAN_PLAN_NOTE_S) : NEVER,
		.feed_at = terms->watchdog_s != 0 ? now : NEVER,
	};
	if (p->phase == GUARDIAN_PHASE_PROVE)
		p->due = p->stable_at;
}

static void enter_phase(struct guardian_plan *p, enum guardian_phase phase, enum guardian_step next,
			uint64_t due)
{
	p->phase = phase;
	p->next = next;
	p->due = due;
}

static void force_restart(struct guardian_plan *p)
{
	p->feed_at = NEVER;
	enter_phase(p, GUARDIAN_PHASE_FORCE, GUARDIAN_SYNC, 0);
}

/* A shutdown that another process began: never a fault of the slot, but it has to come to its end.
 */
static void note_shutdown(struct guardian_plan *p, uint64_t now)
{
	uint32_t limit_s = p->terms.shutdown_s;

	if (limit_s < GUARDIAN_PLAN_GRACE_S)
		limit_s = GUARDIAN_PLAN_GRACE_S;
	enter_phase(p, GUARDIAN_PHASE_SHUTDOWN, GUARDIAN_WAIT, now + MS(limit_s));
}

/* Nothing is left but a watchdog that is fed forever. */
static void enter_rest(struct guardian_plan *p)
{
	if (p->terms.watchdog_s != 0)
		enter_phase(p, GUARDIAN_PHASE_KEEP, GUARDIAN_WAIT, NEVER);
	else
		enter_phase(p, GUARDIAN_PHASE_ENDED, GUARDIAN_END, 0);
}

static void leave_slot(struct guardian_plan *p)
{
	p->feed_at = NEVER;
	enter_phase(p, GUARDIAN_PHASE_ORDERLY, GUARDIAN_ORDERLY, 0);
}

/* A slot that cannot be marked bad is skipped all the same: its try is used up. */
static void note_recorded(struct guardian_plan *p, bool durable)
{
	p->recorded = durable;
	p->asked = false;
	leave_slot(p);
}

/* A bad slot is not let go: the reboot that follows may hang. */
static void note_closed(struct guardian_plan *p, bool good)
{
	if (!good && p->asked) {
		leave_slot(p);
		return;
	}
	enter_rest(p);
	if (!good)
		return;
	if (p->stable_at != NEVER)
		enter_phase(p, GUARDIAN_PHASE_PROVE, GUARDIAN_WAIT, p->stable_at);
	if (p->terms.release && p->terms.watchdog_s != 0)
		p->next = GUARDIAN_RELEASE;
}

static void note_released(struct guardian_plan *p)
{
	p->terms.watchdog_s = 0;
	p->feed_at = NEVER;
	p->next = GUARDIAN_WAIT;
	if (p->phase != GUARDIAN_PHASE_PROVE)
		enter_rest(p);
}

/* Not yet on the way to a reboot of its own. An announced shutdown may have been called off: then
 * the verdict ends it as ever. With release a slot that turned bad may still turn good. */
static bool is_undecided(const struct guardian_plan *p)
{
	return p->phase == GUARDIAN_PHASE_WATCH || p->phase == GUARDIAN_PHASE_SHUTDOWN ||
	       (p->phase == GUARDIAN_PHASE_KEEP && p->terms.release);
}

/* A slot without a report is left at that: later the report itself proves it. */
static void prove_ended(struct guardian_plan *p, enum guardian_result result, uint64_t now)
{
	bool again = result == GUARDIAN_FAILED && ++p->proofs_failed < GUARDIAN_PLAN_PROOFS;

	p->stable_at = again ? now + MS(GUARDIAN_PLAN_AGAIN_S) : NEVER;
	if (p->phase != GUARDIAN_PHASE_PROVE)
		return;
	if (again)
		p->due = p->stable_at;
	else
		enter_rest(p);
}

static void job_ended(struct guardian_plan *p, enum guardian_step job, enum guardian_result result,
		      uint64_t now)
{
	p->job = GUARDIAN_WAIT;
	p->job_end = NEVER;
	if (p->phase == GUARDIAN_PHASE_FORCE) {
		/* Whatever came of it; the next step is the stronger one. */
		p->next = job == GUARDIAN_SYNC ? GUARDIAN_READ_ONLY : GUARDIAN_RESET;
		p->due = now;
		return;
	}
	/* What was recorded is done, even if a shutdown was announced meanwhile. */
	if (job == GUARDIAN_RECORD && result == GUARDIAN_RECORDED)
		note_recorded(p, true);
	if (job == GUARDIAN_PROVE) {
		prove_ended(p, result, now);
		return;
	}
	if ((result == GUARDIAN_CLOSED || result == GUARDIAN_GOOD) && is_undecided(p))
		note_closed(p, result == GUARDIAN_GOOD);
	if (p->phase != GUARDIAN_PHASE_WATCH)
		return;
	if (result == GUARDIAN_CLEAN)
		note_shutdown(p, now);
	else if (job == GUARDIAN_RECORD)
		note_recorded(p, false);
}

void guardian_plan_event(struct guardian_plan *p, enum guardian_event e,
			 enum guardian_result result, uint64_t now)
{
	if (e == GUARDIAN_NUDGED && p->terms.trial && is_undecided(p))
		p->nudged = true;
	if (e == GUARDIAN_ASKED && p->terms.trial) {
		p->asked = true;
		p->note_at = now;
	}
	if (e == GUARDIAN_TOLD && p->phase == GUARDIAN_PHASE_PROVE && p->terms.watchdog_s == 0)
		enter_rest(p);
	if (e == GUARDIAN_TOLD &&
	    (p->phase == GUARDIAN_PHASE_WATCH || p->phase == GUARDIAN_PHASE_PROVE ||
	     p->phase == GUARDIAN_PHASE_KEEP))
		note_shutdown(p, now);
	if (e == GUARDIAN_DONE && p->job != GUARDIAN_WAIT)
		job_ended(p, p->job, result, now);
}

void guardian_plan_counts(struct guardian_plan *p, uint32_t watchdog_s, uint64_t now)
{
	if (watchdog_s == 0 || watchdog_s >= GUARDIAN_PLAN_GRACE_S + GUARDIAN_PLAN_MARGIN_S ||
	    p->phase != GUARDIAN_PHASE_ORDERLY)
		return;
	p->feed_ms = feed_every_ms(watchdog_s);
	p->feed_at = now + p->feed_ms;
}

static uint32_t limit_of(const struct guardian_plan *p, enum guardian_step job)
{
	if (p->terms.verdict_s != 0 && (job == GUARDIAN_LOOK || job == GUARDIAN_RECORD))
		return p->terms.verdict_s;
	return GUARDIAN_PLAN_JOB_S;
}

static enum guardian_step begin_job(struct guardian_plan *p, enum guardian_step job, uint64_t now)
{
	p->job = job;
	p->job_end = now + MS(limit_of(p, job));
	return job;
}

static enum guardian_step next_forced(struct guardian_plan *p, uint64_t now)
{
	enum guardian_step step = p->next;

	if (now < p->due)
		return GUARDIAN_WAIT;
	if (step == GUARDIAN_READ_ONLY) {
		p->next = GUARDIAN_REBOOT;
		p->due = now + SETTLE_MS;
		return step;
	}
	if (step == GUARDIAN_RESET) {
		p->due = now + AGAIN_MS;
		return step;
	}
	return begin_job(p, step, now);
}

static enum guardian_step next_undecided(struct guardian_plan *p, uint64_t now)
{
	if (now >= p->due && p->phase == GUARDIAN_PHASE_WATCH)
		return begin_job(p, GUARDIAN_RECORD, now);
	if (now >= p->due) {
		force_restart(p);
		return next_forced(p, now);
	}
	if (p->phase == GUARDIAN_PHASE_WATCH && now >= p->note_at) {
		p->note_at = now + MS(GUARDIAN_PLAN_NOTE_S);
		return begin_job(p, GUARDIAN_NOTE, now);
	}
	if (!p->nudged)
		return GUARDIAN_WAIT;
	p->nudged = false;
	return begin_job(p, GUARDIAN_LOOK, now);
}

enum guardian_step guardian_plan_next(struct guardian_plan *p, uint64_t now)
{
	if (now >= p->feed_at) {
		p->feed_at = now + p->feed_ms;
		return GUARDIAN_FEED;
	}
	if (p->job != GUARDIAN_WAIT) {
		if (now < p->job_end)
			return GUARDIAN_WAIT;
		job_ended(p, p->job, GUARDIAN_FAILED, now);
		return GUARDIAN_KILL;
	}
	if (p->next == GUARDIAN_RELEASE) {
		note_released(p);
		return GUARDIAN_RELEASE;
	}
	switch (p->phase) {
	case GUARDIAN_PHASE_PROVE:
		return now >= p->due ? begin_job(p, GUARDIAN_PROVE, now) : GUARDIAN_WAIT;
	case GUARDIAN_PHASE_WATCH:
	case GUARDIAN_PHASE_SHUTDOWN:
	case GUARDIAN_PHASE_KEEP:
		return next_undecided(p, now);
	case GUARDIAN_PHASE_ENDED:
		return GUARDIAN_END;
	case GUARDIAN_PHASE_FORCE:
		return next_forced(p, now);
	case GUARDIAN_PHASE_ORDERLY:
		if (p->next == GUARDIAN_ORDERLY) {
			enter_phase(p, p->phase, GUARDIAN_WAIT, now + MS(GUARDIAN_PLAN_GRACE_S));
			return GUARDIAN_ORDERLY;
		}
		break;
	}
	if (now < p->due)
		return GUARDIAN_WAIT;
	force_restart(p);
	return next_forced(p, now);
}

uint32_t guardian_plan_wait_ms(const struct guardian_plan *p, uint64_t now)
{
	uint64_t at = earlier_of(p->feed_at, p->job != GUARDIAN_WAIT ? p->job_end : p->due);

	if (p->job == GUARDIAN_WAIT && p->phase == GUARDIAN_PHASE_WATCH)
		at = earlier_of(at, p->note_at);
	return at <= now ? 0 : (uint32_t)earlier_of(at - now, WAIT_MAX_MS);
}
