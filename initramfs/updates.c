/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/updates.h"

#include "initramfs/hardware_need.h"
#include "initramfs/oops.h"
#include "initramfs/disks/sources.h"
#include "initramfs/updates_run.h"
#include "initramfs/watchdog.h"
#include "lib/log.h"
#include "lib/os.h"
#include "selector/refused.h"
#include "update/wire/reader_header.h"

#include <string.h>

/* Looks before anything is counted, so that a boot without a bundle there writes nothing. */
static bool holds_bundle(const char *dev)
{
	char raw[READER_HEADER_LEN + 1];
	size_t len;

	return dev[0] != '\0' && os_read_file(dev, raw, sizeof(raw), &len) == KB_OK &&
	       len == READER_HEADER_LEN && reader_header_is((const uint8_t *)raw);
}

/* The state alone says what there is, and whether it could be installed: else each boot would count
 * an apply that ends with "not now". */
static bool has_staged(const struct boot *b, enum plan_mode mode)
{
	const struct state *s = &b->rec.s;
	struct plan_release r = { .sequence = 0 };
	char why[REFUSED_TEXT_MAX + 1];

	if (s->staged.source != STATE_SRC_DATA || b->dev.data[0] == '\0')
		return false;
	if (plan_is_rescue(mode) || !plan_over_budget(s, s->staged.release))
		return true;
	memcpy(r.id, s->staged.release, sizeof(r.id));
	refused_text(why, refused_why(s, &r, mode, 0, KB_EBUDGET), "");
	log_notice("update: the staged update is skipped: %s", why);
	return false;
}

/* True if the source holds anything to look at; data is opened only when the state says that
 * something is staged. */
static bool has_something(const struct boot *b, enum state_source src, enum plan_mode mode)
{
	switch (src) {
	case STATE_SRC_DATA:
		return b->sources & CMDLINE_SOURCE_DATA && has_staged(b, mode);
	case STATE_SRC_RAW:
		return b->sources & CMDLINE_SOURCE_RAW && holds_bundle(b->dev.raw);
	case STATE_SRC_SD:
		return b->sources & CMDLINE_SOURCE_SD && sources_count(&b->dev, src) > 0;
	case STATE_SRC_USB:
		return b->sources & CMDLINE_SOURCE_USB && sources_count(&b->dev, src) > 0;
	case STATE_SRC_COMMAND:
	case STATE_SRC_COUNT:
		break;
	}
	return false;
}

static bool is_removable(enum state_source src)
{
	return src == STATE_SRC_SD || src == STATE_SRC_USB;
}

/* What mounts it cannot load anything. */
static void load_file_systems(struct boot *b, enum state_source src)
{
	if (src == STATE_SRC_DATA)
		hardware_need_data(b);
	for (unsigned i = 0; i < b->dev.nmedia; i++) {
		if (is_removable(src) && b->dev.medium_is_sd[i] == (src == STATE_SRC_SD))
			hardware_need_mount(b, b->dev.media[i]);
	}
}

/* A staged copy on which apply crashes or stalls is spent like one that cannot be read; what is
 * staged after it is another copy, and not to blame. */
static void spend_staged(struct record *r)
{
	bool dropped;

	plan_staged_failed(&r->s, &dropped);
	if (!dropped)
		return;
	plan_apply_forget(&r->s, STATE_SRC_DATA);
	log_warn("update: the staged copy is dropped: it crashed apply %d times",
		 STATE_FAILS_LIMIT);
	record_history(r, HISTORY_REFUSED, STATE_NONE, "apply crashed or stalled on it", "data");
}

/* A slot holds something to try that it did not hold. */
static bool has_installed(const struct state_slot *was, const struct state *s)
{
	for (unsigned i = 0; i < s->nslots; i++) {
		const struct state_slot *t = &s->slot[i];

		if (t->st == STATE_TRIAL &&
		    (was[i].st != STATE_TRIAL || was[i].tries != t->tries ||
		     memcmp(was[i].release, t->release, sizeof(t->release)) != 0))
			return true;
	}
	return false;
}

static void log_skipped(const struct state *s, enum state_source src)
{
	char why[REFUSED_SOURCE_MAX + 1];

	log_warn("update: %s; to end that: %s", refused_source(s, src, why),
		 refused_source_remedy(s, src));
}

/* The medium that took apply down was taken out: the next one is not to blame. */
static void forget_what_is_gone(struct boot *b, enum state_source src)
{
	struct state *s = &b->rec.s;

	if (!is_removable(src) || s->apply[src].count == 0 || sources_count(&b->dev, src) > 0)
		return;
	log_notice("update: source %s is empty; its failures are forgotten",
		   state_source_name(src));
	plan_apply_forget(s, src);
}

/*
 * Apply crashed, stalled or took too long: that costs this boot its time, and would cost each one
 * that as long as the medium is there. So it counts like one that took the device down; but not in
 * a rescue, which has no other boot to hold up, and no other way to a good medium.
 */
static void count_death(struct record *r, enum state_source src, struct state_apply before,
			enum plan_mode mode)
{
	if (!plan_is_rescue(mode)) {
		plan_apply_died(&r->s, src);
		log_warn("update: source %s: apply crashed or was stopped, %u of %d times in a row",
			 state_source_name(src), r->s.apply[src].count, STATE_APPLY_LIMIT);
	} else {
		r->s.apply[src] = before;
		r->s.apply[src].open = false;
		if (record_save(r, &r->s) != KB_OK)
			log_warn("update: the cleared count could not be saved");
	}
	if (src == STATE_SRC_DATA)
		spend_staged(r);
}

/*
 * One source: counted durably before its media are opened, so that one that takes the kernel down,
 * or apply, is skipped after STATE_APPLY_LIMIT boots whatever the hardware says about the cause.
 */
static enum updates_end run_counted(struct boot *b, enum state_source src, enum plan_mode mode)
{
	struct record *r = &b->rec;
	struct state_apply before = r->s.apply[src];
	static struct state_slot was[STATE_SLOTS_MAX];
	enum updates_end end;
	enum kb_err err;

	if (!plan_apply_count(&r->s, src)) {
		log_skipped(&r->s, src);
		return UPDATES_NOTHING;
	}
	err = record_save(r, &r->s);
	if (err != KB_OK) {
		log_err("update: skipped: the count of attempts cannot be saved: %s",
			err_text(err));
		r->s.apply[src] = before;
		/* The count that failed may be there: it must not stand for an apply that never
		 * was. */
		(void)!record_save(r, &r->s);
		return UPDATES_FAILED;
	}
	memcpy(was, r->s.slot, sizeof(was));
	oops_panics(b);
	end = updates_run_apply(b, src, mode);
	oops_as_before();
	if (end == UPDATES_UNSTOPPABLE) {
		/* It may still write. Only a reset ends that; the count bounds how often. */
		log_err("update: apply cannot be stopped; restarting");
		os_reboot();
	}
	if (record_reload(r) != KB_OK) {
		log_err("update: unable to read the state again; the boot continues with the old one, and does not write it");
	} else if (end == UPDATES_INSTALLED && !has_installed(was, &r->s)) {
		log_err("update: apply reported an install, but the state has no trial");
		end = UPDATES_CRASHED;
	}
	if (end == UPDATES_CRASHED)
		count_death(r, src, before, mode);
	else
		plan_apply_forget(&r->s, src);
	return end;
}

/* True: a slot was written. */
static bool try_sources(struct boot *b, enum plan_mode mode)
{
	static const enum state_source order[] = { STATE_SRC_DATA, STATE_SRC_RAW, STATE_SRC_SD,
						   STATE_SRC_USB };
	enum updates_end end;

	if (b->rec.health == RECORD_MISSING || b->rec.health == RECORD_UNWRITABLE)
		return false;
	if (b->dev.equal[0] != '\0') {
		log_warn(
			"update: skipped: %s and %s could both be this device's disk; name the right one: [system] disk= in system.conf",
			b->dev.disk, b->dev.equal);
		return false;
	}
	for (unsigned i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		if (!has_something(b, order[i], mode)) {
			forget_what_is_gone(b, order[i]);
			continue;
		}
		log_info("update: looking at source %s", state_source_name(order[i]));
		load_file_systems(b, order[i]);
		if (!pairs_secure(b, mode))
			return false;
		end = run_counted(b, order[i], mode);
		if (end == UPDATES_INSTALLED || end == UPDATES_REFUSED)
			return end == UPDATES_INSTALLED;
	}
	return false;
}

bool updates_apply(struct boot *b, enum plan_mode mode)
{
	const struct devices_wait wait = { .idle = watchdog_idle, .ctx = b };

	if (!try_sources(b, mode))
		return false;
	/* It holds another file system than the one that was found. */
	devices_refresh(&b->dev, &b->probe, &b->conf, &wait);
	return true;
}
