/* SPDX-License-Identifier: Apache-2.0 */
/* Process 1's side of the guardian: whether there is one, and how it is started. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct boot;

#define GUARD_PROGRAM  "/usr/lib/keelboot/keelboot-guardian"
#define GUARD_OMIT_DIR "/run/sendsigs.omit.d"

/* Of one boot; zeroed at its start. */
struct guard {
	/* 0: there is none */
	pid_t pid;
	/* there ought to be one */
	bool failed;
	/* "trial", "keeper" or "release": what it does after the verdict; "stable": only waits
	 * until the slot has proved itself */
	const char *mode;
	/* 0: not held to one */
	uint32_t deadline_s;
	/* after which it notes that the slot has proved itself; 0: never */
	uint32_t stable_s;
	/* os_now_ms() at which the deadline passes */
	uint64_t due_ms;
};

/*
 * Starts the guardian if this boot needs one: a counted trial with something to fall back to, a
 * slot against which something counts until it has proved itself, or anything whose watchdog it has
 * to feed. Call it behind export_write() and before any mount moves;
 * b->wdt.kept tells afterwards that it feeds, b->guard what it does. A boot without one goes on:
 * the tries are counted anyway.
 */
void guard_start(struct boot *b);
