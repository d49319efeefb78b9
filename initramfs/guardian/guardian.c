/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/guardian/guardian.h"

#include "lib/bootlog.h"
#include "lib/bytes.h"
#include "lib/log.h"
#include "selector/state.h"

#include <stdio.h>
#include <string.h>

#define SECONDS_MAX 86400u

static void log_step(const struct guardian_setup *s, const struct guardian_plan *p,
		     enum guardian_step step)
{
	char what[24] = "this deployment";

	if (s->program == NULL)
		snprintf(what, sizeof(what), "slot %c",
			 s->attempt.slot == STATE_NONE ? '-' : state_slot_letter(s->attempt.slot));
	if (step == GUARDIAN_ORDERLY && p->asked)
		log_notice("%s is bad; rebooting", what);
	else if (step == GUARDIAN_ORDERLY)
		log_notice("%s was not marked good within %u s%s; rebooting", what,
			   s->terms.deadline_s, p->recorded ? "; marked bad" : "; not recorded");
	else if (step == GUARDIAN_SYNC)
		log_warn("the shutdown did not finish; forcing the reboot");
	else if (step == GUARDIAN_KILL)
		log_err("the disk does not answer; the guardian continues without it");
	else if (step == GUARDIAN_END)
		log_info("%s has a verdict; the guardian exits", what);
	else if (step == GUARDIAN_PROVE)
		log_info("%s has run for %u s", what, s->terms.stable_s);
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

/* What is there without slots. */
static bool take_program(struct guardian_setup *s, int argc, char *const *argv)
{
	s->program = NULL;
	s->terms.verdict_s = 0;
	if (argc == 10)
		return true;
	if (argc != 12 || argv[11][0] != '/' || !take_seconds(&s->terms.verdict_s, argv[10]))
		return false;
	s->program = argv[11];
	return true;
}

/* A deadline is for an attempt that was counted, a verdict for a trial, and what proves itself is a
 * slot; and without either there is nothing to do. */
static bool are_of_one_piece(const struct guardian_setup *s)
{
	const struct guardian_terms *t = &s->terms;
	bool slot = s->attempt.slot != STATE_NONE;

	if ((t->deadline_s != 0 || t->release) && !t->trial)
		return false;
	if (s->program != NULL)
		return !slot && s->attempt.token == 0 && t->stable_s == 0 &&
		       (t->trial || t->watchdog_s != 0);
	if ((t->deadline_s != 0 && s->attempt.token == 0) ||
	    ((t->trial || t->stable_s != 0) && !slot))
		return false;
	return t->deadline_s != 0 || t->stable_s != 0 || t->watchdog_s != 0;
}

bool guardian_args(struct guardian_setup *s, int argc, char *const *argv)
{
	struct guardian_terms *t = &s->terms;

	if (argc < 10 || !take_program(s, argc, argv) || argv[1][0] == '\0' || argv[1][1] != '\0' ||
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
	return are_of_one_piece(s);
}
