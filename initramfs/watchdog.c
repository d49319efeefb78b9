/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/watchdog.h"

#include "lib/log.h"
#include "lib/os.h"

#define WATCHDOG_WAIT_MS 500

void watchdog_feed(struct boot *b)
{
	wdt_feed(&b->wdt);
}

void watchdog_idle(void *boot)
{
	watchdog_feed(boot);
}

void watchdog_wait_s(struct boot *b, unsigned seconds)
{
	for (unsigned i = 0; i < seconds; i++) {
		wdt_feed(&b->wdt);
		os_sleep_ms(1000);
	}
}

void watchdog_arm_late(struct boot *b)
{
	wdt_arm_late(&b->wdt, b->conf.watchdog, b->conf.watchdog_timeout_s);
}

void watchdog_arm(struct boot *b)
{
	enum kb_err err;

	if (b->wdt.armed)
		return;
	err = wdt_arm(&b->wdt, b->conf.watchdog, b->conf.watchdog_timeout_s, WATCHDOG_WAIT_MS);
	(void)err; /* logged there; a device without one boots nevertheless */
}

void watchdog_decide(struct boot *b)
{
	wdt_decide(&b->wdt, b->conf.handover, b->conf.shutdown_deadline_s);
}

void watchdog_hand_over(struct boot *b)
{
	if (wdt_hand_over(&b->wdt, b->conf.watchdog_timeout_s, b->conf.shutdown_deadline_s) !=
	    KB_OK)
		log_warn("watchdog: not running: a hung system will not be restarted");
}
