/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of the seam on Linux that start processes. */
#pragma once

#include <sys/types.h>

/* The errno of a child that could not start its program, from the pipe that starting it closes; 0
 * when it did; ETIMEDOUT when neither came within 10 s. */
int os_proc_started(int fd);

/* Kills a child that nobody is to wait for, and takes it in if it ends within 5 s. Process 1 meets
 * it later while it looks for strangers. */
void os_proc_discard(pid_t pid);
