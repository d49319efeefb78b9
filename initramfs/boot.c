/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/boot.h"

#include "initramfs/export.h"
#include "initramfs/guard.h"
#include "initramfs/modules.h"
#include "initramfs/plain.h"
#include "initramfs/rescue.h"
#include "initramfs/root.h"
#include "initramfs/settings.h"
#include "initramfs/slot.h"
#include "initramfs/updates.h"
#include "initramfs/verify.h"
#include "lib/log.h"
#include "lib/os.h"

#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#define WATCHDOG_WAIT_MS 500
#define DISK_WAIT_S	 30 /* for one that did not come within timeout= */

void boot_idle(void *b)
{
	wdt_feed(&((struct boot *)b)->wdt);
}

/* Waits in steps that keep the watchdog fed. */
static void wait_s(struct boot *b, unsigned seconds)
{
	for (unsigned i = 0; i < seconds; i++) {
		wdt_feed(&b->wdt);
		os_sleep_ms(1000);
	}
}

static enum kb_err mount_early(void)
{
	static const struct {
		const char *type, *target, *options;
		unsigned long flags;
	} m[] = {
		{ "proc", "/proc", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC },
		{ "sysfs", "/sys", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC },
		{ "devtmpfs", "/dev", "mode=0755", MS_NOSUID },
		{ "tmpfs", "/run", "mode=0755,size=20%", MS_NOSUID | MS_NODEV },
	};

	for (unsigned i = 0; i < sizeof(m) / sizeof(m[0]); i++) {
		enum kb_err err = os_mkdir(m[i].target, 0755);

		if (err == KB_OK)
			err = os_mount(m[i].type, m[i].target, m[i].type, m[i].flags, m[i].options);
		/* Somebody mounted it before us; and without /run a slot can still be booted. */
		if (err != KB_OK && err != KB_EBUSY && strcmp(m[i].target, "/run") != 0) {
			log_err("unable to mount %s: %s", m[i].target, err_text(err));
			return KB_EMOUNT; /* not KB_ENODEV: for no disk was waited */
		}
	}
	os_stdio();
	return os_mkdir(ROOT_DIR, 0755);
}

static unsigned watchdog_s(const struct boot *b)
{
	return b->cmd.watchdog_timeout_s != 0 ? b->cmd.watchdog_timeout_s
					      : b->conf.watchdog_timeout_s;
}

static const char *watchdog_dev(const struct boot *b)
{
	return b->cmd.watchdog[0] != '\0' ? b->cmd.watchdog : b->conf.watchdog;
}

/* The list begins with the watchdog's modules: the loading of all others is covered already. And
 * its hardware may come late. */
static void watch(void *ctx)
{
	struct boot *b = ctx;

	wdt_watch(&b->wdt, watchdog_dev(b), watchdog_s(b));
}

static void load_modules(struct boot *b)
{
	modules_load(MODULES_LIST, b->cmdline, b->conf.command_line, watch, b);
	if (!b->wdt.armed &&
	    wdt_arm(&b->wdt, watchdog_dev(b), watchdog_s(b), WATCHDOG_WAIT_MS) != KB_OK)
		return; /* said there; a device without one boots nevertheless */
}

void boot_hand_over_watchdog(struct boot *b)
{
	if (wdt_hand_over(&b->wdt, watchdog_s(b), b->conf.shutdown_deadline_s) != KB_OK)
		log_warn("watchdog: a hang of the system that is started will not be noticed");
}

static enum kb_err find_devices(struct boot *b)
{
	struct devices_wait wait = {
		.timeout_s = b->cmd.timeout_s != 0 ? b->cmd.timeout_s : b->conf.timeout_s,
		.media = b->cmd.media,
		.idle = boot_idle,
		.ctx = b,
	};
	enum kb_err err = devices_find(&b->dev, &b->probe, &b->conf, &wait);

	if (err != KB_ENODEV)
		return err;
	log_err("without its disk no stick can repair this device; restarting in %u s, if it does "
		"not come",
		DISK_WAIT_S);
	wait.timeout_s = DISK_WAIT_S;
	return devices_find(&b->dev, &b->probe, &b->conf, &wait);
}

static void settle(struct boot *b)
{
	evidence_weigh(&b->evidence, &b->rec.s);
	if (evidence_is_doubtful(&b->evidence, &b->rec.s))
		log_notice(
			"watchdog: it fired after a shutdown that was told: the shutdown hung, or "
			"the driver restarts by it; that counts as clean");
	b->attempt.charge_good =
		reset_counts_good((enum reset_count)b->conf.count, &b->evidence.ev);
	record_settle(&b->rec, &b->evidence.ev, b->attempt.charge_good);
}

static void load_state(struct boot *b)
{
	evidence_gather(&b->evidence, &b->wdt, &b->conf);
	record_load(&b->rec, b->dev.state, b->conf.nslots, devices_mountable(&b->dev, &b->conf),
		    devices_seen(&b->dev, &b->conf));
	settle(b);
	b->attempt.forced = b->cmd.slot;
}

void boot_reload(struct boot *b)
{
	b->attempt.unfit = 0; /* what failed may have been the disk */
	if (record_return(&b->rec, b->dev.state, b->conf.nslots,
			  devices_mountable(&b->dev, &b->conf), devices_seen(&b->dev, &b->conf)))
		settle(b);
}

/* keelboot.slot= is for a person who looks for something: nothing may change under them. */
bool boot_is_forced(const struct boot *b)
{
	return b->cmd.slot >= 0 && b->cmd.slot < (int)b->conf.nslots;
}

bool boot_apply_updates(struct boot *b, enum plan_mode mode)
{
	const struct devices_wait wait = { .idle = boot_idle, .ctx = b };

	if (!updates_apply(b, mode))
		return false;
	/* A slot that was written holds another file system than the one that was found. */
	devices_refresh(&b->dev, &b->probe, &b->conf, &wait);
	return true;
}

/* ---------------------------------------------------------------- what a candidate goes through */

static enum kb_err op_save(void *ctx, struct state *s)
{
	struct boot *b = ctx;

	return record_save(&b->rec, s);
}

static enum kb_err preflight(struct boot *b, int slot, char *reason)
{
	TRY(slot_look(b, slot, reason));
	TRY(verify_manifest(b, slot, reason));
	return slot_has_verity(b, slot, reason);
}

static enum kb_err op_preflight(void *ctx, int slot, char *reason)
{
	enum kb_err err = preflight(ctx, slot, reason);

	if (err != KB_OK)
		passed_note(ctx, slot, reason);
	return err;
}

static enum kb_err op_mount(void *ctx, int slot, char *reason)
{
	enum kb_err err = slot_mount(ctx, slot, reason);

	if (err != KB_OK)
		passed_note(ctx, slot, reason);
	return err;
}

/* Not when a check or a manifest stood against a slot: with the state that would be forgotten, and
 * each boot that says so leads to a last resort. With verify-slot=always none does. Nor for want of
 * a driver: the record is right. */
static bool renew(struct boot *b)
{
	if (boot_is_forced(b) || b->no_driver ||
	    (b->rejected && b->conf.verify_slot != CONF_VERIFY_ALWAYS))
		return false;
	return record_renew(&b->rec, b->conf.nslots, devices_mountable(&b->dev, &b->conf),
			    devices_seen(&b->dev, &b->conf));
}

/* Nothing can be counted: each boot would reject the same slots, and no last resort come. */
static bool op_relents(void *ctx)
{
	const struct boot *b = ctx;
	bool counts = b->rec.health != RECORD_UNWRITABLE && b->rec.health != RECORD_MISSING;

	return b->rejected && !b->lenient && !counts;
}

static enum kb_err attempt(struct boot *b)
{
	static const struct attempt_ops ops = {
		.save = op_save,
		.preflight = op_preflight,
		.mount = op_mount,
		.last_resort_delay = rescue_last_resort,
		.relents = op_relents,
	};
	enum kb_err err;

	b->attempt.disk = b->rec.disk;
	err = attempt_run(&b->attempt, &b->rec.s, &ops, b);
	if (err == KB_ENOCAND && renew(b)) {
		b->attempt.disk = b->rec.disk;
		err = attempt_run(&b->attempt, &b->rec.s, &ops, b);
	}
	if (err != KB_ENOCAND || !op_relents(b))
		return err;
	log_warn("the state cannot be written: slots that were rejected are tried all the same");
	b->lenient = true;
	b->attempt.disk = b->rec.disk;
	return attempt_run(&b->attempt, &b->rec.s, &ops, b);
}

/* A good slot that boots as ever is no event, even where it is counted; and a preferred slot that
 * turned bad when this boot settled has one already. */
static bool is_news(const struct boot *b, const struct state_slot *s)
{
	bool told = b->passed.n == 1 && b->passed.over[0].slot == b->rec.turned_bad;

	return s->st != STATE_GOOD || (b->passed.n > 0 && !told) ||
	       b->attempt.chosen.tier != CHOOSE_NORMAL;
}

static void tell_chosen(const struct boot *b, const struct state_slot *s)
{
	const char *version = s->version[0] != '\0' ? s->version : "version not known";
	char slot = state_slot_letter(b->attempt.chosen.slot);

	if (s->st == STATE_TRIAL)
		log_notice("slot %c: %s, trial, tries left: %u%s", slot, version, s->tries,
			   b->attempt.counted ? "" : " (uncounted)");
	else if (b->attempt.chosen.tier == CHOOSE_RETRY)
		log_notice("slot %c: %s, good, tried again after: %s", slot, version, s->reason);
	else
		log_notice("slot %c: %s, %s", slot, version, state_st_name(s->st));
}

static enum kb_err choose_and_mount(struct boot *b)
{
	uint64_t seq = b->rec.s.seq;
	const struct state_slot *s;

	b->passed = (struct passed){ 0 };
	TRY(attempt(b));
	s = &b->rec.s.slot[b->attempt.chosen.slot];
	passed_explain(b);
	tell_chosen(b, s);
	if (b->rec.s.seq != seq && is_news(b, s))
		passed_record(b);
	return KB_OK;
}

/* The last that can fail: without a note the next boot would take the same slot, for ever. */
static void note_not_entered(struct boot *b)
{
	const struct choose_candidate *c = &b->attempt.chosen;

	log_err("slot %c: its init cannot be started", state_slot_letter(c->slot));
	if (b->attempt.forced == c->slot)
		return;
	choose_failed(&b->rec.s, c, "init cannot be started");
	if (record_save(&b->rec, &b->rec.s) != KB_OK)
		return; /* said there */
	record_history(&b->rec, HISTORY_BOOT, c->slot, "init cannot be started", "not booted");
}

/* ---------------------------------------------------------------- the story */

enum kb_err boot(struct boot *b)
{
	struct root root = { .conf = &b->conf, .cmd = &b->cmd };
	enum kb_err err;

	TRY(mount_early());
	settings_read(b);
	load_modules(b); /* and arms the watchdog: from here on, hanging is rebooting */
	if (!b->cmd.enable && plain_mount(b))
		return plain_enter(b);
	TRY(find_devices(b));
	watch(b);
	load_state(b);
	if (!boot_is_forced(b))
		boot_apply_updates(b, PLAN_AUTOMATIC); /* may fail; the boot may not */
	err = choose_and_mount(b);
	if (err == KB_ENOCAND)
		slot_exhausted(b);
	while (err == KB_ENOCAND && rescue_run(b))
		err = choose_and_mount(b);
	TRY(err);
	shell_end(b);		/* which a rescue may have opened */
	if (b->attempt.counted) /* else what the records mean is not written yet */
		evidence_forget(&b->evidence);
	wdt_decide(&b->wdt, b->conf.handover, b->conf.shutdown_deadline_s);
	export_write(b);
	guard_start(b);
	export_boot(b);
	boot_hand_over_watchdog(b);
	err = root_enter(&root, b->argv, b->envp);
	note_not_entered(b);
	return err;
}

/* How long to wait before the next boot: longer where time, or a person with a stick, may cure it.
 */
static unsigned recover_delay_s(enum kb_err err)
{
	switch (err) {
	case KB_ENODEV: /* from find_devices(), which has waited already */
		return 1;
	case KB_ETIMEDOUT:
	case KB_EMOUNT:
	case KB_ECHECK:
	case KB_ENOENT:
		return 30;
	case KB_OK:
	case KB_ENOCAND: /* rescue has waited */
	case KB_EIO:
	case KB_EINVAL:
	case KB_EFORMAT:
	case KB_EBLANK:
	case KB_ENEWER:
	case KB_ESIG:
	case KB_EDIGEST:
	case KB_ECOMPAT:
	case KB_EDOWNGRADE:
	case KB_EAHEAD:
	case KB_EREJECTED:
	case KB_EAPPLIED:
	case KB_EWAITS:
	case KB_EBUDGET:
	case KB_ENOTARGET:
	case KB_ENOSPC:
	case KB_EBUSY:
	case KB_ESTALE:
	case KB_ECHILD:
	case KB_EEXEC:
	case KB_EPERM:
		return 5;
	}
	return 5;
}

void boot_recover(struct boot *b, enum kb_err err)
{
	unsigned seconds = recover_delay_s(err);

	log_err("unable to boot: %s; restarting in %u s", err_text(err), seconds);
	shell_open(b);
	wait_s(b, seconds);
	shell_await(b);
	os_reboot();
	log_err("the kernel refuses to restart; leaving it to a panic, and to the watchdog");
}
