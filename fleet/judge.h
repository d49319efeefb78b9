/* SPDX-License-Identifier: Apache-2.0 */
/* What became of a release that was staged, by what the device says. PURE. */
#pragma once

#include "fleet/facts.h"

/*
 * ACTION_STAGED, ACTION_TRIAL, ACTION_GOOD or ACTION_FAILED; why has a sentence. ACTION_NONE: it is
 * neither staged nor in a slot, so that only the history knows.
 */
enum action_phase judge_release(const struct facts *f, const char *release,
				char why[ACTION_WHY_MAX + 1]);

/* The same of what was staged for the action: a good release that does not run fell back, unless a
 * newer one took its place. */
enum action_phase judge_asked(const struct facts *f, const char *release,
			      char why[ACTION_WHY_MAX + 1]);

/* Of one that was good, and that no slot has any more: ACTION_GOOD if a newer one runs. */
enum action_phase judge_replaced(const struct facts *f, const char *version, uint64_t sequence,
				 char why[ACTION_WHY_MAX + 1]);

/* The same before anything was staged for the action: a release that is good is no success then,
 * but where it runs. */
enum action_phase judge_unasked(const struct facts *f, const char *release,
				char why[ACTION_WHY_MAX + 1]);

/* What goes before this release: another one on trial, or one that is staged and not by an action
 * (own: the last one that was). true: why says which. */
bool judge_is_preceded(const struct facts *f, const char *release, const char *own,
		       char why[ACTION_WHY_MAX + 1]);

/* A release is on trial: why says which. */
bool judge_has_trial(const struct facts *f, char why[ACTION_WHY_MAX + 1]);

/* It is staged, and boots skip it until it is staged anew. */
bool judge_is_skipped(const struct facts *f, const char *release);

/* It is staged, and the next boot installs it. */
bool judge_is_installed_next(const struct facts *f, const char *release);

/* Has a slot got it? Then it is too late to cancel. */
bool judge_is_written(const struct facts *f, const char *release);

/* The slots that are half written: a bit for each, by its number. No slot says of which release. */
uint64_t judge_half_written(const struct facts *f);

/* It is staged, and a slot is half written that was not when an action staged it: a boot has begun
 * with it, and the next one goes on. Then it is too late, too; why says that. */
bool judge_is_begun(const struct facts *f, const struct action *a, const char *release,
		    char why[ACTION_WHY_MAX + 1]);
