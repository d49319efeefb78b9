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
/* Whether PATH has a program of that name: os_command_become() can start it, as far as that tells.
 */
bool os_command_is(const char *name);
/* Replaces this process by a program of PATH, with our environment. Returns only on failure. */
enum kb_err os_command_become(const char *name, const char *const *argv) KB_MUST_CHECK;
