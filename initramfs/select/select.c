/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/select/select.h"

#include "initramfs/boot.h"
#include "initramfs/candidate.h"
#include "initramfs/export.h"
#include "initramfs/find.h"
#include "initramfs/guard.h"
#include "initramfs/load_state.h"
#include "initramfs/measure.h"
#include "initramfs/overlay/overlay.h"
#include "initramfs/root_overlay.h"
#include "initramfs/select/drivers.h"
#include "initramfs/select/handout.h"
#include "initramfs/select/unlock.h"
#include "initramfs/settings.h"
#include "initramfs/updates.h"
#include "initramfs/watchdog.h"
#include "lib/log.h"
#include "lib/os.h"
#include "lib/os_select.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define LOCK_FILE   EXPORT_DIR "/select.lock"
/* The choice has failed in this boot, and its prompt came. */
#define FAILED_FILE EXPORT_DIR "/failed"
/* The slot that was handed out could not be mounted, and has paid for it. */
#define PAID_FILE   EXPORT_DIR "/not-entered"

/* ---------------------------------------------------------------- when nothing is chosen */

/* There is a root that the distribution would boot without us. */
static bool has_other_root(const struct boot *b)
{
	return b->cmd.root[0] != '\0' && strcmp(b->cmd.root, "keelboot") != 0;
}

/* Nobody checks that one. */
static bool may_step_aside(const struct boot *b)
{
	return !b->conf.required && b->conf.verify_slot != CONF_VERIFY_ALWAYS && has_other_root(b);
}

/* Whoever goes on without us feeds no watchdog. */
static void stop_watchdog(struct boot *b)
{
	watchdog_arm(b);
	wdt_stop(&b->wdt);
}

static enum select_end fail_boot(struct boot *b, enum kb_err err)
{
	if (b->conf.prompt && measure_none(b, "a prompt") == KB_OK) {
		log_err("unable to boot: %s; [initramfs] prompt=yes: no restart", err_text(err));
		stop_watchdog(b);
	} else {
		boot_recover(b, err);
	}
	return SELECT_FAILED;
}

/* armed: the watchdog may be. */
static enum select_end step_aside(struct boot *b, const char *why, bool armed)
{
	enum kb_err err = measure_none(b, why);

	if (err != KB_OK)
		return fail_boot(b, err);
	if (armed)
		stop_watchdog(b);
	log_warn("%s: this boot goes on without Keelboot%s%s", why,
		 has_other_root(b) ? ", with root=" : "", has_other_root(b) ? b->cmd.root : "");
	if (os_write_file(ASIDE_FILE, why, strlen(why)) != KB_OK)
		log_warn("unable to write " ASIDE_FILE ": %m");
	return SELECT_ASIDE;
}

/* ---------------------------------------------------------------- the calls */

enum select_end select_arm(struct boot *b)
{
	settings_peek(b);
	if (!b->cmd.enable || (!b->configured && may_step_aside(b)))
		return SELECT_ASIDE;
	unlock_begin();
	drivers_load_watchdog(b->conf.watchdog, b->cmdline);
	watchdog_arm(b);
	unlock_leave(b);
	return SELECT_DONE;
}

/* The overlay is made by a program of the slot, which starts the real init. */
static void start_overlay(struct boot *b)
{
	if (os_executable_in(ROOT_DIR, OVERLAY_PROGRAM))
		snprintf(b->mounted.init, sizeof(b->mounted.init), "%s", OVERLAY_PROGRAM);
	else
		log_warn("root-overlay=: the slot has no " OVERLAY_PROGRAM
			 "; its root is read-only");
}

/* A journal that is not empty, or a wrong word in rootfstype= or rootflags=: the unit that the
 * generator of systemd wrote before would not mount it. */
static enum kb_err note_mount(const struct boot *b)
{
	bool known = strcmp(b->mounted.options, b->root.options) == 0 &&
		     (b->root.fstype[0] == '\0' || strcmp(b->mounted.fstype, b->root.fstype) == 0);

	if (known)
		return KB_OK;
	log_notice("root: mounts as %s (%s), unlike what command line and system.conf say",
		   b->mounted.fstype,
		   b->mounted.options[0] != '\0' ? b->mounted.options : "no options");
	return os_write_file(HANDOUT_OTHERWISE, "", 0);
}

/* From a slot that is known to mount to one that is handed out. */
static enum kb_err hand_out(struct boot *b)
{
	struct handout h;

	root_overlay_plan(b); /* may fail: the root is read-only then */
	if (b->root.overlay != NULL)
		start_overlay(b);
	TRY(os_umount(ROOT_DIR));
	watchdog_decide(b);
	export_write(b);
	guard_start(b);
	export_boot(b);
	h = handout_of(b);
	unlock_leave(b);
	TRY(note_mount(b));
	return handout_write(&h);
}

static enum kb_err choose_and_hand_out(struct boot *b)
{
	if (!os_executable(BOOT_HELPER))
		log_info("update: this initramfs has no " BOOT_HELPER ": it installs nothing");
	else if (!settings_is_forced(b) && !pairs_goes_on(b))
		updates_apply(b, PLAN_AUTOMATIC); /* may fail; the boot may not */
	TRY(measure_look(b));
	TRY(candidate_or_rescue(b));
	TRY(measure_slot(b));
	pairs_settle_preset(b);
	return hand_out(b);
}

/* As where system.conf names slots in lines that are wrong: then it has the usual names. */
static bool has_slot(const struct boot *b)
{
	for (unsigned i = 0; i < b->conf.nslots; i++) {
		int root = devices_root_class(&b->conf, i);

		if (root >= 0 && b->dev.slot[i].part[root][0] != '\0')
			return true;
	}
	return false;
}

/* What the story of boot() does, up to the slot; without the state nothing can be counted. */
static enum select_end run_choice(struct boot *b)
{
	enum kb_err err;

	settings_read(b);
	if (!b->cmd.enable)
		return step_aside(b, "keelboot.enable=0", false);
	if (!b->configured && may_step_aside(b))
		return step_aside(b, "no system.conf in this initramfs", false);
	watchdog_arm(b);
	unlock_await(b);
	err = find_devices(b);
	if (err == KB_ENODEV && may_step_aside(b))
		return step_aside(b, "no disk of this device", true);
	if (err != KB_OK)
		return fail_boot(b, err);
	watchdog_arm_late(b);
	load_state(b);
	if (b->rec.health == RECORD_MISSING && may_step_aside(b))
		return step_aside(b, "no usable state", true);
	if (!has_slot(b) && may_step_aside(b))
		return step_aside(b, "no slot of system.conf is there", true);
	err = choose_and_hand_out(b);
	return err == KB_OK ? SELECT_DONE : fail_boot(b, err);
}

/* Nobody else sees what is mounted here to be looked at. Where the kernel has no namespaces, they
 * do, for a moment. */
static void hide_mounts(void)
{
	if (os_select_hide() != KB_OK)
		log_debug("unable to mount unseen: %m");
	if (os_mkdir(ROOT_DIR, 0755) != KB_OK)
		log_warn("unable to make " ROOT_DIR ": %m");
}

/* KB_EBUSY: another call has it. Any other, which is logged: nothing can be handed out. */
static enum kb_err take_lock(int *lock)
{
	enum kb_err err = os_mkdir(EXPORT_DIR, 0755);

	if (err == KB_OK)
		err = os_write_file(LOCK_FILE, "", 0);
	if (err == KB_OK)
		err = os_open(LOCK_FILE, O_RDWR, lock);
	if (err == KB_OK)
		err = os_lock(*lock);
	if (err != KB_OK && err != KB_EBUSY)
		log_err("unable to lock " LOCK_FILE ": %m; is /run mounted, and writable?");
	return err;
}

static enum select_end choose_once(struct boot *b)
{
	enum select_end end;

	if (os_exists(HANDOUT_FILE))
		return SELECT_DONE;
	if (os_exists(ASIDE_FILE))
		return SELECT_ASIDE;
	if (os_exists(FAILED_FILE))
		return SELECT_FAILED;
	unlock_begin();
	hide_mounts();
	b->restart_s = BOOT_RESTART_S;
	end = run_choice(b);
	if (end == SELECT_FAILED && os_write_file(FAILED_FILE, "", 0) != KB_OK)
		log_warn("unable to write " FAILED_FILE ": %m");
	return end;
}

enum select_end select_choose(struct boot *b)
{
	enum select_end end;
	int lock = -1;
	enum kb_err err = take_lock(&lock);

	if (err == KB_OK) {
		end = choose_once(b);
	} else if (err == KB_EBUSY) {
		end = SELECT_BUSY;
	} else {
		settings_peek(b);
		b->restart_s = BOOT_RESTART_S;
		end = fail_boot(b, err);
	}
	os_close(&lock);
	return end;
}

/* The hand-over of boot(), by a process that has to open it again. */
static void take_watchdog_over(struct boot *b, const struct handout *h)
{
	if (h->watchdog[0] == '\0')
		return;
	if (wdt_arm(&b->wdt, h->watchdog, h->watchdog_s, 0) != KB_OK)
		return; /* said there */
	b->wdt.handover = h->handover;
	if (wdt_hand_over(&b->wdt, h->watchdog_s, h->shutdown_s) != KB_OK)
		log_warn("watchdog: not running: a hung system will not be restarted");
}

/* It has said so, or has nothing to say. */
static bool is_aside(const struct boot *b)
{
	return os_exists(ASIDE_FILE) || (!b->configured && may_step_aside(b));
}

/* What mounted it never asked for a slot, as a root from the network does not; or a person did, at
 * the prompt. */
static enum select_end enter_unchosen(struct boot *b)
{
	if (os_exists(FAILED_FILE) || is_aside(b))
		return SELECT_ASIDE;
	if (!b->cmd.enable)
		return step_aside(b, "keelboot.enable=0", false);
	if (may_step_aside(b))
		return step_aside(b, "the root was mounted without a slot being asked for", true);
	log_err("the root was mounted without a slot being asked for, and none but a slot may be");
	b->restart_s = BOOT_RESTART_S;
	return fail_boot(b, KB_EINVAL);
}

enum select_end select_enter(struct boot *b, const char *path)
{
	struct handout h;
	enum kb_err err;

	unlock_begin();
	settings_peek(b);
	err = handout_read(&h);
	if (err == KB_ENOENT)
		return enter_unchosen(b);
	b->restart_s = BOOT_RESTART_S;
	if (err != KB_OK)
		return fail_boot(b, err);
	if (!os_select_mounted(path, h.root.dev)) {
		log_err("%s is mounted from another device than slot %c, which is %s", path,
			state_slot_letter(h.chosen.slot), h.root.dev);
		return select_fail(b, "another root was mounted");
	}
	take_watchdog_over(b, &h);
	return SELECT_DONE;
}

/* As note_not_entered() of boot.c does. Where a prompt holds the boot, the distribution tries to
 * mount it again: one boot is one failure. */
static void note_failure(struct boot *b, const struct handout *h, const char *reason)
{
	log_err("slot %c: %s", state_slot_letter(h->chosen.slot), reason);
	if (os_exists(PAID_FILE))
		return;
	if (os_write_file(PAID_FILE, "", 0) != KB_OK)
		log_warn("unable to write " PAID_FILE ": %m");
	record_load(&b->rec, h->state_dev, b->conf.nslots, 0, 0);
	if (b->rec.health != RECORD_FOUND || settings_is_forced(b))
		return;
	choose_failed(&b->rec.s, &h->chosen, reason);
	if (record_save(&b->rec, &b->rec.s) == KB_OK)
		record_history(&b->rec, HISTORY_BOOT, h->chosen.slot, reason, "not booted");
}

enum select_end select_fail(struct boot *b, const char *reason)
{
	struct handout h;

	unlock_begin();
	settings_peek(b);
	b->restart_s = BOOT_RESTART_S;
	if (handout_read(&h) == KB_OK)
		note_failure(b, &h, reason);
	else if (is_aside(b))
		return SELECT_ASIDE;
	else if (!b->cmd.enable)
		return step_aside(b, "keelboot.enable=0", false);
	else
		log_err("%s", reason);
	return fail_boot(b, KB_EMOUNT);
}
