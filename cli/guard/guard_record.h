/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of the deployments of this device: a small file, which a power cut leaves as it was
 * before or after. Only trials and verdicts change it.
 */
#pragma once

#include "cli/device/device.h"

#include <stdbool.h>
#include <stdint.h>

#define GUARD_ID_MAX	  127
#define GUARD_REASON_MAX  240
#define GUARD_ENTRIES_MAX 8

enum guard_verdict { GUARD_TRIAL, GUARD_GOOD, GUARD_BAD };

struct guard_entry {
	char id[GUARD_ID_MAX + 1];
	enum guard_verdict verdict;
	/* boots on trial; those of them that an orderly shutdown gave back */
	uint32_t attempts, returned;
	/* how often bad= was begun */
	uint32_t rollbacks;
	/* good= ran */
	bool blessed;
	/* of a verdict that is bad */
	char reason[GUARD_REASON_MAX + 1];
	/* of the verdict: seconds since 1970 */
	uint64_t time;
};

struct guard_record {
	unsigned n;
	/* newest first */
	struct guard_entry entry[GUARD_ENTRIES_MAX];
};

/* Reads the record. None, or one that cannot be read, is empty; the latter is reported. */
void guard_record_load(struct guard_record *r, const struct device_options *o);

/* Makes the record durable. KB_EIO, KB_ENOSPC, KB_EPERM, …: reported; the old one is there. */
enum kb_err guard_record_save(const struct guard_record *r,
			      const struct device_options *o) KB_MUST_CHECK;

/* "trial", "good", "bad". */
const char *guard_record_word(enum guard_verdict verdict);

/* Waits until no other process changes the record, at most ms. KB_EBUSY; reported. os_close() of
 * *fd ends it. */
enum kb_err guard_record_lock(const struct device_options *o, unsigned ms, int *fd) KB_MUST_CHECK;

/* NULL: nothing is known of it. */
struct guard_entry *guard_record_find(struct guard_record *r, const char *id);

/* Adds a deployment, on trial. The oldest that is of least use is forgotten where there is no
 * room. */
struct guard_entry *guard_record_add(struct guard_record *r, const char *id);

/* Unix time in seconds for a verdict of now: later than that of each one before it, also where the
 * clock is not. */
uint64_t guard_record_now(const struct guard_record *r);

/* Another deployment that was marked good, and that last; NULL: none is known. */
const struct guard_entry *guard_record_other(const struct guard_record *r, const char *id);
