/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a release did to data for itself on trial, and how that is undone: its programs in
 * migrate.d run with KEELBOOT_STAGE=migrate and, the last one first, with KEELBOOT_STAGE=rollback.
 * The history knows what was begun, so it is undone though the release crashed.
 */
#pragma once

#include "cli/check/check_find.h"
#include "cli/device/device.h"

#define HEALTH_MIGRATE_DIR "/usr/lib/keelboot/migrate.d"

/* Records that the release in the slot that runs begins to migrate data, unless that is on record.
 */
enum kb_err health_rollback_arm(struct device *d) KB_MUST_CHECK;

/* Undoes what the running release has begun. */
void health_rollback_own(struct device *d);

/* Undoes what releases in other slots have begun, by their own programs in their own root. What was
 * overwritten meanwhile cannot be undone: that is reported, and recorded once. Returns an exit
 * code. */
int health_rollback_others(struct device *d);
