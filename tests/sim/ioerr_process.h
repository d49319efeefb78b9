/* SPDX-License-Identifier: Apache-2.0 */
/* The processes of ioerr_world.h. */
#pragma once

#include "tests/sim/ioerr_world.h"

#include <sys/types.h>

/* Process 1, and what runs after it. In a process of its own. */
void ioerr_process_init(struct ioerr_world *w);
/* Makes the simulation start keelboot-apply for what it is. */
void ioerr_process_apply_child(struct ioerr_world *w);
/* The command of the system that was booted, and all that there are. */
extern const char *const ioerr_process_commands[];
void ioerr_process_command(struct ioerr_world *w);
/* A process of the run; 0: this is it. */
pid_t ioerr_process_begin(struct ioerr_world *w, enum ioerr_fault_target who);
/* How it ended: its exit code; -1: it died as it was told. */
int ioerr_process_end(struct ioerr_world *w, pid_t pid);
/* Before the first process: what they become, and where their signals go. */
void ioerr_process_hooks(void);
/* Before anything else uses OpenSSL: its memory can fail too. */
void ioerr_process_memory(void);
/* If a guardian was started: what it and the system do until the machine is down, or until nothing
 * is left to wait for. False: there is none. */
bool ioerr_guardian_run(struct ioerr_world *w);
/* A signal from one process of the device to another. */
void ioerr_guardian_kill(pid_t pid, int sig);
/* ioerr_files.c: files stand for those of the device, once, before the first run. */
void ioerr_files_begin(void);
