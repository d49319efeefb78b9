/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/confirm.h"

#include "fleet/monitor_link.h"
#include "fleet/permit.h"
#include "fleet/possible.h"
#include "fleet/tell.h"

#include "lib/log.h"

#include <stdio.h>
#include <string.h>

static bool get_offer(struct contact *c, const char *id, struct offer *o)
{
	char path[URL_ID_MAX + 32];
	enum client_end end;
	const char *why;

	snprintf(path, sizeof(path), "confirmationBase/%s", id);
	end = contact_get(c, path);
	/* 404, 410: somebody was quicker. */
	if (end != CLIENT_OK) {
		c->failed = c->failed || (end != CLIENT_MISSING && end != CLIENT_OVER);
		return false;
	}
	if (ddi_read_confirmation(o, c->client.text, c->client.len, &why) == KB_OK &&
	    strcmp(o->id, id) == 0)
		return true;
	contact_fail(c, "action %s: the server sends %s", id,
		     o->id[0] != '\0' ? "another action" : why);
	return false;
}

/* Also one that was cut before it was noted is sent once more at most. */
static void deny(struct contact *c, const char *id, const char *says)
{
	if (!tell_confirmation(c, id, false, says))
		return;
	snprintf(c->a.denied, sizeof(c->a.denied), "%s", id);
	contact_save(c);
}

/* The server may be about to mend it. true: it was so in many contacts in a row, this one too. */
static bool is_unclear_for_long(struct contact *c, const char *id, const char *why)
{
	struct action *a = &c->a;

	if (strcmp(a->unread, id) != 0)
		a->unread_times = 0;
	snprintf(a->unread, sizeof(a->unread), "%s", id);
	contact_fail(c, "action %s: %s", id, why);
	if (a->unread_times < ACTION_TRIES_MAX) {
		a->unread_times++;
		contact_save(c);
	}
	return a->unread_times >= ACTION_TRIES_MAX;
}

static void end_row(struct contact *c, const char *id)
{
	if (strcmp(c->a.unread, id) != 0 || c->a.unread_times == 0)
		return;
	c->a.unread_times = 0;
	contact_save(c);
}

/* hawkBit takes no word about an action that waits for a confirmation, so this is the way to close
 * it. It is noted before: its bundle may come late. */
static bool let_fail(struct contact *c, const char *id, const char *why)
{
	char says[PERMIT_WHY_MAX + 1];

	if (c->dry_run) {
		contact_print("Action %s: %s; it would be confirmed, and closed as failed.", id,
			      why);
		return false;
	}
	snprintf(c->a.unasked, sizeof(c->a.unasked), "%s", id);
	snprintf(says, sizeof(says), "%.200s; nobody is asked", why);
	return tell_confirmation(c, id, true, says);
}

static bool answer_unclear(struct contact *c, const char *id, const char *why)
{
	if (!c->dry_run) {
		if (!is_unclear_for_long(c, id, why) || !let_fail(c, id, why))
			return false;
		/* A server that lost its memory may give its id to another action. */
		c->a.unread_times = 0;
		return true;
	}
	contact_print("Action %s cannot be understood; after %d such contacts it would be "
		      "confirmed, and closed as failed.",
		      id, ACTION_TRIES_MAX);
	return false;
}

static bool ask_device(struct contact *c, const char *id, const struct offer *o)
{
	struct monitor_order order = { .work = MONITOR_CONFIRM };
	struct monitor_result r;

	memcpy(order.name, o->name, sizeof(order.name));
	monitor_do(&c->monitor, &order, &r, NULL, NULL);
	if (strcmp(c->a.unasked, id) == 0)
		c->a.unasked[0] = '\0';
	if (r.code == PERMIT_YES)
		return tell_confirmation(c, id, true, r.why);
	if (r.code == PERMIT_NO)
		deny(c, id, r.why);
	else
		contact_print("Action %s waits for a confirmation: %s.", id, r.why);
	return false;
}

bool confirm_answer(struct contact *c, const char *id)
{
	static struct offer o;
	char why[ACTION_WHY_MAX + 1];
	bool denied = strcmp(c->a.denied, id) == 0, possible;

	if (c->conf->fleet_confirm[0] == '\0' || denied) {
		contact_print(
			"Action %s waits for a confirmation, which is given on the server %s.", id,
			denied ? "alone since it was denied here" : "only");
		return false;
	}
	if (!get_offer(c, id, &o))
		return false;
	possible = possible_is(&o, why);
	if (o.unclear)
		return answer_unclear(c, id, why);
	end_row(c, id);
	if (!possible)
		return let_fail(c, id, why);
	if (!c->dry_run)
		return ask_device(c, id, &o);
	contact_print("Action %s waits for a confirmation; confirm= would be asked.", id);
	return false;
}
