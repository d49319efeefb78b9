/* SPDX-License-Identifier: Apache-2.0 */
/* What a verdict needs to know beside the state. */
#pragma once

#include "cli/device/device.h"

#include <sys/types.h>

/*
 * The floor that the release in a slot asks for, from the slot's manifest cell; 0 when there is
 * none, or when it is not that release's. Damage is reported: the floor stays then.
 */
uint64_t mark_floor(struct device *d, int slot);

/* After a commit that is durable: the slot's manifest cell has the floor, too, for a state that is
 * lost. What fails there is reported, and changes no verdict. */
void mark_floor_keep(struct device *d, int slot);

/* The guardian's process: 0 if there is none, and a number that went to another process is none. */
pid_t mark_guardian_find(const struct device *d);

/* Sends it a signal. No guardian: nothing. */
void mark_guardian_notify(const struct device *d, int sig);

/* Has the guardian read the state again, since a verdict was written. No guardian: nothing. */
void mark_guardian_nudge(const struct device *d);

/* Has the guardian restart the machine as soon as the verdict is bad. No guardian: nothing. */
void mark_guardian_ask(const struct device *d);

/*
 * Deletes what was kept of the data for a trial that was committed: d is closed, and its state says
 * STATE_DATA_DROP. What fails is left to the next boot. d is changed.
 */
void mark_drop_data(struct device *d);

/* Leaves word in the run folder that the running slot reported: for the guardian, and for `mark
 * clean`. */
void mark_report(const struct device *d);

/* Whether it has, in this boot. */
bool mark_reported(const struct device *d);

/* Whether the machine has run for stable-after=. */
bool mark_is_stable(const struct device *d);

/*
 * `keelboot mark clean`: an orderly shutdown begins. Notes that in the state if the attempt of this
 * boot is open; a good slot that reported has proved itself by it. Tells the guardian, which then
 * never calls the slot bad. Returns an exit code.
 */
int mark_clean(const struct device_options *o);

/*
 * `keelboot mark good` and `mark bad` of the slot that name means ("booted", "other", a letter):
 * writes the verdict, and prints what became of it. Return an exit code.
 */
int mark_good(const struct device_options *o, const char *name);
int mark_bad(const struct device_options *o, const char *name, const char *reason);
