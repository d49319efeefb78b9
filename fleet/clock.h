/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether this device knows the time. systemd sets a clock that stands before its own build to that
 * build, and timesyncd to where it stood last: who asked nobody knows no time by that.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Seconds since 1970: 2025-01-01. A clock of before was never set. */
#define CLOCK_SET 1735689600u

/* Seconds since 1970, by the clock of each moment; 0: there is no such file. */
struct clock_marks {
	/* now; since the kernel started */
	uint64_t now, uptime;
	/* when Keelboot chose the slot: by a clock of the hardware, or by none */
	uint64_t chosen;
	/* when systemd and timesyncd began, each of which may have set it before */
	uint64_t guesses[2];
	/* timesyncd has asked a server since */
	bool asked;
};

/* PURE. */
bool clock_is_known(const struct clock_marks *m);
/* Seconds since 1970; 0: the clock was never set, but maybe to a guess. */
uint64_t clock_time(void);
