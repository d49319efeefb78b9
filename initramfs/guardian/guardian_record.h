/* SPDX-License-Identifier: Apache-2.0 */
/* The guardian's word in the state: one look, or one verdict under the lock. Runs in a process of
 * its own, since a disk may stall. */
#pragma once

#include "initramfs/guardian/guardian_plan.h"

#include "lib/tail.h"

/* The attempt that a guardian is for. */
struct guardian_attempt {
	int slot;
	uint64_t token;
};

/* What the state says of the attempt. fd: the state partition. Writes nothing, takes no lock. */
enum guardian_result guardian_record_look(int fd, const struct guardian_attempt *a);

/*
 * Takes the lock, loads the state again, and marks the slot bad if the attempt is still open and no
 * shutdown was announced (GUARDIAN_RECORDED). GUARDIAN_FAILED: nothing may be assumed. The lock is
 * given back, though a killed process keeps it: the descriptor is shared.
 */
enum guardian_result guardian_record_bad(int fd, const struct guardian_attempt *a, uint64_t time_s);

/*
 * Takes the lock, loads the state again, and records that the slot has proved itself
 * (verdict_proven()), if it is good and no other attempt took its place. GUARDIAN_GOOD: it has,
 * durably. The lock is given back as above.
 */
enum guardian_result guardian_record_proven(int fd, const struct guardian_attempt *a);

/*
 * Adds the kernel's last lines to the last words of the slot, unless it is good. The answer is that
 * of guardian_record_look(); GUARDIAN_FAILED: also when they could not be written. The lock is
 * given back as above.
 */
enum guardian_result guardian_record_words(int fd, const struct guardian_attempt *a,
					   const struct tail *tail, uint64_t time_s);
