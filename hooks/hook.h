/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hooks: executables that a device maker puts into /usr/lib/keelboot/hooks/STAGE.d of the
 * initramfs. A hook that fails stops the stage; what that means is the stage's business (a
 * post-mount hook rejects the slot). docs/HOOKS.md is for those who write them.
 *
 * Each one runs as root with no argument, in its own session and mount namespace, without standard
 * input, in "/", with only the environment below. What it prints goes to the log, line by line.
 *
 *   PATH              /usr/sbin:/usr/bin:/sbin:/bin
 *   KEELBOOT_STAGE    "post-mount"
 *   KEELBOOT_SLOT     "a"
 *   KEELBOOT_STATUS   "good", "trial", …
 *   KEELBOOT_VERSION  of the release in the slot; may be empty
 *   KEELBOOT_DEVICE   "/dev/vda2", the partition of class root
 *   KEELBOOT_ROOT     where it is mounted, read-only; empty before that
 *   KEELBOOT_DATA     "/dev/vda4", the data partition; empty without one
 *   KEELBOOT_DATA_FILESYSTEM  "ext4": [source.data] filesystem=
 *   KEELBOOT_SOURCE   "usb": where an update is about to be looked for (pre-update)
 */
#pragma once

#include "lib/err.h"
#include "lib/tail.h"
#include "selector/history.h"

#define HOOK_DIR	"/usr/lib/keelboot/hooks"
#define HOOK_REASON_MAX STATE_STR_MAX
#define HOOK_SAID_MAX	HISTORY_TEXT_MAX
#define HOOK_MAX	32 /* files in the folder of a stage */
#define HOOK_NAME_MAX	62 /* bytes of a hook's name */

/* NULL is "". */
struct hook_env {
	const char *slot;
	const char *status;
	const char *version;
	const char *device;
	const char *root;
	const char *data, *data_fstype;
	const char *source;
	/* Takes the last line that the failing hook printed (HOOK_SAID_MAX + 1 bytes, printable
	 * ASCII), for the history; may be NULL. Untouched when nothing failed. */
	char *said;
	/* Has the last lines of the hook that failed, if it printed any; may be NULL. */
	struct tail *tail;
	/* Called at least once a second while hooks run, to feed the watchdog; may be NULL. The
	 * time of a stage is bounded by HOOK_MAX * timeout_s. */
	void (*idle)(void *ctx);
	void *idle_ctx;
	/* Asked when a stage has failed: true takes it as passed, which is reported there. May be
	 * NULL.
	 */
	bool (*overrule)(const struct hook_env *env, const char *reason);
};

/*
 * Runs the executable files of HOOK_DIR/stage.d in the order of their names (those that begin with
 * '.' or end with '~' are ignored). Each may take timeout_s of time and of processor; its whole
 * session is killed then, and also whatever it leaves behind when it ends.
 *
 * A folder with more than HOOK_MAX entries, or with a longer name than HOOK_NAME_MAX, is a failure,
 * and nothing of it runs: a check that would be left out is not passed.
 *
 * KB_OK: all succeeded, or there are none, or env->overrule took it so. Else the first failure,
 * KB_ECHECK, with reason (HOOK_REASON_MAX + 1 bytes; untouched on KB_OK). Of a hook: "hook NAME:
 * exit 1", "… signal 11", "… timed out", "… lost" (it cannot be waited for), "… cannot be started",
 * "… name too long". Of a stage: "hook STAGE: too many hooks", "… folder cannot be read".
 */
enum kb_err hook_run_dir(const char *stage, const struct hook_env *env, unsigned timeout_s,
			 char *reason) KB_MUST_CHECK;
