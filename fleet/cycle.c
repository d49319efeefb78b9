/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/cycle.h"

#include "fleet/boot_id.h"
#include "fleet/due.h"
#include "fleet/limits.h"
#include "fleet/outcome.h"
#include "fleet/pin.h"
#include "fleet/polling.h"
#include "fleet/reboot.h"
#include "fleet/refusal.h"
#include "fleet/standing.h"
#include "fleet/untold.h"
#include "fleet/way.h"

#include "lib/log.h"
#include "lib/os.h"

#include <stdio.h>
#include <string.h>

/* false: why says what is amiss. */
static bool look_at_device(struct contact *c, char why[FACTS_TEXT_MAX + 1])
{
	if (!facts_read(&c->facts, &c->monitor, why))
		return false;
	if (c->facts.data_elsewhere)
		snprintf(why, FACTS_TEXT_MAX + 1, "the data partition is not mounted at %s",
			 c->conf->data_mount);
	return !c->facts.data_elsewhere;
}

/* A folder is made on the data partition only. Who has none reads the facts once more, behind the
 * lock: what they say may be older than what another run has done. */
static enum kb_err open_folder(struct contact *c)
{
	char why[FACTS_TEXT_MAX + 1];
	enum kb_err err = files_open(&c->files, &c->monitor, FILES_HAVE);

	if (err != KB_ENOENT || c->dry_run || !look_at_device(c, why))
		return err;
	return files_open(&c->files, &c->monitor, FILES_MAKE);
}

static void load_record(struct contact *c)
{
	memset(&c->a, 0, sizeof(c->a));
	if (c->files.dir >= 0)
		files_load(&c->files, &c->a);
}

/* KB_OK: known says whether the device could be looked at. Without that, what lies below the mount
 * point is no record of it, and nothing is written there. */
static enum kb_err begin(struct contact *c, bool *known)
{
	char why[FACTS_TEXT_MAX + 1];
	enum kb_err err = open_folder(c);

	if (err != KB_OK && err != KB_ENOENT)
		return err;
	c->unsaved = c->goes_on = c->reboot = false;
	c->reached = c->reached_s = 0;
	c->wrong[0] = c->asked[0] = '\0';
	c->retry_after_s = c->sleep_s = 0;
	c->told = ACTION_NONE;
	c->client.trouble[0] = '\0';
	c->client.trouble_status = 0;
	c->answered = false;
	c->way = c->conf->fleet_channel[0] != '\0' ? &way_channel : &way_ddi;
	*known = look_at_device(c, why);
	c->failed = !*known;
	/* What waited before waits still, for all that is known. */
	c->reboot_waits = c->reboot_waits && !*known;
	if (!*known) {
		log_err("nothing is fetched or answered: %s", why);
		snprintf(c->wrong, sizeof(c->wrong), "%s", why);
		files_close(&c->files);
	}
	load_record(c);
	pin_recall(c);
	if (*known) {
		if (standing_settle(c))
			contact_save(c);
		standing_renew(c);
	}
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

/* A device without a clock counts its days by running, also in contacts that fetch nothing. */
static void count_run(struct contact *c)
{
	const struct limits l = limits_now(c->conf, c->client.id);

	if (l.daily > 0 && !c->dry_run && limits_count_run(&l, &c->a))
		contact_save(c);
}

/* Once in each boot; this contact says it already. */
static void count_boot(struct contact *c)
{
	char boot[ACTION_BOOT_LEN + 1];

	if (!boot_id_read(boot) || strcmp(c->a.device_boot, boot) == 0)
		return;
	c->a.device_boots++;
	memcpy(c->a.device_boot, boot, sizeof(boot));
	c->uncounted = true;
}

/* What the record says of that is of a boot before, or of a clock that was not set yet. */
static bool is_reached_news(const struct contact *c)
{
	uint64_t uptime = os_now_ms() / 1000;

	return c->reached_s > uptime && c->a.reached < c->reached_s - uptime;
}

/* What is not written now, as on a full disk, the next contact counts; no bundle gives way to it.
 */
static void keep_count(struct contact *c)
{
	if ((c->uncounted && !c->failed) || is_reached_news(c))
		(void)contact_note(c);
	c->uncounted = false;
}

/* Whoever watches the device hears of that, too; not of another run, which has its own contacts. */
static void note_not_begun(struct contact *c, enum kb_err err)
{
	if (err == KB_EBUSY)
		return;
	c->failed = true;
	c->reached = c->reached_s = 0;
	c->asked[0] = '\0';
	snprintf(c->wrong, sizeof(c->wrong), "the folder of its records cannot be opened: %s",
		 err_text(err));
	outcome_note(c);
}

enum kb_err cycle_run(struct contact *c)
{
	enum kb_err err;
	bool known;

	c->looks = false;
	err = begin(c, &known);
	if (err != KB_OK) {
		note_not_begun(c, err);
		return err;
	}
	if (known) {
		count_boot(c);
		count_run(c);
	}
	c->way->converse(c, known);
	pin_note(c, known);
	memcpy(c->asked, c->client.trouble, sizeof(c->asked));
	if (known) {
		keep_interval(c);
		refusal_note(c);
		untold_note(c);
	}
	/* Who is to wait comes again at another start, whose time is noted. */
	c->goes_on = c->goes_on && c->retry_after_s == 0;
	if (known && c->by_timer && !c->goes_on)
		due_note(c);
	c->reboot = reboot_ask(c);
	keep_count(c);
	outcome_note(c);
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
