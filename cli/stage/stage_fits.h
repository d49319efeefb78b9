/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the images of a bundle fit the partitions of a slot, before the bundle is left for a boot
 * that could only refuse it. */
#pragma once

#include "cli/device/device.h"
#include "update/bundle/manifest.h"

/*
 * Each class of the slot has an image, each image a partition of the slot that is large enough, or
 * a file in a partition with room for it; the file that is replaced counts as room. Otherwise it is
 * reported, and why has that sentence: KB_ECOMPAT; KB_ENOSPC of a file; KB_ENODEV for a partition
 * that is missing now, which is no fault of the bundle. A partition that cannot be looked at counts
 * as large enough: the boot finds out.
 */
enum kb_err stage_fits(char why[MANIFEST_WHY], const struct device *d, const struct manifest *m,
		       int slot) KB_MUST_CHECK;
