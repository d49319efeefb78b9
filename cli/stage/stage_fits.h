/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the images of a bundle fit the partitions of a slot, before the bundle is left for a boot
 * that could only refuse it. */
#pragma once

#include "cli/device/device.h"
#include "update/bundle/manifest.h"

/*
 * Each class of the slot has an image, each image a partition of the slot that is large enough, or
 * a file in a partition with room for it; the file that is replaced counts as room. KB_ECOMPAT, or
 * KB_ENOSPC for a file, which it has reported, otherwise. A partition that cannot be looked at
 * counts as large enough: the boot finds out.
 */
enum kb_err stage_fits(const struct device *d, const struct manifest *m, int slot) KB_MUST_CHECK;
