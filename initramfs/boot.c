/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/boot.h"

#include "initramfs/candidate.h"
#include "initramfs/export.h"
#include "initramfs/find.h"
#include "initramfs/guard.h"
#include "initramfs/hardware.h"
#include "initramfs/load_state.h"
#include "initramfs/measure.h"
#include "initramfs/plain.h"
#include "initramfs/root.h"
#include "initramfs/root_overlay.h"
#include "initramfs/settings.h"
#include "initramfs/updates.h"
#include "initramfs/watchdog.h"
#include "lib/log.h"
#include "lib/os.h"

#include <string.h>
#include <sys/mount.h>

static enum kb_err mount_early(struct boot *b)
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

	b->restart_s = BOOT_RESTART_EARLY_S;
	for (unsigned i = 0; i < sizeof(m) / sizeof(m[0]); i++) {
		enum kb_err err = os_mkdir(m[i].target, 0755);

		if (err == KB_OK)
			err = os_mount(m[i].type, m[i].target, m[i].type, m[i].flags, m[i].options);
		/* Somebody mounted it before us; and without /run a slot can still be booted. */
		if (err != KB_OK && err != KB_EBUSY && strcmp(m[i].target, "/run") != 0) {
			log_err("unable to mount %s: %s", m[i].target, err_text(err));
			return KB_EMOUNT;
		}
	}
	os_stdio();
	TRY(os_mkdir(ROOT_DIR, 0755));
	b->restart_s = BOOT_RESTART_S;
	return KB_OK;
}

/* err: why the root was not entered. But for an init that does not start, a disk failed. */
static enum kb_err space_restart(struct boot *b, enum kb_err err)
{
	b->restart_s = err == KB_EEXEC ? BOOT_RESTART_S : BOOT_RESTART_EARLY_S;
	return err;
}

/* The last step that can fail: without a note each next boot would choose the same slot. */
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
	enum kb_err err;

	TRY(mount_early(b));
	settings_read(b);
	hardware_load_watchdog(b); /* and arms it: from here on, hanging is rebooting */
	if (!b->cmd.enable && plain_mount(b))
		return space_restart(b, plain_enter(b));
	TRY(find_devices(b));
	watchdog_arm_late(b);
	load_state(b);
	if (!settings_is_forced(b) && !pairs_goes_on(b))
		updates_apply(b, PLAN_AUTOMATIC); /* may fail; the boot may not */
	TRY(measure_look(b));
	TRY(candidate_or_rescue(b));
	TRY(measure_slot(b));
	pairs_settle_preset(b);
	hardware_leave_to(b);
	watchdog_decide(b);
	export_write(b);
	hardware_export();
	root_overlay_plan(b); /* may fail: the root is read-only then */
	guard_start(b);
	export_boot(b);
	watchdog_hand_over(b);
	err = root_enter(&b->root, b->argv, b->envp);
	note_not_entered(b);
	return space_restart(b, err);
}

void boot_recover(struct boot *b, enum kb_err err)
{
	log_err("unable to boot: %s; restarting in %u s", err_text(err), b->restart_s);
	shell_open(b);
	watchdog_wait_s(b, b->restart_s);
	shell_await(b);
	os_reboot();
	log_err("the kernel refuses to restart; a panic or the watchdog must do it");
}
