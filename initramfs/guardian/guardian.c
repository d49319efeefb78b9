/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/guardian/guardian.h"

#include "lib/bootlog.h"
#include "lib/bytes.h"
#include "lib/log.h"
#include "selector/state.h"

#include <string.h>

#define SECONDS_MAX 86400u

static void log_step(const struct guardian_setup *s, const struct guardian_plan *p,
		     enum guardian_step step)
{
	char slot = s->attempt.slot == STATE_NONE ? '-' : state_slot_letter(s->attempt.slot);

	if (step == GUARDIAN_ORDERLY && p->asked)
		log_notice("slot %c is bad; rebooting", slot);
	else if (step == GUARDIAN_ORDERLY)
		log_notice("slot %c was not marked good within %u s%s; rebooting", slot,
			   s->terms.deadline_s, p->recorded ? "; marked bad" : "; not recorded");
	else if (step == GUARDIAN_SYNC)
		log_warn("the shutdown did not finish; forcing the reboot");
	else if (step == GUARDIAN_KILL)
		log_err("the disk does not answer; the guardian continues without it");
	else if (step == GUARDIAN_END)
		log_info("slot %c has a verdict; the guardian exits", slot);
	else if (step == GUARDIAN_PROVE)
		log_info("slot %c has run for %u s", slot, s->terms.stable_s);
}

static bool is_job(enum guardian_step step)
{
	return step == GUARDIAN_LOOK || step == GUARDIAN_RECORD || step == GUARDIAN_NOTE ||
	       step == GUARDIAN_PROVE || step == GUARDIAN_SYNC || step == GUARDIAN_REBOOT;
}

void guardian_run(const struct guardian_setup *setup, const struct guardian_ops *ops, void *ctx)
{
	enum guardian_result result = GUARDIAN_FAILED;
	struct guardian_plan p;

	guardian_plan_start(&p, &setup->terms, ops->now_ms(ctx));
	for (;;) {
		enum guardian_step step = guardian_plan_next(&p, ops->now_ms(ctx));
		enum guardian_event e;

		log_step(setup, &p, step);
		if (step == GUARDIAN_WAIT) {
			uint32_t ms = guardian_plan_wait_ms(&p, ops->now_ms(ctx));

			e = ops->wait(ctx, ms, &result);
			guardian_plan_event(&p, e, result, ops->now_ms(ctx));
		} else if (step == GUARDIAN_ORDERLY) {
			guardian_plan_counts(&p, ops->orderly(ctx), ops->now_ms(ctx));
		} else if (!is_job(step)) {
			ops->act(ctx, step);
		} else if (!ops->job(ctx, step)) {
			guardian_plan_event(&p, GUARDIAN_DONE, GUARDIAN_FAILED, ops->now_ms(ctx));
		}
		if (step == GUARDIAN_END)
			return;
	}
}

static bool take_seconds(uint32_t *out, const char *text)
{
	uint64_t value;

	if (bytes_decimal(&value, text, SECONDS_MAX) != KB_OK)
		return false;
	*out = (uint32_t)value;
	return true;
}

bool guardian_args(struct guardian_setup *s, int argc, char *const *argv)
{
	struct guardian_terms *t = &s->terms;

	if (argc != 10 || argv[1][0] == '\0' || argv[1][1] != '\0' ||
	    bytes_decimal(&s->attempt.token, argv[2], UINT64_MAX) != KB_OK ||
	    !take_seconds(&t->deadline_s, argv[4]) || !take_seconds(&t->stable_s, argv[5]) ||
	    !take_seconds(&t->shutdown_s, argv[6]) || !take_seconds(&t->watchdog_s, argv[7]))
		return false;
	s->attempt.slot = argv[1][0] == '-' ? STATE_NONE : argv[1][0] - 'a';
	if (s->attempt.slot != STATE_NONE &&
	    (s->attempt.slot < 0 || s->attempt.slot >= STATE_SLOTS_MAX))
		return false;
	if (!bootlog_parse(argv[9], &s->log, &s->show))
		return false;
	t->release = strcmp(argv[8], "release") == 0;
	t->trial = strcmp(argv[3], "trial") == 0;
	/* A deadline is for an attempt that was counted, a verdict for a trial, and what proves
	 * itself is a slot; and without either there is nothing to do. */
	if ((t->deadline_s != 0 && s->attempt.token == 0) ||
	    ((t->deadline_s != 0 || t->release) && !t->trial) ||
	    ((t->trial || t->stable_s != 0) && s->attempt.slot == STATE_NONE))
		return false;
	return t->deadline_s != 0 || t->stable_s != 0 || t->watchdog_s != 0;
}
