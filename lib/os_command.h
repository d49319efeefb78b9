/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel calls of the command for other programs of the running system. Process 1 links none
 * of them. */
#pragma once

#include "lib/err.h"

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

/* KB_EPERM; KB_EIO: also when there is no such process. */
enum kb_err os_command_signal(pid_t pid, int sig) KB_MUST_CHECK;
/* Whether there is a process of that number. */
bool os_command_runs(pid_t pid);
/* Our own number. */
pid_t os_command_pid(void);
/* Where a program is: in a folder of PATH, or in the sbin beside one, which the PATH of cron and
 * `su` lacks: /usr/sbin for /usr/bin. */
bool os_command_find(const char *name, char path[PATH_MAX]);
/* Replaces this process by the program that os_command_find() finds, with our environment. Returns
 * only on failure, with errno: ENOENT if there is no such program. */
enum kb_err os_command_become(const char *name, const char *const *argv) KB_MUST_CHECK;
