/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes what came durable while more comes: a process beside this one flushes the file, and then
 * writes the record as it was when that began. So the record never names bytes that a power cut may
 * take.
 */
#pragma once

#include "fleet/meter.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Bytes from one flush to the next; and of those that are not durable, where a day's are counted
 * ahead, and where not: then the file waits for the disk. */
#define FLUSH_STEP    (8u << 20)
#define FLUSH_COUNTED METER_STEP
#define FLUSH_MOST    (64u << 20)

struct flush {
	/* set by the caller; what a->durable says is true at each moment */
	const struct files *files;
	struct action *a;
	struct meter *meter;
	/* inside: the process, 0: none; how many bytes it makes durable; it, or another one, could
	 * not: a disk says that once, and what was not written is durable in no later flush */
	pid_t pid;
	uint64_t begun;
	bool failed;
};

/* After each piece: so many bytes of the file are here, and so many come. false: the file or the
 * record cannot be written. */
bool flush_some(struct flush *x, int fd, uint64_t have, uint64_t to_come);
/* All of them are durable when it returns true. to_come: before the next time. */
bool flush_all(struct flush *x, int fd, uint64_t have, uint64_t to_come);
