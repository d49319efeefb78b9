/* SPDX-License-Identifier: Apache-2.0 */
/* Where a slot's own pair is. */
#pragma once

struct boot;

/* Its partition, "/dev/sda2"; "" if that is missing, or the slot has none. */
const char *pairs_partition(const struct boot *b, unsigned slot);
