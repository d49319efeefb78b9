/* SPDX-License-Identifier: Apache-2.0 */
/* By hawkBit's Direct Device Integration: one contact with the server. */
#include "fleet/drop.h"
#include "fleet/take.h"
#include "fleet/tell.h"
#include "fleet/way.h"

#include "lib/log.h"

#include <stdio.h>
#include <string.h>

static bool poll_server(struct contact *c, struct ddi_poll *p)
{
	const char *why;
	enum client_end end = client_get(&c->client, "");
	bool reached =
		end == CLIENT_OK && ddi_read_poll(p, c->client.text, c->client.len, &why) == KB_OK;

	c->retry_after_s = c->client.retry_after_s;
	if (end == CLIENT_OK && !reached)
		log_warn("%s: the server sends %s", c->conf->fleet_server, why);
	c->failed = c->failed || !reached;
	c->sleep_s = reached ? p->sleep_s : 0;
	return reached;
}

/* Ours, in the phase that decides. */
static void cancel_action(struct contact *c, const char *id)
{
	char why[FACTS_TEXT_MAX + 1] = "";
	bool late = drop_is_late(c);

	if (late) {
		if (c->a.rejected == 0 && tell_cancelled(c, id, false, c->a.why)) {
			contact_print("Action %s: too late to cancel: %s", c->a.id, c->a.why);
			c->a.rejected = 1;
			contact_save(c);
		}
	} else if (!drop_staged(c, why)) {
		log_warn("action %s: cannot be cancelled: %s", c->a.id, why);
		c->failed = true;
	} else if (tell_cancelled(c, id, true, "cancelled; nothing of it was installed")) {
		drop_action(c, "cancelled by the server");
	}
}

static void answer_cancel(struct contact *c, const char *id)
{
	char path[URL_ID_MAX + 32], stop[URL_ID_MAX + 1];
	const char *why;
	enum client_end end;

	snprintf(path, sizeof(path), "cancelAction/%s", id);
	end = client_get(&c->client, path);
	if (end != CLIENT_OK) {
		c->failed = c->failed || (end != CLIENT_MISSING && end != CLIENT_OVER);
		return;
	}
	if (ddi_read_cancel(stop, c->client.text, c->client.len, &why) != KB_OK) {
		log_warn("action %s: the server sends %s", id, why);
		c->failed = true;
	} else if (c->dry_run) {
		contact_print(
			"Action %s would be cancelled, or it would be answered that it is too late.",
			stop);
	} else if (strcmp(stop, c->a.id) == 0 && !action_is_closed(&c->a)) {
		cancel_action(c, id);
	} else {
		(void)!tell_cancelled(c, id, true,
				      "nothing is known of it here, or it was closed before");
	}
}

/* What is staged stays: it was signed, and asked for. What is not even that is not wanted any more.
 */
static void notice_withdrawal(struct contact *c, const struct ddi_poll *p)
{
	if (p->deployment[0] == '\0' && p->confirmation[0] == '\0' && p->cancel[0] == '\0' &&
	    (c->a.phase == ACTION_SEEN || c->a.phase == ACTION_FETCHED) && !c->dry_run)
		drop_action(c, "is over on the server");
}

/* ---------------------------------------------------------------- the deployment */

/* One that was lost is sent again. */
static void repeat_answer(struct contact *c, const char *id)
{
	if (action_is_closed(&c->a) && strcmp(c->a.id, id) == 0 && c->a.tries < ACTION_TRIES_MAX)
		c->a.reported = ACTION_NONE;
}

static void ask_deployment(struct contact *c, const struct ddi_poll *p)
{
	static struct offer o;
	const char *id = p->deployment, *why;
	char path[URL_ID_MAX + 32];
	enum client_end end;

	if (!take_wants(c, id, p->edition)) {
		repeat_answer(c, id);
		return;
	}
	snprintf(path, sizeof(path), "deploymentBase/%s", id);
	end = client_get(&c->client, path);
	/* 404: it is being cancelled, or waits for a confirmation. */
	if (end != CLIENT_OK) {
		c->failed = c->failed || (end != CLIENT_MISSING && end != CLIENT_OVER);
		return;
	}
	if (ddi_read_deployment(&o, c->client.text, c->client.len, &why) != KB_OK ||
	    strcmp(o.id, id) != 0) {
		log_warn("action %s: the server sends %s", id,
			 o.id[0] != '\0' ? "another action" : why);
		c->failed = true;
		return;
	}
	memcpy(o.edition, p->edition, sizeof(o.edition));
	take_offer(c, &o);
}

/* ---------------------------------------------------------------- the contact */

static void work_by_poll(struct contact *c, const struct ddi_poll *p)
{
	if (p->cancel[0] != '\0')
		answer_cancel(c, p->cancel);
	notice_withdrawal(c, p);
	tell_phase(c);
	if (p->confirmation[0] != '\0')
		contact_print(
			"Action %s waits for a confirmation, which is given on the server only.",
			p->confirmation);
	if (p->deployment[0] != '\0')
		ask_deployment(c, p);
	tell_phase(c);
	tell_device(c, p->config_data);
}

static void converse_with_server(struct contact *c, bool known)
{
	static struct ddi_poll p;

	if (poll_server(c, &p) && known)
		work_by_poll(c, &p);
}

const struct way way_ddi = { .converse = converse_with_server, .tell = tell_phase };
