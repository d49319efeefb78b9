/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/rescue.h"

#include "initramfs/boot_data.h"
#include "initramfs/disks/sources.h"
#include "initramfs/root.h"
#include "initramfs/updates.h"
#include "initramfs/watchdog.h"
#include "initramfs/settings.h"
#include "initramfs/hardware.h"
#include "initramfs/load_state.h"
#include "lib/log.h"
#include "lib/os.h"

#include <stdio.h>
#include <string.h>

#define ROUND_S		    10 /* the first; each next one is twice as long */
#define REPORT_MS	    30000
#define STEP_MS		    500
#define LAST_RESORT_DELAY_S 5 /* doubled with each last resort in a row, up to: */
#define LAST_RESORT_MAX_S   600
#define HOPELESS_S	    60 /* where no medium can help, and only a restart may */

static unsigned removable(const struct boot *b)
{
	return b->sources & (CMDLINE_SOURCE_USB | CMDLINE_SOURCE_SD);
}

/* Why no medium could help, or NULL. */
static const char *hopeless(const struct boot *b)
{
	if (b->rec.health == RECORD_MISSING)
		return "no update can be installed: no usable state partition (to make one: keelboot state init)";
	if (b->rec.health == RECORD_UNWRITABLE)
		return "no update can be installed: the state cannot be written (the disk is failing or write-protected)";
	if (removable(b) == 0)
		return "no medium may be read: [source.media] enabled= or keelboot.sources= excludes all media";
	return NULL;
}

static const char *media_name(const struct boot *b)
{
	switch (removable(b)) {
	case CMDLINE_SOURCE_USB:
		return "a USB stick";
	case CMDLINE_SOURCE_SD:
		return "an SD card";
	default:
		return "a USB stick or an SD card";
	}
}

/*
 * What is waited for, and how long: STATE_NONE for a restart, else for this slot as the last
 * resort. On the console whatever `quiet` says: the person who stands before it needs this line.
 */
static void report_wait(const struct boot *b, int slot, uint64_t end_ms)
{
	uint64_t now = os_now_ms();
	unsigned left = end_ms > now ? (unsigned)((end_ms - now + 999) / 1000) : 0;
	const char *why = hopeless(b);
	char end[64];

	if (slot == STATE_NONE)
		snprintf(end, sizeof(end), "restarting in %u s", left);
	else
		snprintf(end, sizeof(end), "slot %c is tried as a last resort in %u s",
			 state_slot_letter(slot), left);
	if (b->rescue.gone)
		log_err("rescue: waiting for %s, which disappeared; %s", b->dev.disk, end);
	else if (why != NULL)
		log_err("rescue: %s; %s", why, end);
	else
		log_err("rescue: waiting for %s with a good bundle in its folder keelboot/; %s",
			media_name(b), end);
}

/* ---------------------------------------------------------------- what is plugged in */

struct media {
	unsigned n;
	char dev[DEVICES_MEDIA_MAX][DEVICES_NAME];
};

static void remember_media(struct media *m, const struct devices *d)
{
	m->n = d->nmedia;
	memcpy(m->dev, d->media, sizeof(m->dev));
}

static bool has_new(const struct media *m, const struct devices *d)
{
	for (unsigned i = 0; i < d->nmedia; i++) {
		bool known = false;

		for (unsigned k = 0; k < m->n && !known; k++)
			known = strcmp(m->dev[k], d->media[i]) == 0;
		if (!known)
			return true;
	}
	return false;
}

enum came { CAME_NOTHING, CAME_MEDIUM, CAME_DISK, CAME_DRIVER };

/* What has come since, when no prober is at work. */
static enum came look_around(struct boot *b, struct media *known)
{
	enum came came = CAME_NOTHING;

	if (devices_returned(&b->dev, &b->probe, &b->conf, &b->rescue.gone))
		came = CAME_DISK;
	sources_take(&b->dev, &b->probe, removable(b));
	if (came == CAME_NOTHING && has_new(known, &b->dev))
		came = CAME_MEDIUM;
	remember_media(known, &b->dev);
	return came;
}

/* Its init took longer than anybody waits for it, and ended well. */
static bool driver_came(struct boot *b)
{
	if (b->rescue.lacks[0] == '\0' || root_without_driver(&b->root, b->rescue.lacks) != NULL)
		return false;
	log_notice("rescue: %s has come late", b->rescue.lacks);
	b->rescue.lacks[0] = '\0';
	return true;
}

/* Waits until end_ms, or until a medium or the device's own disk has come and its probers are done,
 * or a slot's file system. goal_ms: when all this ends, as the console says. */
static enum came await_medium(struct boot *b, uint64_t end_ms, int slot, uint64_t goal_ms)
{
	static struct media known;
	uint64_t reported = os_now_ms();
	enum came came = CAME_NOTHING;
	bool gone = b->rescue.gone;

	remember_media(&known, &b->dev);
	probe_start(&b->probe);
	while (came == CAME_NOTHING && os_now_ms() < end_ms) {
		watchdog_feed(b);
		if (probe_step(&b->probe, STEP_MS) == KB_OK)
			log_debug("rescue: a disk or medium has changed");
		if (probe_pending(&b->probe) == 0)
			came = look_around(b, &known);
		if (came == CAME_NOTHING && driver_came(b))
			came = CAME_DRIVER;
		if (came == CAME_NOTHING &&
		    (os_now_ms() - reported >= REPORT_MS || b->rescue.gone != gone)) {
			report_wait(b, slot, goal_ms);
			reported = os_now_ms();
		}
		gone = b->rescue.gone;
	}
	probe_stop(&b->probe);
	return came;
}

static void take_disk_back(struct boot *b)
{
	log_notice("rescue: the disk is back, as %s", b->dev.disk);
	load_state_again(b);
}

/* ---------------------------------------------------------------- nothing mounts */

static bool install_from_sources(struct boot *b, enum plan_mode mode)
{
	return hopeless(b) == NULL && updates_apply(b, mode);
}

static void begin_rescue(struct boot *b)
{
	unsigned wait_s = b->conf.rescue_wait_s;

	if (hopeless(b) != NULL && wait_s > HOPELESS_S)
		wait_s = HOPELESS_S;
	b->rescue.begun = true;
	b->rescue.round_s = ROUND_S;
	b->rescue.end_ms = os_now_ms() + wait_s * UINT64_C(1000);
	log_err("rescue: no slot can be booted");
	hardware_load_all(b, "no slot can be booted");
	shell_open(b);
}

/* With its disk the device is what it was: there is no rescue, as after a restart. */
static void look_as_ever(struct boot *b)
{
	if (!settings_is_forced(b) && updates_apply(b, PLAN_AUTOMATIC))
		log_notice("rescue: an update was installed");
}

/* One round; true if something was installed in it, or the disk is back, or a driver has come. */
static bool one_round(struct boot *b)
{
	enum came came;
	uint64_t end = os_now_ms() + b->rescue.round_s * UINT64_C(1000);

	if (end > b->rescue.end_ms)
		end = b->rescue.end_ms;
	report_wait(b, STATE_NONE, b->rescue.end_ms);
	while ((came = await_medium(b, end, STATE_NONE, b->rescue.end_ms)) != CAME_NOTHING) {
		if (came == CAME_DISK) {
			take_disk_back(b);
			look_as_ever(b);
			return true;
		}
		if (came == CAME_DRIVER)
			return true;
		log_notice("rescue: a medium has appeared");
		if (install_from_sources(b, PLAN_RESCUE))
			return true;
	}
	b->rescue.round_s *= 2;
	/* What could not be read may be readable now; without a medium there is nothing to look at
	 * again. */
	return b->dev.nmedia > 0 && os_now_ms() < b->rescue.end_ms &&
	       install_from_sources(b, PLAN_RESCUE);
}

bool rescue_run(struct boot *b)
{
	if (!b->rescue.begun) {
		begin_rescue(b);
		if (install_from_sources(b, PLAN_RESCUE))
			return true;
	}
	while (os_now_ms() < b->rescue.end_ms) {
		if (one_round(b))
			return true;
	}
	return false;
}

/* ---------------------------------------------------------------- the last resort */

void rescue_last_resort(void *boot, int slot)
{
	struct boot *b = boot;
	unsigned seconds = LAST_RESORT_DELAY_S;
	enum came came;
	uint64_t end;

	for (unsigned i = 0; i < b->rec.s.lr_count && seconds < LAST_RESORT_MAX_S; i++)
		seconds *= 2;
	if (seconds > LAST_RESORT_MAX_S)
		seconds = LAST_RESORT_MAX_S;
	log_err("rescue: no slot can be trusted");
	end = os_now_ms() + seconds * UINT64_C(1000);
	report_wait(b, slot, end);
	while ((came = await_medium(b, end, slot, end)) != CAME_NOTHING) {
		if (came == CAME_DISK) {
			take_disk_back(b);
			continue;
		}
		if (came == CAME_DRIVER) /* the next boot has it: a restart might come each time */
			continue;
		log_notice("rescue: a medium has appeared");
		if (!install_from_sources(b, PLAN_LAST_RESORT))
			continue;
		log_notice("rescue: restarting into what was installed");
		os_reboot();
		return;
	}
}
