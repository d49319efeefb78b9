/* SPDX-License-Identifier: Apache-2.0 */
/* By hawkBit's Direct Device Integration: one contact with the server. */
#include "fleet/cancel.h"
#include "fleet/confirm.h"
#include "fleet/deployment.h"
#include "fleet/drop.h"
#include "fleet/ends.h"
#include "fleet/standing.h"
#include "fleet/take.h"
#include "fleet/tell.h"
#include "fleet/way.h"

#include "lib/log.h"

#include <stdio.h>
#include <string.h>

#define WITHDRAWN_POLLS 2 /* in a row */

static bool poll_server(struct contact *c, struct ddi_poll *p)
{
	const char *why;
	char origin[160];
	enum client_end end = contact_get(c, "");
	bool reached =
		end == CLIENT_OK && ddi_read_poll(p, c->client.text, c->client.len, &why) == KB_OK;

	contact_asked(c, end);
	url_origin(origin, sizeof(origin), c->conf->fleet_server);
	if (end == CLIENT_OK && !reached)
		client_complain(&c->client, 200, "%s: the server sends %s", origin, why);
	c->failed = c->failed || !reached;
	c->sleep_s = reached ? p->sleep_s : 0;
	if (reached)
		contact_reached(c);
	return reached;
}

static bool is_withdrawn(const struct contact *c, const struct ddi_poll *p)
{
	return p->deployment[0] == '\0' && p->confirmation[0] == '\0' && p->cancel[0] == '\0' &&
	       (c->a.phase == ACTION_SEEN || c->a.phase == ACTION_FETCHED);
}

/* What is staged stays: it was signed, and asked for. What is not even that is not wanted any more,
 * if the next contact finds the same: what is here may have taken days to come. */
static void notice_withdrawal(struct contact *c, const struct ddi_poll *p)
{
	bool withdrawn = is_withdrawn(c, p);

	if (c->dry_run || (!withdrawn && c->a.missed == 0))
		return;
	c->a.missed = withdrawn ? c->a.missed + 1 : 0;
	if (c->a.missed >= WITHDRAWN_POLLS) {
		if (drop_unoffered(c))
			drop_action(c, "is over on the server");
		return;
	}
	if (withdrawn)
		contact_print("Action %s is not offered any more.", c->a.id);
	contact_save(c);
}

/* ---------------------------------------------------------------- the deployment */

/* The end of the action that is offered, as if it were not known there. */
static bool is_end_of(const struct contact *c, const struct ddi_poll *p)
{
	const struct action *a = &c->a;

	return a->phase >= ACTION_GOOD && strcmp(p->deployment, a->id) == 0 &&
	       (action_owes(a) || a->tries < ACTION_TRIES_MAX);
}

/* Who took an end again and again has no use for it. */
static void count_repeat(struct contact *c)
{
	if (++c->a.repeats == ACTION_TRIES_MAX)
		log_warn(
			"action %s: the server takes its end, and offers it still; it is not sent any more",
			c->a.id);
}

/* It is judged again: what was good may have fallen back since then. */
static void repeat_end(struct contact *c)
{
	enum action_phase known = c->a.reported;

	c->a.reported = ACTION_NONE;
	standing_renew(c);
	if (known != c->a.phase)
		return;
	if (c->a.repeats < ACTION_TRIES_MAX)
		count_repeat(c);
	else
		c->a.reported = known;
}

/* A server whose ids are those of releases offers it anew when a person says so. */
static void notice_rest(struct contact *c, const struct ddi_poll *p)
{
	if (c->dry_run || c->a.repeats == 0 || strcmp(p->deployment, c->a.id) == 0)
		return;
	c->a.repeats = 0;
	contact_save(c);
}

/* false: nobody knows whether it is the action whose end is due, or what the server has is not
 * understood. An answer that was lost is sent again; of another action with the same id, there is
 * none yet. */
static bool ask_deployment(struct contact *c, const struct ddi_poll *p)
{
	static struct offer o;
	bool end = is_end_of(c, p), wants = take_wants(c, p->deployment, p->edition);

	if (!wants && !end)
		return true;
	if (deployment_get(c, p->deployment, &o) != CLIENT_OK)
		return !end;
	memcpy(o.edition, p->edition, sizeof(o.edition));
	if (!wants && action_is_for(&c->a, &o)) {
		repeat_end(c);
		return true;
	}
	take_offer(c, &o);
	return wants || !o.unclear;
}

/* ---------------------------------------------------------------- the contact */

static void work_by_poll(struct contact *c, const struct ddi_poll *p)
{
	bool ended = p->deployment[0] != '\0' && ends_has(c, p->deployment);

	ends_send(c);
	cancel_look(c, p->cancel);
	if (p->cancel[0] != '\0')
		cancel_answer(c, p->cancel);
	notice_withdrawal(c, p);
	notice_rest(c, p);
	if (!is_end_of(c, p))
		tell_phase(c);
	/* What the server makes of its end, the next poll shows. */
	if (p->deployment[0] == '\0' || ended || ask_deployment(c, p))
		tell_phase(c);
	tell_device(c, p->config_data);
}

/* Most servers count their actions 1, 2, 3. */
static void bind_server(struct contact *c)
{
	char id[URL_ID_MAX + 1];

	memcpy(id, c->a.id, sizeof(id));
	if (!action_bind(&c->a, c->client.server))
		return;
	if (id[0] != '\0')
		contact_print("Action %s was another server's, or another device's.", id);
	contact_save(c);
}

static void converse_with_server(struct contact *c, bool known)
{
	static struct ddi_poll p;

	if (!poll_server(c, &p) || !known)
		return;
	/* Not before it answers: server= may have been a mistake that is mended by now. */
	bind_server(c);
	if (p.confirmation[0] != '\0' && confirm_answer(c, p.confirmation) && !poll_server(c, &p))
		return;
	work_by_poll(c, &p);
}

const struct way way_ddi = { .converse = converse_with_server,
			     .tell = tell_phase,
			     .put_aside = ends_add };
