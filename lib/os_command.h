/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel calls of the command for other programs of the running system. Process 1 links none
 * of them. */
#pragma once

#include "lib/err.h"

#include <sys/types.h>

/* KB_EPERM; KB_EIO: also when there is no such process. */
enum kb_err os_command_signal(pid_t pid, int sig) KB_MUST_CHECK;
/* Replaces this process by a program of PATH, with our environment. Returns only on failure. */
enum kb_err os_command_become(const char *name, const char *const *argv) KB_MUST_CHECK;
