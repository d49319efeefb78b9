/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/fleet.h"

#include "channel/utc.h"
#include "fleet/cycle.h"
#include "fleet/due.h"
#include "fleet/feed.h"
#include "fleet/idle.h"
#include "fleet/limits.h"
#include "fleet/metrics.h"
#include "fleet/outcome.h"
#include "fleet/permit.h"
#include "fleet/pin.h"
#include "fleet/polling.h"
#include "fleet/reboot.h"
#include "fleet/reload.h"
#include "fleet/untold.h"
#include "lib/bytes.h"
#include "lib/log.h"
#include "lib/os.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOOK_S 30 /* between two looks whether a reboot is permitted now */

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_NOTHING = 2, EXIT_REBOOT = 4, EXIT_BUSY = 7 };

/* Zero where nothing is kept. waiting: gets what is not sent yet, and is to be released; or NULL.
 */
static bool load_records(struct contact *c, json_object **waiting)
{
	enum kb_err err = files_open(&c->files, &c->monitor, FILES_LOOK);

	memset(&c->a, 0, sizeof(c->a));
	if (err == KB_OK)
		files_load(&c->files, &c->a);
	if (c->conf->fleet_channel[0] != '\0')
		feed_load(c);
	if (waiting != NULL)
		*waiting = untold_load(c);
	files_close(&c->files);
	return err == KB_OK || err == KB_ENOENT;
}

static enum kb_err ask_once(struct contact *c)
{
	enum kb_err err;

	do
		err = cycle_run(c);
	while (err == KB_OK && c->goes_on);
	return err;
}

/* Only the device is looked at: a reboot does not wait for the server. */
static enum kb_err ask_when_due(struct contact *c)
{
	unsigned wait;

	load_records(c, NULL);
	wait = due_wait(c);
	if (wait == 0)
		return ask_once(c);
	contact_print("The server is asked in %u s, or by keelboot-fleet once.", wait);
	return cycle_look(c);
}

int fleet_once(struct contact *c)
{
	enum kb_err err;

	c->by_hand = !c->by_timer;
	err = c->by_timer ? ask_when_due(c) : ask_once(c);

	if (err != KB_OK)
		return err == KB_EBUSY ? EXIT_BUSY : EXIT_FAILED;
	if (c->reboot)
		contact_print("A reboot installs %s.", c->a.version);
	reboot_begin(c);
	/* Also without the server, which may be away for long. */
	return c->reboot ? EXIT_REBOOT : c->failed ? EXIT_FAILED : EXIT_OK;
}

/* ---------------------------------------------------------------- the daemon */

/* SIGHUP ends it where this process has rights; another one is ended by the one that has them. */
static void heed_reload(int wait_ms)
{
	struct pollfd hup = { .fd = reload_fd(), .events = POLLIN };

	if (poll(&hup, 1, wait_ms) > 0 && reload_take())
		reload_begin();
}

static void sleep_for(unsigned seconds)
{
	uint64_t now = os_now_ms(), end = now + seconds * 1000ull;

	for (; now < end; now = os_now_ms()) {
		idle_begin();
		heed_reload((int)(end - now));
	}
}

/* A reboot that waits for permission does not wait for the server. */
static void wait_for(struct contact *c, unsigned seconds)
{
	contact_print("Next contact in %u s.", seconds);
	while (seconds > 0) {
		unsigned part = c->reboot_waits && seconds > LOOK_S ? LOOK_S : seconds;

		seconds -= part;
		sleep_for(part);
		if (c->reboot_waits && seconds > 0 && cycle_look(c) == KB_OK)
			reboot_begin(c);
	}
}

/* What the server wanted before this process began; of a channel, nobody but system.conf says it.
 */
static unsigned kept_interval(struct contact *c)
{
	load_records(c, NULL);
	return c->conf->fleet_channel[0] == '\0' ? (unsigned)c->a.interval : 0;
}

/* A signal ends it wherever it is: what a power cut leaves, any end may leave. */
void fleet_run(struct contact *c, bool now)
{
	const char *id = c->client.id;
	unsigned kept = kept_interval(c), said = 0;
	struct polling p = { .sleep_s = polling_interval(c->conf->fleet_poll_s, kept, 0),
			     .first = !now,
			     .n = os_now_ms(),
			     .seed = bytes_hash(BYTES_HASH_START, id, strlen(id)) };

	if (!now)
		wait_for(c, polling_first(&p));
	for (;;) {
		bool ran = cycle_run(c) == KB_OK;

		p.failures = ran && !c->failed ? 0 : p.failures + 1;
		said = ran ? c->sleep_s : 0;
		kept = said > 0 ? said : kept;
		p.sleep_s = polling_interval(c->conf->fleet_poll_s, kept, said);
		p.retry_after_s = ran ? c->retry_after_s : 0;
		p.n++;
		if (ran)
			reboot_begin(c);
		if (ran && c->goes_on) {
			heed_reload(0);
			continue;
		}
		wait_for(c, polling_wait(&p));
		p.first = false;
	}
}

/* ---------------------------------------------------------------- status */

static void print_permit(const struct conf *conf)
{
	char text[PERMIT_WHY_MAX + 1];

	permit_describe(text, sizeof(text), conf);
	contact_print("  %s", text);
}

static void print_action(const struct contact *c)
{
	const struct action *a = &c->a;

	contact_print("Action %s: %s", a->id, action_phase_name(a->phase));
	if (a->why[0] != '\0')
		contact_print("  %s", a->why);
	if (a->version[0] != '\0')
		contact_print("  version %s, sequence %" PRIu64, a->version, a->sequence);
	if (a->phase == ACTION_STAGED)
		print_permit(c->conf);
	if (reboot_is_held(c))
		contact_print(
			"  no reboot is asked for until a contact finds the server's maintenance window "
			"open; the server does not say when");
	if (c->conf->fleet_channel[0] == '\0')
		contact_print("  %s", action_owes(a) ? "the server does not know that yet"
						     : "the server knows that");
}

static void print_feed(const struct feed_record *r)
{
	char time[UTC_LEN + 1];

	if (r->name[0] == '\0') {
		contact_print("No file of the channel was here yet.");
		return;
	}
	utc_write(time, r->expires);
	contact_print("Channel %s: sequence %" PRIu64 ", expires %s", r->name, r->sequence, time);
	if (r->why[0] != '\0')
		contact_print("  nothing is taken: %s", r->why);
}

/* The day begins by the id, which nothing else of this verb wants. */
static void print_day(const struct contact *c)
{
	char id[URL_ID_MAX + 1] = "";
	struct limits l = limits_now(c->conf, id);
	struct action a = c->a;

	if (l.daily == 0)
		return;
	if (client_read_id(id, c->conf) == KB_OK) {
		l = limits_now(c->conf, id);
		limits_begin_day(&l, &a);
	}
	contact_print("Today: %" PRIu64 " of %" PRIu64 " bytes (daily-bytes=) are used up.",
		      a.day_bytes, l.daily);
}

static bool follows(const struct contact *c)
{
	return c->conf->fleet_channel[0] != '\0' || c->conf->fleet_server[0] != '\0';
}

static void print_status(const struct contact *c, json_object *waiting)
{
	bool channel = c->conf->fleet_channel[0] != '\0';
	const struct outcome o = outcome_load(c);

	if (channel)
		print_feed(&c->feed);
	if (c->a.phase != ACTION_NONE)
		print_action(c);
	else if (!channel && c->conf->fleet_server[0] == '\0')
		contact_print("No server: set [fleet] server= or channel= in system.conf.");
	else if (!channel)
		contact_print("The server has offered nothing yet, or took it back. Whether it "
			      "answers at all says: keelboot-fleet once --dry-run");
	if (pin_is_refused(c))
		contact_print("The token refused the PIN of private-key=. It is not tried again "
			      "until the file of the PIN or private-key= changes.");
	if (follows(c))
		outcome_print(&o);
	untold_print(c, waiting);
	print_day(c);
}

static void print_status_json(const struct contact *c, json_object *waiting)
{
	const struct outcome out = outcome_load(c);
	json_object *o = action_json(&c->a);

	if (c->conf->fleet_channel[0] != '\0')
		json_object_object_add(o, "channel", feed_record_json(&c->feed));
	json_object_object_add(o, "contact", outcome_json(&out));
	json_object_object_add(o, "pin_refused", json_object_new_boolean(pin_is_refused(c)));
	json_object_object_add(o, "waiting", json_object_get(waiting));
	contact_print("%s", json_object_to_json_string_ext(
				    o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}

static bool shows_nothing(const struct contact *c, json_object *waiting)
{
	json_object *refused, *ends;

	return c->a.phase == ACTION_NONE && c->feed.name[0] == '\0' && !pin_is_refused(c) &&
	       strict_object(waiting, "refused", &refused) != KB_OK &&
	       (strict_list(waiting, "ends", &ends) != KB_OK ||
		json_object_array_length(ends) == 0);
}

int fleet_status(struct contact *c, bool json)
{
	json_object *waiting;
	bool nothing;

	if (!load_records(c, &waiting))
		return EXIT_FAILED;
	if (json)
		print_status_json(c, waiting);
	else
		print_status(c, waiting);
	nothing = shows_nothing(c, waiting);
	json_object_put(waiting);
	return nothing ? EXIT_NOTHING : EXIT_OK;
}

int fleet_metrics(struct contact *c)
{
	char why[FACTS_TEXT_MAX + 1];
	struct outcome o;

	if (!load_records(c, NULL))
		return EXIT_FAILED;
	if (!facts_read(&c->facts, &c->monitor, why)) {
		log_err("no metrics: %s", why);
		return EXIT_FAILED;
	}
	o = outcome_load(c);
	metrics_print(&c->facts, &c->a, &o);
	return fflush(stdout) == 0 ? EXIT_OK : EXIT_FAILED;
}
