/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/cycle.h"

#include "fleet/judge.h"
#include "fleet/reboot.h"
#include "fleet/take.h"
#include "fleet/tell.h"

#include "lib/log.h"

#include <stdio.h>
#include <string.h>

/* ---------------------------------------------------------------- the device */

/* Neither staged nor in a slot: a boot refused it, or a person did something else. */
static void explain_loss(struct contact *c, char why[ACTION_WHY_MAX + 1])
{
	char reason[FACTS_TEXT_MAX + 1];

	facts_refusal(&c->monitor, c->a.version, c->a.sequence, false, reason);
	if (reason[0] != '\0')
		snprintf(why, ACTION_WHY_MAX + 1, "%s was not installed: %s", c->a.version, reason);
	else
		snprintf(
			why, ACTION_WHY_MAX + 1,
			"%s is neither staged nor in a slot: it was unstaged, or another release took its place",
			c->a.version);
}

static void judge_action(struct contact *c)
{
	char why[ACTION_WHY_MAX + 1];
	enum action_phase phase;

	if (c->a.phase != ACTION_STAGED && c->a.phase != ACTION_TRIAL)
		return;
	phase = judge_release(&c->facts, c->a.release, why);
	if (phase == ACTION_NONE) {
		phase = ACTION_FAILED;
		explain_loss(c, why);
	}
	if (phase == ACTION_STAGED)
		reboot_note(c, why);
	if (phase == c->a.phase && strcmp(why, c->a.why) == 0)
		return;
	if (phase != c->a.phase)
		c->a.tries = 0;
	c->a.phase = phase;
	memcpy(c->a.why, why, sizeof(c->a.why));
	contact_print("Action %s: %s", c->a.id, c->a.why);
	contact_save(c);
}

static bool look_at_device(struct contact *c)
{
	char why[FACTS_TEXT_MAX + 1];

	if (facts_read(&c->facts, &c->monitor, why) && !c->facts.data_elsewhere) {
		judge_action(c);
		return true;
	}
	if (c->facts.data_elsewhere)
		snprintf(why, sizeof(why), "the data partition is not mounted at %s",
			 c->conf->data_mount);
	log_err("nothing is fetched or answered: %s", why);
	c->failed = true;
	return false;
}

/* ---------------------------------------------------------------- the server */

static bool poll_server(struct contact *c, struct ddi_poll *p)
{
	const char *why;
	enum client_end end = client_get(&c->client, "");

	c->reached =
		end == CLIENT_OK && ddi_read_poll(p, c->client.text, c->client.len, &why) == KB_OK;
	c->retry_after_s = c->client.retry_after_s;
	if (end == CLIENT_OK && !c->reached)
		log_warn("%s: the server sends %s", c->conf->fleet_server, why);
	c->failed = c->failed || !c->reached;
	c->sleep_s = c->reached ? p->sleep_s : 0;
	return c->reached;
}

/* A download that was all that was wanted is kept: the next action may want to install it. */
static void forget(struct contact *c, const char *why)
{
	contact_print("Action %s: %s", c->a.id, why);
	if (c->a.phase != ACTION_FETCHED || c->a.only_download == 0)
		files_bundle_drop(&c->files);
	action_begin(&c->a, "");
	contact_save(c);
}

/* Cut before the end of this, or without an answer, the next contact does the rest. */
static bool undo(struct contact *c, char why[FACTS_TEXT_MAX + 1])
{
	c->a.phase = c->a.reported = ACTION_SEEN;
	snprintf(why, FACTS_TEXT_MAX + 1, "the record cannot be written");
	if (!contact_save(c))
		return false;
	if (c->facts.staged[0] == '\0' || strcmp(c->facts.staged, c->a.release) != 0)
		return true;
	switch (facts_unstage(&c->monitor, why)) {
	case FACTS_OK:
	case FACTS_NOTHING:
		return true;
	default:
		return false;
	}
}

/* Ours, in the phase that decides. */
static void cancel_action(struct contact *c, const char *id)
{
	char why[FACTS_TEXT_MAX + 1] = "";
	bool late = c->a.phase >= ACTION_TRIAL || judge_is_written(&c->facts, c->a.release);

	if (late) {
		if (c->a.rejected == 0 && tell_cancelled(c, id, false, c->a.why)) {
			contact_print("Action %s: too late to cancel: %s", c->a.id, c->a.why);
			c->a.rejected = 1;
			contact_save(c);
		}
	} else if (!undo(c, why)) {
		log_warn("action %s: cannot be cancelled: %s", c->a.id, why);
		c->failed = true;
	} else if (tell_cancelled(c, id, true, "cancelled; nothing of it was installed")) {
		forget(c, "cancelled by the server");
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
		forget(c, "is over on the server");
}

static void work(struct contact *c, const struct ddi_poll *p)
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
		take_deployment(c, p);
	tell_phase(c);
	tell_device(c, p->config_data);
}

/* KB_OK: known says whether the device could be looked at. */
static enum kb_err begin(struct contact *c, bool *known)
{
	enum kb_err err = files_open(&c->files, &c->monitor, c->dry_run ? FILES_HAVE : FILES_MAKE);

	memset(&c->a, 0, sizeof(c->a));
	if (err == KB_OK)
		files_load(&c->files, &c->a);
	else if (!c->dry_run || err != KB_ENOENT)
		return err;
	c->reached = c->failed = c->unsaved = c->reboot = c->reboot_waits = false;
	c->retry_after_s = c->sleep_s = 0;
	c->told = ACTION_NONE;
	*known = look_at_device(c);
	return KB_OK;
}

enum kb_err cycle_run(struct contact *c)
{
	static struct ddi_poll p;
	bool known;

	TRY(begin(c, &known));
	if (poll_server(c, &p) && known)
		work(c, &p);
	c->reboot = reboot_ask(c);
	files_close(&c->files);
	return KB_OK;
}

enum kb_err cycle_look(struct contact *c)
{
	bool known;

	TRY(begin(c, &known));
	c->reboot = known && reboot_ask(c);
	files_close(&c->files);
	return KB_OK;
}
