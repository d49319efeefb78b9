/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/outcome.h"

#include "channel/utc.h"
#include "fleet/clock.h"
#include "fleet/keep.h"
#include "fleet/monitor_link.h"
#include "lib/log.h"
#include "lib/os.h"
#include "lib/util.h"

#include <inttypes.h>
#include <string.h>

#define SLACK_S 60u /* by which a clock may be corrected */

/* ---------------------------------------------------------------- a contact */

/* In the words of its line. */
static const char *say_failure(const struct contact *c)
{
	if (!c->failed)
		return "";
	if (c->wrong[0] != '\0')
		return c->wrong;
	if (c->asked[0] != '\0')
		return c->asked;
	return c->unsaved ? "the record cannot be written" : "see its lines in the log";
}

void outcome_note(struct contact *c)
{
	struct monitor_order order = { .work = MONITOR_CONTACT, .reached = c->reached };
	struct monitor_result r;

	if (c->dry_run)
		return;
	util_print_safe(order.why, sizeof(order.why), say_failure(c));
	monitor_do(&c->monitor, &order, &r, NULL, NULL);
	if (r.code != 0 && !c->unnoted)
		log_warn("%s; so keelboot-fleet status does not say how contacts went", r.why);
	c->unnoted = r.code != 0;
}

/* ---------------------------------------------------------------- for whoever looks */

struct outcome outcome_load(const struct contact *c)
{
	struct outcome o = { .last = last_contact_read(c->monitor.run_dir) };
	uint64_t now = clock_time(), uptime = os_now_ms() / 1000;

	o.in_this_boot = o.last.reached > 0 && o.last.reached <= uptime;
	if (o.in_this_boot) {
		o.age = uptime - o.last.reached;
		o.time = now > o.age ? now - o.age : 0;
	} else if (now == 0 || c->a.reached <= now + SLACK_S) {
		/* One of the future is of a clock that was wrong. */
		o.time = c->a.reached;
	}
	return o;
}

void outcome_print(const struct outcome *o)
{
	char time[UTC_LEN + 1];

	utc_write(time, o->time);
	if (o->in_this_boot && o->time > 0)
		contact_print("The server was last reached at %s, %" PRIu64 " s ago.", time,
			      o->age);
	else if (o->in_this_boot)
		contact_print("The server was last reached %" PRIu64
			      " s ago; the clock is not set.",
			      o->age);
	else if (o->time > 0)
		contact_print("The server was not reached in this boot. It was before, at %s or "
			      "later.",
			      time);
	else
		contact_print("The server was not reached yet, for all that is on record.");
	if (o->last.failures == 1)
		contact_print("  the last contact failed: %s", o->last.why);
	else if (o->last.failures > 1)
		contact_print("  the last %" PRIu64 " contacts failed: %s", o->last.failures,
			      o->last.why);
}

json_object *outcome_json(const struct outcome *o)
{
	json_object *j = json_object_new_object();

	json_object_object_add(j, "reached", o->time > 0 ? keep_number(o->time) : NULL);
	json_object_object_add(j, "age", o->in_this_boot ? keep_number(o->age) : NULL);
	json_object_object_add(j, "failures", keep_number(o->last.failures));
	json_object_object_add(j, "why", keep_text(o->last.why));
	return j;
}
