/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel calls of the command for other programs of the running system. Process 1 links none
 * of them. */
#pragma once

#include "lib/err.h"

#include <stdbool.h>
#include <sys/types.h>

/* KB_EPERM; KB_EIO: also when there is no such process. */
enum kb_err os_command_signal(pid_t pid, int sig) KB_MUST_CHECK;
/* Whether there is a process of that number. */
bool os_command_runs(pid_t pid);
/* Our own number. */
pid_t os_command_pid(void);
/* Replaces this process by a program of PATH, with our environment. Returns only on failure. */
enum kb_err os_command_become(const char *name, const char *const *argv) KB_MUST_CHECK;

#define OS_COMMAND_CHILDREN_MAX 256

/* Children that whoever became this process has left it. */
struct os_command_children {
	pid_t pid[OS_COMMAND_CHILDREN_MAX];
	unsigned n;
};

/* From now on, what loses its parent below this process becomes its child, in whatever session it
 * is. Notes in c which children it has; no child of os_spawn() may be among them. */
void os_command_adopt(struct os_command_children *c);
/* Kills each child that is not in c, with all that is below it, within 5 s, and adopts no more.
 * Call it when each child of os_spawn() was waited for or forgotten. KB_ETIMEDOUT: something is
 * left. KB_EIO and the like: not known. */
enum kb_err os_command_adopt_end(const struct os_command_children *c) KB_MUST_CHECK;
