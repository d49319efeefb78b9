/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of the seam on Linux that start processes. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* The errno of a child that could not start its program, from the pipe that starting it closes; 0
 * when it did; ETIMEDOUT when neither came within 10 s. */
int os_proc_started(int fd);

/* The parent and the session of a process, whose number is a name in /proc. False: there is none.
 */
bool os_proc_kin(const char *pid_name, pid_t *parent, pid_t *session);

/* Closes this descriptor and all above it: what a child holds is kept from whoever opens it next.
 */
void os_proc_close_from(int from);

/* sync() has no bound of its own: a disk that hangs would hold it, and us, forever. This one takes
 * 5 s at most, in a child. */
void os_proc_sync(void);

/* Kills a child that nobody is to wait for, and takes it in if it ends within 5 s. Process 1 meets
 * it later while it looks for strangers. */
void os_proc_discard(pid_t pid);
