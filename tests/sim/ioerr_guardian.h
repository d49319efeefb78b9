/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guardian beside a system that was booted: the program that ships, in a process of its own, on
 * the simulation's time. What the system does meanwhile is a script: a verdict, a shutdown, one
 * that hangs, or nothing at all.
 */
#pragma once

#include "tests/sim/ioerr_world.h"

#include <sys/types.h>

/* If a guardian was started: what it and the system do until the machine is down, or until nothing
 * is left to wait for. False: there is none. */
bool ioerr_guardian_run(struct ioerr_world *w);

/* The command leaves its report in the simulated folder, the guardian has a real one open. Of the
 * process that made it. */
void ioerr_guardian_carry_report(void);

/* What its calls do. */
int ioerr_guardian_hear(uint32_t ms);
void ioerr_guardian_pass(unsigned ms);
/* False: there is no such process. */
bool ioerr_guardian_kill(pid_t pid, int sig);
void ioerr_guardian_say(int fd, char what);
void ioerr_guardian_reset(void);
