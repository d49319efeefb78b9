/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of the release in a slot beside the state's few words. */
#pragma once

#include "cli/device/device.h"
#include "update/bundle/manifest.h"

/*
 * The manifest of the release in a slot, from the slot's cell on the state partition; *m is valid
 * until the next call. KB_EBLANK: there is none, or it is another release's. KB_EFORMAT,
 * KB_EDIGEST, KB_EIO: it is damaged. Nothing is reported.
 */
enum kb_err device_manifest_read(struct device *d, int slot,
				 const struct manifest **m) KB_MUST_CHECK;

/*
 * The cell has the state's floor from now on, if it had a lower one: a rebuild looks there. d may
 * be changed, and its state is durable. KB_EBLANK: there is no cell. Nothing is reported.
 */
enum kb_err device_manifest_keep_floor(struct device *d, int slot) KB_MUST_CHECK;
