/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/cycle.h"

#include "fleet/judge.h"
#include "fleet/reboot.h"
#include "fleet/way.h"
#include "update/wire/partial_form.h"

#include "lib/log.h"

#include <stdio.h>
#include <string.h>

/* A boot found that a slot had changed since then: it is fetched anew, once. */
static bool is_fetched_anew(struct contact *c, const char *reason)
{
	if (c->a.parts != ACTION_PARTS || c->a.anew > 0 ||
	    strstr(reason, PARTIAL_FORM_AGAIN) == NULL)
		return false;
	c->a.anew = 1;
	c->a.parts = ACTION_WHOLE;
	c->a.durable = 0;
	c->a.etag[0] = '\0';
	c->a.reported = ACTION_SEEN;
	return true;
}

/* Neither staged nor in a slot: a boot refused it, or a person did something else. */
static enum action_phase explain_loss(struct contact *c, char why[ACTION_WHY_MAX + 1])
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
	return is_fetched_anew(c, reason) ? ACTION_SEEN : ACTION_FAILED;
}

static void judge_action(struct contact *c)
{
	char why[ACTION_WHY_MAX + 1];
	enum action_phase phase;

	if (c->a.phase != ACTION_STAGED && c->a.phase != ACTION_TRIAL)
		return;
	phase = judge_release(&c->facts, c->a.release, why);
	if (phase == ACTION_NONE)
		phase = explain_loss(c, why);
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

/* KB_OK: known says whether the device could be looked at. */
static enum kb_err begin(struct contact *c, bool *known)
{
	enum kb_err err = files_open(&c->files, &c->monitor, c->dry_run ? FILES_HAVE : FILES_MAKE);

	memset(&c->a, 0, sizeof(c->a));
	if (err == KB_OK)
		files_load(&c->files, &c->a);
	else if (!c->dry_run || err != KB_ENOENT)
		return err;
	c->failed = c->unsaved = c->reboot = c->reboot_waits = false;
	c->retry_after_s = c->sleep_s = 0;
	c->told = ACTION_NONE;
	c->way = c->conf->fleet_channel[0] != '\0' ? &way_channel : &way_ddi;
	*known = look_at_device(c);
	return KB_OK;
}

enum kb_err cycle_run(struct contact *c)
{
	bool known;

	c->looks = false;
	TRY(begin(c, &known));
	c->way->converse(c, known);
	c->reboot = reboot_ask(c);
	files_close(&c->files);
	return KB_OK;
}

enum kb_err cycle_look(struct contact *c)
{
	bool known;

	c->looks = true;
	TRY(begin(c, &known));
	c->reboot = known && reboot_ask(c);
	files_close(&c->files);
	return KB_OK;
}
