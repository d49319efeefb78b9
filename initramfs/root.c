/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/root.h"

#include "initramfs/overlay/overlay.h"
#include "lib/log.h"
#include "lib/os.h"
#include "lib/util.h"
#include "selector/state.h"

#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#define ARGS_MAX 64

struct root root_settings(const struct conf *conf, const struct cmdline *cmd)
{
	return (struct root){
		.init = { cmd->init[0] != '\0' ? cmd->init : conf->init, conf->init, "/sbin/init" },
		.fstype = cmd->rootfstype[0] != '\0' ? cmd->rootfstype : conf->fstype,
		.options = cmd->rootflags[0] != '\0' ? cmd->rootflags : conf->mount_options,
		.hook_timeout_s = conf->hook_timeout_s,
		.protect = conf->slots == CONF_SLOTS_READONLY,
	};
}

const char *root_init(const struct root *r, const char *except)
{
	for (unsigned i = 0; i < KB_ARRAY_LEN(r->init); i++) {
		if (r->init[i][0] == '/' && strcmp(r->init[i], except) != 0 &&
		    os_executable_in(ROOT_DIR, r->init[i]))
			return r->init[i];
	}
	return NULL;
}

/* NULL: none can be started. */
static const char *find_init(const struct root *r)
{
	return root_init(r, "");
}

static const char *mount_type(const struct root *r, const char *probed)
{
	return r->fstype[0] != '\0' ? r->fstype : probed;
}

/* What is tried where the prober could not tell. */
static const char *const usual[] = { "ext4", "squashfs", "erofs" };

/* In /proc/filesystems: one on a line, behind a tab. */
static bool is_listed(const char *list, const char *type)
{
	size_t len = strlen(type);

	for (const char *at = list; (at = strchr(at, '\t')) != NULL;) {
		at++;
		if (strncmp(at, type, len) == 0 && (at[len] == '\n' || at[len] == '\0'))
			return true;
	}
	return false;
}

const char *root_without_driver(const struct root *r, const char *probed)
{
	static char list[4096];
	const char *type = mount_type(r, probed);
	size_t len;

	/* What is not known for certain is left to the mount: the kernel may load it by itself. */
	if (os_executable("/sbin/modprobe") ||
	    os_read_file("/proc/filesystems", list, sizeof(list), &len) != KB_OK ||
	    len == sizeof(list) - 1)
		return NULL;
	/* What the prober saw is what is there; but the driver of ext4 mounts ext2 and ext3. */
	if (probed[0] != '\0' && strcmp(probed, "auto") != 0 &&
	    !(strncmp(probed, "ext", 3) == 0 && strncmp(type, "ext", 3) == 0))
		type = probed;
	if (strcmp(type, "auto") != 0)
		return is_listed(list, type) ? NULL : type;
	for (unsigned i = 0; i < KB_ARRAY_LEN(usual); i++) {
		if (is_listed(list, usual[i]))
			return NULL;
	}
	return usual[0];
}

static enum kb_err find_init_and_run_hooks(const struct root *r, char *reason)
{
	const char *wanted = r->init[0];
	const char *init = find_init(r);

	if (init == NULL) {
		log_err("root: %s is not an executable file of this root file system (init= or [system] init= says otherwise)",
			wanted);
		snprintf(reason, STATE_STR_MAX + 1, "no %.44s", wanted);
		return KB_EEXEC;
	}
	if (r->mounted != NULL)
		snprintf(r->mounted->init, sizeof(r->mounted->init), "%s", init);
	if (strcmp(init, wanted) != 0)
		log_warn("root: init=%s is not executable on this slot; starting %s", wanted, init);
	if (r->env == NULL)
		return KB_OK;
	return hook_run_dir("post-mount", r->env, r->hook_timeout_s, reason);
}

static void note_mounted(const struct root *r, const char *dev, const char *type,
			 const char *options)
{
	struct root_mounted *m = r->mounted;

	if (m == NULL)
		return;
	snprintf(m->dev, sizeof(m->dev), "%s", dev);
	snprintf(m->fstype, sizeof(m->fstype), "%s", type);
	snprintf(m->options, sizeof(m->options), "%s", options);
}

/* A file system of a type that is known, or else of one of the usual types. */
static enum kb_err mount_any(const struct root *r, const char *dev, const char *type,
			     const struct root_options *o)
{
	/* A slot is read-only whatever the command line says: one that was written to is no longer
	 * what was signed. */
	unsigned long flags = o->flags | (r->writable ? 0 : MS_RDONLY);
	const char *data = o->data[0] != '\0' ? o->data : NULL;
	enum kb_err err = KB_EMOUNT;

	note_mounted(r, dev, type, o->words);
	if (strcmp(type, "auto") != 0)
		return os_mount(dev, ROOT_DIR, type, flags, data);
	for (unsigned i = 0; i < KB_ARRAY_LEN(usual) && err != KB_OK; i++)
		err = os_mount(dev, ROOT_DIR, usual[i], flags, data);
	return err;
}

/* Of the options those that fit each file system. */
static enum kb_err mount_second(const struct root *r, const char *dev, const char *type)
{
	const struct root_options o = root_options_read(r->options, false);

	log_warn("root: trying %s as %s %s%s (rootfstype=, rootflags=, system.conf)", dev, type,
		 o.words[0] != '\0' ? "with " : "without options", o.words);
	return mount_any(r, dev, type, &o);
}

/*
 * As command line and system.conf say; when that fails, as the prober says and without options of
 * a file system, because a wrong word in either must not stop a boot. A type like tmpfs mounts, and
 * is another file system than the slot's: it has no init.
 */
static enum kb_err mount_root(const struct root *r, const char *dev, const char *probed)
{
	const struct root_options o = root_options_read(r->options, true);
	const char *type = mount_type(r, probed), *second = probed[0] != '\0' ? probed : type;
	bool other = strcmp(type, second) != 0 || o.data[0] != '\0';
	enum kb_err err;

	if (o.ignored != NULL)
		log_warn(
			"root: mount option %s: ignored; see mount-options= in keelboot-system.conf(5)",
			o.ignored);
	err = mount_any(r, dev, type, &o);
	if (err == KB_OK && (!other || find_init(r) != NULL || os_umount(ROOT_DIR) != KB_OK))
		return KB_OK;
	log_err("root: unable to mount %s (%s%s%s): %s", dev, type,
		r->options[0] != '\0' ? ", " : "", r->options,
		err != KB_OK ? err_text(err) : "no init in it");
	return other ? mount_second(r, dev, second) : err;
}

/* What a file system wants that is mounted beside its journal, and how it says that it has one. */
struct unreplayed {
	const char *type, *word;
	enum kb_err says;
};

static const struct unreplayed *find_unreplayed(const char *type, enum kb_err err)
{
	static const struct unreplayed ways[] = {
		{ "ext4", "noload", KB_EPERM },
		{ "ext3", "noload", KB_EPERM },
		{ "xfs", "norecovery", KB_EPERM },
		{ "btrfs", "rescue=nologreplay", KB_EIO },
	};

	for (unsigned i = 0; i < KB_ARRAY_LEN(ways); i++)
		if (strcmp(ways[i].type, type) == 0 && ways[i].says == err)
			return &ways[i];
	return NULL;
}

static enum kb_err mount_unreplayed(const struct root *r, const char *dev,
				    const struct unreplayed *way)
{
	char text[ROOT_OPTIONS_MAX + 1];
	struct root_options o = root_options_read(r->options, false);

	snprintf(text, sizeof(text), "%s,%.*s", way->word, CMDLINE_TEXT_MAX, o.words);
	o = root_options_read(text, true);
	return mount_any(r, dev, way->type, &o);
}

void root_protect(const struct root *r, const char *dev)
{
	enum kb_err err = r->protect ? os_protect(dev, true) : KB_OK;

	if (err != KB_OK)
		log_warn("root: unable to write-protect %s: %s", dev, err_text(err));
}

void root_unprotect(const struct root *r, const char *dev)
{
	enum kb_err err = r->protect ? os_protect(dev, false) : KB_OK;

	if (err != KB_OK)
		log_warn("root: unable to lift the write-protection of %s: %s", dev, err_text(err));
}

/*
 * Even a read-only mount writes: it replays a journal, and notes errors. A slot has to stay
 * what was signed, so its device is write-protected first. A journal that is not empty then keeps
 * it from being mounted: somebody wrote to it. It is no longer what it was; but a slot that boots
 * is better than none.
 */
static enum kb_err mount_protected(const struct root *r, const char *dev, const char *probed)
{
	const struct unreplayed *way;
	enum kb_err err;

	root_protect(r, dev);
	err = mount_root(r, dev, probed);
	way = r->protect ? find_unreplayed(probed, err) : NULL;
	if (way == NULL)
		return err;
	err = mount_unreplayed(r, dev, way);
	if (err == KB_OK)
		log_warn(
			"root: %s was modified; mounted without its journal (if this is intended: [system] slots=writable)",
			dev);
	return err;
}

void root_umount(const struct root *r, const char *dev)
{
	if (os_umount(ROOT_DIR) != KB_OK)
		log_warn("root: unable to unmount %s: %m", dev);
	root_unprotect(r, dev);
}

enum kb_err root_mount(const struct root *r, const char *dev, const char *fstype, char *reason)
{
	enum kb_err err;

	err = mount_protected(r, dev, fstype);
	if (err != KB_OK) {
		root_unprotect(r, dev);
		snprintf(reason, STATE_STR_MAX + 1, "no mount: %.36s", err_text(err));
		return KB_EMOUNT;
	}
	err = find_init_and_run_hooks(r, reason);
	if (err == KB_OK)
		return KB_OK;
	root_umount(r, dev);
	return err;
}

enum kb_err root_enter(const struct root *r, char *const *argv, char *const *envp)
{
	const char *args[ARGS_MAX + 1] = { find_init(r) };
	unsigned n = 1;

	if (args[0] == NULL)
		return KB_EEXEC;

	for (; argv[0] != NULL && argv[n] != NULL && n < ARGS_MAX; n++)
		args[n] = argv[n];
	args[n] = NULL;
	TRY(os_switch_root(ROOT_DIR));
	if (r->overlay != NULL && strcmp(args[0], OVERLAY_PROGRAM) != 0)
		overlay_enter(r->overlay);
	return os_exec(args[0], args, (const char *const *)envp);
}
