/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `keelboot health`: checks the running system, and acts on what comes of it. Its two halves are
 * services under systemd: checks before boot-complete.target, the report behind it.
 */
#pragma once

#include "cli/device/device.h"

#include <stdbool.h>

/*
 * Runs the checks, and red.d behind one that fails. A trial that another slot can replace is then
 * marked bad, and the machine restarts: by the guardian, or by reboot(8) where there is none.
 * Returns an exit code, of which OUTPUT_OK means that all required checks passed.
 */
int health_check(const struct device_options *o);

/* A trial's [system] commit-after= with another round of checks, then `mark good` and green.d.
 * Returns an exit code. */
int health_commit(const struct device_options *o);

/* The slot that runs is on trial, and this boot is what the trial waits for. */
bool health_on_trial(const struct device *d);

/* Runs what greenboot runs behind its checks: "green.d" or "red.d". Failures are only printed. */
void health_run_after(const struct device *d, const char *kind);
