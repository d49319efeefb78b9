/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/root.h"

#include "lib/log.h"
#include "lib/os.h"
#include "lib/util.h"
#include "selector/state.h"

#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#define ARGS_MAX 64

static const char *init_path(const struct root *r)
{
	return r->cmd->init[0] != '\0' ? r->cmd->init : r->conf->init;
}

static const char *mount_options(const struct root *r)
{
	const char *options =
		r->cmd->rootflags[0] != '\0' ? r->cmd->rootflags : r->conf->mount_options;

	return options[0] != '\0' ? options : NULL;
}

static const char *mount_type(const struct root *r, const char *probed)
{
	if (r->cmd->rootfstype[0] != '\0')
		return r->cmd->rootfstype;
	return r->conf->fstype[0] != '\0' ? r->conf->fstype : probed;
}

static enum kb_err check(const struct root *r, char *reason)
{
	const char *init = init_path(r);

	if (!os_executable_in(ROOT_DIR, init)) {
		log_err("root: %s is not an executable file of this root file system (init= or "
			"[system] "
			"init= says otherwise)",
			init);
		snprintf(reason, STATE_STR_MAX + 1, "no %.44s", init);
		return KB_EEXEC;
	}
	return hook_run_dir("post-mount", r->env, r->conf->hook_timeout_s, reason);
}

/* A file system of a type that is known, or else of one of the usual types. */
static enum kb_err mount_any(const char *dev, const char *type, const char *options)
{
	static const char *const usual[] = { "ext4", "squashfs", "erofs" };
	enum kb_err err = KB_EMOUNT;

	if (strcmp(type, "auto") != 0)
		return os_mount(dev, ROOT_DIR, type, MS_RDONLY, options);
	for (unsigned i = 0; i < KB_ARRAY_LEN(usual) && err != KB_OK; i++)
		err = os_mount(dev, ROOT_DIR, usual[i], MS_RDONLY, options);
	return err;
}

enum kb_err root_mount(const struct root *r, const char *dev, const char *fstype, char *reason)
{
	const char *type = mount_type(r, fstype);
	enum kb_err err;

	/* Read-only whatever the command line says: a slot that was written to is no longer what
	 * was signed. */
	err = mount_any(dev, type, mount_options(r));
	if (err != KB_OK) {
		log_err("root: unable to mount %s (%s): %s", dev, type, err_text(err));
		snprintf(reason, STATE_STR_MAX + 1, "no mount: %.36s", err_text(err));
		return KB_EMOUNT;
	}
	err = check(r, reason);
	if (err == KB_OK)
		return KB_OK;
	if (os_umount(ROOT_DIR) != KB_OK)
		log_warn("root: unable to unmount %s after a failed check", dev);
	return err;
}

enum kb_err root_enter(const struct root *r, char *const *argv, char *const *envp)
{
	const char *args[ARGS_MAX + 1] = { init_path(r) };
	unsigned n = 1;

	for (; argv[0] != NULL && argv[n] != NULL && n < ARGS_MAX; n++)
		args[n] = argv[n];
	args[n] = NULL;
	TRY(os_switch_root(ROOT_DIR));
	return os_exec(args[0], args, (const char *const *)envp);
}
