/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `keelboot health`: migrates data for a release on trial, checks the running system, and acts on
 * what comes of it. Its parts are services under systemd: the migration before basic.target, checks
 * before boot-complete.target, the report behind it.
 */
#pragma once

#include "cli/device/device.h"

#include <stdbool.h>

/*
 * Undoes what a release in another slot has begun. Then, in a slot that is not good, runs the
 * programs in migrate.d of the release; one that fails rejects a trial as a check does, and this
 * waits for the restart. Once in a boot. *unproven: it is not good. Returns an exit code, then that
 * of the release's own programs.
 */
int health_migrate(const struct device_options *o, bool *unproven);

/*
 * Runs the checks, and red.d behind one that fails. A trial that another slot can replace is then
 * marked bad, and the machine restarts: by the guardian, or by reboot(8) where there is none.
 * Returns an exit code, of which OUTPUT_OK means that all required checks passed.
 */
int health_check(const struct device_options *o);

/* Waits until shortly before the deadline of a trial; if it has no verdict then, keeps what systemd
 * knows as last words. Returns an exit code: OUTPUT_NOTHING where there is no deadline. */
int health_watch(const struct device_options *o);

/* [system] commit-after= of a slot that is not good, with another round of checks, then `mark good`
 * and green.d. Returns an exit code: OUTPUT_NOTHING where such a slot boots uncounted. */
int health_commit(const struct device_options *o);
