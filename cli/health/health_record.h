/* SPDX-License-Identifier: Apache-2.0 */
/* What the history says of releases that began to migrate data. It outlives their slots. */
#pragma once

#include "cli/device/device.h"

#include <stdbool.h>

/* Reasons of HISTORY_MIGRATE. */
#define HEALTH_RECORD_BEGUN  "began to migrate data"
#define HEALTH_RECORD_BACK   "migrated data back"
#define HEALTH_RECORD_FAILED "could not migrate data back"

#define HEALTH_RECORD_LOST_MAX 8 /* releases between two that became good */

struct health_record {
	/* it was begun, and neither undone nor marked good */
	bool begun;
	/* of undoing it, since then */
	unsigned failures;
};

/* Of the release in a slot. The state is open. */
struct health_record health_record_of_slot(struct device *d, int slot);

/*
 * Releases that began, of which nothing was undone, and whose slot holds another one by now, or
 * none: nothing can undo it. Those before the last release that was marked good do not count: no
 * way leads back there. Gives the first HEALTH_RECORD_LOST_MAX, newest first, and returns their
 * number. The state is open.
 */
unsigned health_record_lost(struct device *d, struct history_event lost[HEALTH_RECORD_LOST_MAX]);

/* The newest release that could not migrate its data back, since one was marked good; false: none.
 * The state is open. */
bool health_record_failed(struct device *d, struct history_event *failed);

/* Adds one of those reasons for the release in a slot, or for the one of an event. The state is
 * closed. KB_EBUSY; KB_EIO, …: reported. */
enum kb_err health_record_add(struct device *d, int slot, const char *reason,
			      const char *detail) KB_MUST_CHECK;
enum kb_err health_record_add_for(struct device *d, const struct history_event *of,
				  const char *reason, const char *detail) KB_MUST_CHECK;
