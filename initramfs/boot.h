/* SPDX-License-Identifier: Apache-2.0 */
/* The boot: its whole story is boot() in boot.c, and what happens when it fails is boot_recover()
 * below it. */
#pragma once

#include "initramfs/devices.h"
#include "initramfs/evidence.h"
#include "initramfs/guard.h"
#include "initramfs/passed.h"
#include "initramfs/record.h"
#include "initramfs/rescue.h"
#include "initramfs/shell.h"
#include "initramfs/wdt.h"
#include "kernel-cmdline/cmdline.h"
#include "lib/conf.h"
#include "selector/attempt.h"
#include "selector/plan.h"
#include "update/keyring_survey.h"
#include "update/verify_answer.h"

#define BOOT_DESPITE_MAX 3 /* its manifest, a check before the mount, one after it */

struct boot {
	char *const *argv; /* as the kernel gave them to us */
	char *const *envp;
	char cmdline[CMDLINE_MAX + 1]; /* as the kernel has it */
	struct cmdline cmd;
	struct conf conf;
	struct keyring_survey keys; /* of this image */
	struct wdt wdt;
	struct probe probe;
	struct devices dev;
	struct evidence evidence;
	struct record rec;
	struct attempt attempt;
	struct rescue rescue;
	struct guard guard;
	struct shell shell;
	struct verify_answer manifest; /* of the candidate; see verify.h */
	struct passed passed;	       /* the slots that stood before the one that boots */
	bool rejected;	/* a slot that might have booted: by a check, or for its manifest */
	bool no_driver; /* a slot that this kernel has no file system, dm-verity or hash for */
	bool lenient;	/* it may not be again: no later boot would come to a last resort */
	char despite[BOOT_DESPITE_MAX][STATE_STR_MAX + 1]; /* what the candidate is tried despite */
	unsigned ndespite;
};

/* The program that does what process 1 must not: probing, applying, decoding. */
#define BOOT_HELPER "/usr/lib/keelboot/keelboot-helper"

/* Boots. Returns only when something failed. */
enum kb_err boot(struct boot *b) KB_MUST_CHECK;

/*
 * What is done about a boot that failed: says so, waits (longer for what time may cure), reboots.
 * Returns only if the kernel refuses to reboot; the watchdog is left running for that.
 */
void boot_recover(struct boot *b, enum kb_err err);

/* Leaves the watchdog counting for the system that is started: the last thing before it is entered.
 */
void boot_hand_over_watchdog(struct boot *b);

/* Lets keelboot-apply look through the sources: see updates_apply(). True: there is something new
 * to boot. */
bool boot_apply_updates(struct boot *b, enum plan_mode mode);

/* Reads the state again, because the device's disk had gone and is back: see record_return(). */
void boot_reload(struct boot *b);

/* keelboot.slot= named a slot: nothing is counted, nothing installed. */
bool boot_is_forced(const struct boot *b);

/* Feeds the watchdog: for everything that waits within a bound of its own. */
void boot_idle(void *b);
