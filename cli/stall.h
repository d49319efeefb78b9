/* SPDX-License-Identifier: Apache-2.0 */
/* How long an install at boot may stand still. */
#pragma once

#include "lib/conf.h"

/*
 * The most that progress-deadline= can come to with a watchdog of timeout_s seconds, which is not
 * fed meanwhile: as in initramfs/updates.c. Seconds, rounded down.
 */
uint32_t stall_most_s(uint32_t timeout_s);

/* The least timeout with which all of the deadline counts. */
uint32_t stall_timeout_s(const struct conf *c);

/* True if somebody chose a deadline that such a watchdog cuts short; timeout_s 0: there is none. */
bool stall_is_cut(const struct conf *c, uint32_t timeout_s);
