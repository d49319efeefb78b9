/* SPDX-License-Identifier: Apache-2.0 */
/* A slot's root file system: mounted read-only, its post-mount hooks run, and entered. */
#pragma once

#include "hooks/hook.h"
#include "initramfs/overlay/overlay_plan.h"
#include "initramfs/root_options.h"
#include "kernel-cmdline/cmdline.h"
#include "lib/conf.h"

#define ROOT_DIR "/sysroot"

/* What mounted: for whoever is to mount the same again. */
struct root_mounted {
	/* "/dev/vda3", or "/dev/dm-0" where dm-verity stands between */
	char dev[32];
	/* file system and its options, for mount(8); "auto": one of the usual */
	char fstype[CONF_NAME_MAX + 1];
	char options[ROOT_OPTIONS_MAX + 1];
	/* what is started there */
	char init[CMDLINE_TEXT_MAX + 1];
};

struct root {
	/* the first that can be started is */
	const char *init[3];
	/* "": as the prober says */
	const char *fstype;
	/* of the mount; "": none */
	const char *options;
	/* slots are write-protected before they are mounted */
	bool protect;
	unsigned hook_timeout_s;
	/* of the post-mount hooks; NULL: none are run */
	const struct hook_env *env;
	/* only for a root that is no slot: keelboot.enable=0 rw */
	bool writable;
	/* filled by root_mount(); NULL: nobody asks */
	struct root_mounted *mounted;
	/* what comes to lie above it; NULL: nothing */
	const struct overlay_plan *overlay;
};

/* What command line and system.conf say, the former first; both have to stay. PURE. */
struct root root_settings(const struct conf *conf, const struct cmdline *cmd);

/*
 * The file system to be mounted, for which the kernel, with all modules of the
 * initramfs loaded, has no driver. NULL: it has, or does not say.
 */
const char *root_without_driver(const struct root *r, const char *fstype);

/*
 * Mounts dev of type fstype on ROOT_DIR, read-only unless r->writable, makes sure that its init can
 * be started, and runs the post-mount hooks. On failure nothing stays mounted and reason
 * (STATE_STR_MAX + 1 bytes) says why. KB_EMOUNT, KB_EEXEC (no init), KB_ECHECK.
 */
enum kb_err root_mount(const struct root *r, const char *dev, const char *fstype,
		       char *reason) KB_MUST_CHECK;

/* Takes that back. */
void root_umount(const struct root *r, const char *dev);

/* For a device with another one above it, which is what root_mount() gets: write-protects it, where
 * slots are, and lifts that. Failures are logged. */
void root_protect(const struct root *r, const char *dev);
void root_unprotect(const struct root *r, const char *dev);

/* The init that root_enter() starts, but for this one; NULL: there is none. */
const char *root_init(const struct root *r, const char *except);

/*
 * Makes ROOT_DIR the root, lays the overlay above it unless its init does that, and becomes its
 * init, with the arguments and the environment that the kernel gave to us. Returns only on failure,
 * and there is no way back then.
 */
enum kb_err root_enter(const struct root *r, char *const *argv, char *const *envp) KB_MUST_CHECK;
