/* SPDX-License-Identifier: Apache-2.0 */
/* The trial of this boot with all that is known of it, and how it is ended. */
#pragma once

#include "cli/guard/guard_boot.h"
#include "cli/guard/guard_record.h"

struct guard_trial {
	struct device *d;
	struct guard_boot boot;
	struct guard_record rec;
	/* in rec, of the deployment that runs; NULL: nothing is known of it */
	struct guard_entry *entry;
	/* -1: not locked */
	int lock;
};

/* Reads all of it. KB_ENOENT: `guard begin` did not run; reported. */
enum kb_err guard_trial_read(struct guard_trial *t, struct device *d) KB_MUST_CHECK;

/* The same, and nobody else changes it until guard_trial_close(). KB_EBUSY and as above; reported.
 */
enum kb_err guard_trial_open(struct guard_trial *t, struct device *d, unsigned ms) KB_MUST_CHECK;
void guard_trial_close(struct guard_trial *t);

/* Nothing else was good, or the deployment was left as often as tries= says: it stays. NULL: a
 * verdict may leave it. */
const char *guard_trial_stays(const struct guard_trial *t);

/* Marks it bad, durably, and keeps its last words. Reported if that fails: then it is not left. */
enum kb_err guard_trial_reject(struct guard_trial *t, const char *reason) KB_MUST_CHECK;

/*
 * Runs bad= for a deployment that is marked bad, once in this boot, after that was counted. KB_OK:
 * the machine has to restart now, whatever came of the command. KB_EPERM: the deployment stays.
 * KB_EIO: it could not be counted. Reported.
 */
enum kb_err guard_trial_leave(struct guard_trial *t) KB_MUST_CHECK;
