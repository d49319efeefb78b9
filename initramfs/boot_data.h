/* SPDX-License-Identifier: Apache-2.0 */
/* What a boot knows: filled from top to bottom of boot(), and read by the services that it calls.
 */
#pragma once

#include "initramfs/disks/devices.h"
#include "initramfs/evidence.h"
#include "initramfs/data_ready.h"
#include "initramfs/guard.h"
#include "initramfs/measure.h"
#include "initramfs/skipped.h"
#include "initramfs/record.h"
#include "initramfs/pairs.h"
#include "initramfs/rescue.h"
#include "initramfs/root.h"
#include "initramfs/root_overlay.h"
#include "initramfs/shell.h"
#include "initramfs/watchdog/wdt.h"
#include "kernel-cmdline/cmdline.h"
#include "lib/conf.h"
#include "selector/attempt.h"
#include "selector/plan.h"
#include "update/wire/keyring_survey.h"
#include "update/wire/verify_answer.h"

#define BOOT_DESPITE_MAX 3 /* its manifest, a check before the mount, one after it */

struct boot {
	/* as the kernel gave them to us */
	char *const *argv;
	char *const *envp;
	/* as the kernel has it, up to CMDLINE_MAX */
	char cmdline[CMDLINE_READ_SIZE];
	/* it says nothing, and might have */
	bool cmdline_unread;
	struct cmdline cmd;
	struct conf conf;
	/* there was a system.conf */
	bool configured;
	/* that may be looked at: bits of enum cmdline_source */
	unsigned sources;
	/* how a root is mounted, and what was */
	struct root root;
	struct root_mounted mounted;
	struct root_overlay overlay;
	/* of this image */
	struct keyring_survey keys;
	struct wdt wdt;
	struct probe probe;
	struct devices dev;
	struct pairs pairs;
	struct evidence evidence;
	struct record rec;
	struct attempt attempt;
	struct data_ready data;
	struct rescue rescue;
	struct guard guard;
	struct shell shell;
	struct measure measure;
	/* of the candidate; see verify.h */
	struct verify_answer manifest;
	/* the slots that stood before the one that boots */
	struct skipped skipped;
	/* A check, or its manifest, kept a slot from booting that might run. */
	bool some_rejected;
	/* This kernel has no file system, dm-verity or hash for a slot. */
	bool no_driver;
	/* Nothing can be counted, so no later boot would come to a last resort: rejected slots are
	 * tried, too. */
	bool accept_rejected;
	/* how long a boot that fails waits before it restarts */
	unsigned restart_s;
	/* Why the candidate should not boot, though it is tried: see slot_despite(). */
	char despite[BOOT_DESPITE_MAX][STATE_STR_MAX + 1];
	unsigned ndespite;
};

/* How long a boot that fails waits before it restarts: only the space between restarts, since what
 * a person plugs in meanwhile is for the next boot. */
#define BOOT_RESTART_S	      5
#define BOOT_RESTART_WAITED_S 1	 /* it has waited for a disk already */
#define BOOT_RESTART_EARLY_S  30 /* it waited for nothing yet; the next may find more */

/* The program that does what process 1 must not: probing, applying, verifying. */
#define BOOT_HELPER "/usr/lib/keelboot/keelboot-helper"
/* What goes on on the data partition; where it is missing, the helper does that, too. */
#define BOOT_DATA   "/usr/lib/keelboot/keelboot-data"
