/* SPDX-License-Identifier: Apache-2.0 */
/* A prober's answer, which is worth what the disk is worth: checked, then laid over what the kernel
 * says. PURE. */
#pragma once

#include "initramfs/disks/probe.h"

/* True when len bytes are an answer that is not complete yet, and may become a good one. */
bool probe_answer_partial(const struct prober_answer *a, size_t len);

/*
 * KB_EFORMAT unless the len bytes are exactly one answer: magic, count, every string ended and
 * printable, device names below /dev, no range that overflows, numbers that grow.
 */
enum kb_err probe_answer_check(const struct prober_answer *a, size_t len) KB_MUST_CHECK;

/*
 * Adds names, UUIDs and file systems of a checked answer to the kernel's partitions in d, where
 * number and start agree. A partition that the answer lacks is marked PROBER_PART_UNREADABLE.
 */
void probe_answer_merge(struct probe_disk *d, const struct prober_answer *a);
