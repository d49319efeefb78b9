/* SPDX-License-Identifier: Apache-2.0 */
/* What a job on whole folders may do, and what became of it. */
#pragma once

#include "lib/err.h"

#include <stdint.h>

#define TREE_JOB_WHY_MAX 160
#define TREE_FLUSH	 (4u << 20)

enum tree_how {
	TREE_SHARE_OR_COPY, /* blocks are shared where the file system can */
	TREE_SHARE,	    /* or it fails */
	TREE_COPY,
};

/* One job, over several folders. */
struct tree_job {
	enum tree_how how;
	/* bytes that may be copied; those that share blocks do not count */
	uint64_t limit;
	/* what the file system lies on; NULL: not known */
	const char *dev;
	/* of os_now_ms(): when tree_remove() gives up; 0: never */
	uint64_t until_ms;
	/* Called again and again while there is progress. May be NULL. */
	void (*progress)(void);
	/* Results: bytes that were copied, and files that share their blocks. */
	uint64_t copied, shared;
	/* bytes of those that only memory may have yet: at most TREE_FLUSH */
	uint64_t unflushed;
	/* what failed, and why: for a person */
	char why[TREE_JOB_WHY_MAX];
};

/* Notes what failed, unless something did before: "NAME: WHAT: the kernel's word for errno". */
enum kb_err tree_job_failed(struct tree_job *job, enum kb_err err, const char *name,
			    const char *what);

void tree_job_progress(const struct tree_job *job);
