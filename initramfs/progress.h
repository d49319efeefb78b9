/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What keelboot-apply says of its progress, as process 1 hears it. PURE. The process at the other
 * end reads a stranger's bundle, so process 1 believes only "it moved". Phases only go forward, and
 * numbers only grow. Another bundle begins anew, as often as there may be bundles.
 * update/wire/apply_wire.h has the lines.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROGRESS_LINE_MAX 80

enum progress_phase {
	PROGRESS_NONE,
	PROGRESS_LOOK,
	PROGRESS_COMPARE,
	PROGRESS_CHECK,
	PROGRESS_WRITE,
	PROGRESS_READ_BACK
};

struct progress {
	/* 0: still looking; else the number of the bundle, up to APPLY_CANDIDATES_MAX */
	unsigned candidate;
	enum progress_phase phase;
	/* of this phase: bytes, or looks */
	uint64_t done, total;
	/* of the line that is not complete yet */
	size_t len;
	char line[PROGRESS_LINE_MAX];
	/* the line is too long; skipped up to its end */
	bool garbage;
};

/* Takes len bytes from the pipe. True if they showed that work was done since the last call. */
bool progress_take(struct progress *p, const char *buf, size_t len);

/* 0..100 of this phase. */
unsigned progress_percent(const struct progress *p);

/* "looking at media", "checking", "writing", "reading back"; "starting". */
const char *progress_phase_name(enum progress_phase phase);
