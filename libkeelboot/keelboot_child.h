/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command as a child of a process that is not ours: of its signals, descriptors and children
 * nothing is known. So a child of ours stands between the two. It waits for the command, and says
 * how that ended through a pipe: also where the application ignores SIGCHLD, or waits for all.
 */
#pragma once

#include <sys/types.h>

enum keelboot_child_end {
	KEELBOOT_CHILD_OUTPUT,
	KEELBOOT_CHILD_MESSAGES,
	KEELBOOT_CHILD_STATUS, /* closed when the command has ended; a status of waitpid() */
	KEELBOOT_CHILD_ENDS,
};

struct keelboot_child {
	/* also its process group, which the command belongs to */
	pid_t pid;
	/* to read from, without waiting */
	int end[KEELBOOT_CHILD_ENDS];
};

/* How a command ends that cannot be started. */
#define KEELBOOT_CHILD_NOT_STARTED 127

/* argv[0] is a path. An error number. */
int keelboot_child_start(struct keelboot_child *c, char *const *argv);

/* After the status was read: closes the ends. */
void keelboot_child_forget(struct keelboot_child *c);
