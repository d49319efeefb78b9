/* SPDX-License-Identifier: Apache-2.0 */
/* How long an install at boot may stand still. PURE. */
#pragma once

#include "lib/conf.h"

/*
 * Milliseconds: progress-deadline=, but never more than two thirds of the watchdog's timeout_s,
 * which is not fed meanwhile: what is stuck must be killed before the watchdog kills us all.
 * timeout_s 0: there is none.
 */
uint64_t stall_limit_ms(const struct conf *c, uint32_t timeout_s);

/* The least timeout with which all of the deadline counts; seconds. */
uint32_t stall_timeout_s(const struct conf *c);

/* True if somebody chose a deadline that such a watchdog cuts short; timeout_s 0: there is none. */
bool stall_is_cut(const struct conf *c, uint32_t timeout_s);
