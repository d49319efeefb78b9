/* SPDX-License-Identifier: Apache-2.0 */
/* The clock of processes beside process 1. */
#pragma once

#include <stdint.h>

/* Milliseconds since some point in the past, as CLOCK_MONOTONIC has them: without the time that the
 * machine sleeps, which os_now_ms() counts. */
uint64_t os_clock_ms(void);
