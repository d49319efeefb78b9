/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guardian's kernel calls beside those of lib/os.h. Chosen at link time as those are:
 * guardian_os.c in the product, tests/sim/ioerr_guardian.c in the simulation.
 *
 * After a failure errno holds the kernel's own word for it. dir is an open folder of /proc or /run.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Milliseconds that the machine ran: one that sleeps is not late. */
uint64_t guardian_os_now_ms(void);

/* ---------------------------------------------------------------- files */

/* Reads a file, whose end is cut off at size - 1; ended by NUL. Returns its length, or 0. */
size_t guardian_os_read(int dir, const char *name, char *buf, size_t size);
bool guardian_os_exists(int dir, const char *name);
void guardian_os_remove(int dir, const char *name);
bool guardian_os_is_open(int fd);
/* One byte to sysrq or to the watchdog. */
bool guardian_os_say(int fd, char what);

/* ---------------------------------------------------------------- processes */

/* Blocks every signal: they are heard by guardian_os_hear(). */
void guardian_os_block(void);
/* Waits up to ms for SIGUSR1, SIGUSR2, SIGTERM or SIGCHLD; 0: none came. */
int guardian_os_hear(uint32_t ms);
bool guardian_os_signal(pid_t pid, int sig);
/* The signal comes once more, to us. */
bool guardian_os_repeat(int sig);
/* Runs job in a process of its own, whose exit code is what it returns. Returns its process, or
 * -1. */
pid_t guardian_os_start(int (*job)(void *ctx), void *ctx);
/* A child that ended, with *status as from waitpid(); 0: none now. */
pid_t guardian_os_reap(int *status);

/* ---------------------------------------------------------------- the machine */

void guardian_os_sync(void);
/* Returns only on failure. */
void guardian_os_restart(bool power_off);
/* The folder becomes the one that relative paths begin at. */
bool guardian_os_enter(int dir);
/* The kernel kills others first when memory runs out, and keeps ours. Each false: it does not. */
bool guardian_os_spare(int proc);
bool guardian_os_keep_memory(void);
