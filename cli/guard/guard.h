/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `keelboot guard`: trials of systems whose images are not ours (bootc, ostree, systemd-sysupdate).
 * A deployment that was not good yet is on trial. Its boots are counted, the guardian holds it to
 * its deadline, and a verdict runs a command of the device maker's. docs/GUARD.md has the whole.
 */
#pragma once

#include "cli/device/device.h"
#include "lib/tail.h"

#include <stdbool.h>

/* `keelboot guard begin` ran in this boot, and the deployment that runs is known. */
bool guard_runs(const struct device_options *o);

/* Why there is nothing to guard here; NULL: `keelboot guard begin` ran, or [guard] says that it
 * shall. */
const char *guard_nothing(const struct device *d);

/* The deployment that runs waits for its verdict: also if it was counted and its record cannot be
 * read. False where nothing is known of this boot. */
bool guard_on_trial(const struct device *d);

/*
 * Counts this boot if it is a trial, and starts the guardian. A deployment that has used up its
 * attempts, or was rejected before, is left at once. Returns an exit code.
 */
int guard_begin(const struct device_options *o);

/* Marks the deployment that runs good, durably, and runs good=. Nothing if that was done before.
 * Returns an exit code. */
int guard_good(const struct device_options *o);

/*
 * Rejects the deployment that runs, if it is on trial and another one was good: records that, then
 * has the guardian run bad= and restart the machine; does so itself where there is none. Prints
 * what is done. words: what the check printed, or NULL. Returns an exit code.
 */
int guard_bad(const struct device_options *o, const char *reason, const struct tail *words);

/* An orderly shutdown begins: gives back the attempt of a trial, a few times. Returns an exit code.
 */
int guard_clean(const struct device_options *o);

/* The jobs of the guardian: whether there is a verdict; one that is bad is carried out. And the
 * verdict at the deadline. Return an exit code for it: see guardian.h. */
int guard_look(const struct device_options *o);
int guard_deadline(const struct device_options *o);

/* `keelboot guard status`, and `keelboot guard why`. Return exit codes. */
int guard_status(const struct device_options *o, bool json);
int guard_why(const struct device_options *o, bool json);
