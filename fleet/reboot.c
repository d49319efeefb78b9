/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/reboot.h"

#include "fleet/boot_id.h"
#include "fleet/judge.h"
#include "fleet/monitor_link.h"

#include "lib/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Each boot that was asked for left it staged. */
static bool is_given_up(const struct contact *c)
{
	char now[ACTION_BOOT_LEN + 1];

	return c->a.boots >= REBOOT_MAX && boot_id_read(now) && strcmp(c->a.boot, now) != 0;
}

static void explain_boots(struct contact *c, char why[ACTION_WHY_MAX + 1])
{
	char reason[FACTS_TEXT_MAX + 1];

	(void)facts_refusal(&c->monitor, c->a.version, c->a.sequence, true, reason);
	snprintf(why, ACTION_WHY_MAX + 1,
		 "staged; %d boots did not install it%s%s; no more reboots are asked for",
		 REBOOT_MAX, reason[0] != '\0' ? ": " : "", reason);
}

void reboot_note(struct contact *c, char why[ACTION_WHY_MAX + 1])
{
	if (!judge_is_installed_next(&c->facts, c->a.release)) {
		action_note(&c->a, ACTION_NEWS_SKIP);
	} else if (is_given_up(c)) {
		explain_boots(c, why);
		action_note(&c->a, ACTION_NEWS_BOOTS);
	}
}

static bool is_permitted(struct contact *c)
{
	struct monitor_order order = { .work = MONITOR_PERMIT, .flag = c->a.forced > 0 };
	struct monitor_result r;

	if (!c->conf->fleet_reboot || c->dry_run)
		return true;
	memcpy(order.version, c->a.version, sizeof(order.version));
	monitor_do(&c->monitor, &order, &r, NULL, NULL);
	if (r.code == 1)
		return true;
	if (!c->looks)
		contact_print("The reboot that installs %s waits: %s.", c->a.version, r.why);
	c->reboot_waits = true;
	return false;
}

/* A person has begun with another release since: a boot would get between that and its end. */
static bool is_preceded(const struct contact *c)
{
	char why[ACTION_WHY_MAX + 1];

	if (!judge_is_preceded(&c->facts, c->a.release, c->a.own.release, why))
		return false;
	contact_print("The reboot that installs %s %s.", c->a.version, why);
	return true;
}

bool reboot_is_held(const struct contact *c)
{
	return c->a.phase == ACTION_STAGED && c->a.window_closed > 0 &&
	       c->conf->fleet_channel[0] == '\0';
}

static bool is_out_of_window(const struct contact *c)
{
	if (!reboot_is_held(c))
		return false;
	if (!c->looks)
		contact_print(
			"The reboot that installs %s waits: the server's maintenance window is closed.",
			c->a.version);
	return true;
}

bool reboot_ask(struct contact *c)
{
	char now[ACTION_BOOT_LEN + 1];
	bool again;

	if (c->a.phase != ACTION_STAGED || !judge_is_installed_next(&c->facts, c->a.release) ||
	    is_preceded(c) || is_out_of_window(c) || !boot_id_read(now))
		return false;
	again = strcmp(c->a.boot, now) == 0;
	if ((!again && c->a.boots >= REBOOT_MAX) || !is_permitted(c))
		return false;
	if (again)
		return true;
	c->a.boots++;
	memcpy(c->a.boot, now, sizeof(now));
	return contact_save(c);
}

void reboot_begin(struct contact *c)
{
	const struct monitor_order order = { .work = MONITOR_REBOOT };
	struct monitor_result r;

	if (!c->reboot || !c->conf->fleet_reboot || c->dry_run)
		return;
	contact_print("Reboots.");
	monitor_do(&c->monitor, &order, &r, NULL, NULL);
	if (r.code == MONITOR_GONE) /* it is the program now that reboots */
		exit(0);
	log_err("%s; reboot by hand", r.why);
}
