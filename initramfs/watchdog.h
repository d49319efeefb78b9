/* SPDX-License-Identifier: Apache-2.0 */
/* The watchdog of this boot: wdt.h, with what the configuration asks of it. */
#pragma once

#include "initramfs/boot_data.h"

/* Arms it unless it is armed. A device that has none boots nevertheless; that was said. */
void watchdog_arm(struct boot *b);

/* Its hardware may come late: arms it if it is there by now, without waiting; feeds it if it was
 * armed before. */
void watchdog_arm_late(struct boot *b);

/* Feeds it: for everything that waits within a bound of its own. */
void watchdog_feed(struct boot *b);

/* The same, as a callback: `idle` of struct devices_wait. */
void watchdog_idle(void *boot);

/* Waits, and feeds it meanwhile. */
void watchdog_wait_s(struct boot *b, unsigned seconds);

/* Decides to whom watchdog_hand_over() leaves it: before that is exported. */
void watchdog_decide(struct boot *b);

/* Leaves it counting for the system that is started: the last thing before that is entered. */
void watchdog_hand_over(struct boot *b);
