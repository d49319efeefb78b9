/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/cycle.h"

#include "fleet/polling.h"
#include "fleet/reboot.h"
#include "fleet/standing.h"
#include "fleet/way.h"

#include "lib/log.h"

#include <stdio.h>
#include <string.h>

static bool look_at_device(struct contact *c)
{
	char why[FACTS_TEXT_MAX + 1];

	if (facts_read(&c->facts, &c->monitor, why) && !c->facts.data_elsewhere) {
		standing_renew(c);
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

/* The next start, and contacts that fail, keep to it. */
static void keep_interval(struct contact *c)
{
	if (!polling_is_news((unsigned)c->a.interval, c->sleep_s) || c->dry_run)
		return;
	c->a.interval = c->sleep_s;
	contact_save(c);
}

enum kb_err cycle_run(struct contact *c)
{
	bool known;

	c->looks = false;
	TRY(begin(c, &known));
	c->way->converse(c, known);
	if (known)
		keep_interval(c);
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
