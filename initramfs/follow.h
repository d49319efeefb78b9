/* SPDX-License-Identifier: Apache-2.0 */
/* A child that works for the boot, held to its progress: what it writes into its pipe. */
#pragma once

#include "initramfs/boot_data.h"

enum follow_taken {
	FOLLOW_MOVED,	/* work was done */
	FOLLOW_SAME,	/* nothing shows that */
	FOLLOW_REFUSED, /* it says what it must not */
};

enum follow_end {
	FOLLOW_ENDED,	    /* by itself */
	FOLLOW_KILLED,	    /* it stalled, took too long, or did not end */
	FOLLOW_UNSTOPPABLE, /* it cannot be killed, and may still write */
};

struct follow_ops {
	/* How many ms all of it may take. stall_ms: it may stand still that long (lib/stall.h). */
	uint64_t (*limit_ms)(const void *ctx, uint64_t stall_ms);
	/* What came through the pipe. */
	enum follow_taken (*take)(void *ctx, const char *buf, size_t len);
	/* Reports why it is killed: idle_ms of standing still; 0: all of it took too long. */
	void (*stopped)(const void *ctx, uint64_t idle_ms);
};

/*
 * Follows the child until its pipe fd is closed, and waits for its end, or makes it; what it left
 * behind in its session is killed. The watchdog is fed while it makes progress. *status is that of
 * waitpid(), with FOLLOW_ENDED.
 */
enum follow_end follow_child(struct boot *b, pid_t pid, int fd, const struct follow_ops *ops,
			     void *ctx, int *status) KB_MUST_CHECK;
