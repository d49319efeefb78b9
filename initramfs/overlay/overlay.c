/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/overlay/overlay.h"

#include "initramfs/overlay/overlay_remount.h"
#include "initramfs/overlay/overlay_report.h"
#include "initramfs/overlay/overlay_sweep.h"
#include "initramfs/overlay/overlay_upper.h"
#include "lib/log.h"
#include "lib/os.h"
#include "lib/os_label.h"
#include "lib/util.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#define WHY_MAX 320

static bool is_tmpfs(const struct overlay_plan *p)
{
	return strcmp(p->upper, OVERLAY_PLAN_TMPFS) == 0;
}

/* ---------------------------------------------------------------- the upper file system */

static enum kb_err mount_tmpfs(const struct overlay_plan *p, char *why)
{
	char options[40];
	enum kb_err err;

	snprintf(options, sizeof(options), "mode=0755,size=%s", p->size);
	err = os_mount("tmpfs", OVERLAY_UPPER, "tmpfs", 0, options);
	if (err != KB_OK)
		snprintf(why, WHY_MAX, "no tmpfs of %s: %s", p->size, err_text(err));
	return err;
}

/* Where nobody could look at it: it may hold one of those to which roots are written. */
static enum kb_err mount_usual(const struct overlay_plan *p, char *why)
{
	static const char *const usual[] = { "ext4", "f2fs", "btrfs", "xfs" };
	enum kb_err err = KB_ENODEV;

	for (unsigned i = 0; i < KB_ARRAY_LEN(usual) && err != KB_OK; i++)
		err = os_mount(p->upper, OVERLAY_UPPER, usual[i], MS_NOATIME, NULL);
	if (err != KB_OK)
		snprintf(
			why, WHY_MAX,
			"unable to mount %s, which could not be looked at, as ext4, f2fs, btrfs or xfs",
			p->upper);
	return err;
}

static enum kb_err mount_partition(const struct overlay_plan *p, char *why)
{
	enum kb_err err;

	if (p->fstype[0] == '\0') {
		snprintf(
			why, WHY_MAX,
			"no file system on %s: make one, by mke2fs -t ext4, unless wipefs shows what it has",
			p->upper);
		return KB_EFORMAT;
	}
	if (strcmp(p->fstype, OVERLAY_PLAN_SEVERAL) == 0) {
		snprintf(
			why, WHY_MAX,
			"%.48s has marks of several file systems: wipefs %.48s shows them; delete the wrong one: wipefs -o OFFSET %.48s",
			p->upper, p->upper, p->upper);
		return KB_EFORMAT;
	}
	if (strcmp(p->fstype, OVERLAY_PLAN_UNSURE) == 0)
		return mount_usual(p, why);
	err = os_mount(p->upper, OVERLAY_UPPER, p->fstype, MS_NOATIME, NULL);
	if (err != KB_OK)
		snprintf(why, WHY_MAX, "unable to mount %s (%s): %s", p->upper, p->fstype,
			 err_text(err));
	return err;
}

static enum kb_err mount_upper(const struct overlay_plan *p, char *why)
{
	enum kb_err err = os_mkdir(OVERLAY_UPPER, 0700);

	if (err != KB_OK) {
		snprintf(why, WHY_MAX, "unable to make " OVERLAY_UPPER ": %s", err_text(err));
		return err;
	}
	return is_tmpfs(p) ? mount_tmpfs(p, why) : mount_partition(p, why);
}

/*
 * The root of an overlay shows the label of its upper folder. No policy is loaded yet, so the
 * kernel gives a new folder none; a slot without labels has none, either. On a tmpfs, it will not
 * count.
 */
static void label_folder(const char *path)
{
	enum kb_err err = os_label_copy("/", path);
	char text[WHY_MAX];

	if (err == KB_OK)
		return;
	snprintf(text, sizeof(text),
		 "unable to label %s as the slot is: %s; run restorecon / when SELinux runs", path,
		 err_text(err));
	overlay_report(text);
}

/* Of a release that has no work folder yet, the upper one is new, or what a power cut left of it.
 */
static bool is_new_upper(const struct overlay_plan *p, const char *part)
{
	char work[192];

	snprintf(work, sizeof(work), OVERLAY_FOLDER "/%s/work", p->release);
	return strcmp(part, "/upper") == 0 && !os_exists(work);
}

static enum kb_err make_folder(const struct overlay_plan *p, const char *part)
{
	char path[192];

	snprintf(path, sizeof(path), OVERLAY_FOLDER "/%s%s", p->release, part);
	TRY(os_mkdir(path, 0755));
	if (part[0] != '\0')
		label_folder(path);
	if (is_new_upper(p, part))
		overlay_upper_take_owner(path);
	return KB_OK;
}

/* What a power cut leaves of these is made whole at the next boot: an empty folder is a new one. */
static enum kb_err make_folders(const struct overlay_plan *p, char *why)
{
	static const char *const parts[] = { "", "/upper", "/work" };
	enum kb_err err = os_mkdir(OVERLAY_FOLDER, 0700);

	for (unsigned i = 0; i < KB_ARRAY_LEN(parts) && err == KB_OK; i++)
		err = make_folder(p, parts[i]);
	if (err != KB_OK)
		snprintf(why, WHY_MAX, "unable to make the folders of the release on %s: %s",
			 p->upper, err_text(err));
	return err;
}

/* ---------------------------------------------------------------- the root */

/* A folder that every root has, and that nothing needs until the overlay is the root: below /run it
 * could not be, which moves into it. */
static const char *find_place(void)
{
	static const char *const places[] = { "/mnt", "/root", "/etc" };

	for (unsigned i = 0; i < KB_ARRAY_LEN(places); i++) {
		if (os_exists(places[i]))
			return places[i];
	}
	return "/usr";
}

static enum kb_err mount_overlay(const struct overlay_plan *p, const char *place, char *why)
{
	char options[512];
	enum kb_err err;

	snprintf(options, sizeof(options),
		 "lowerdir=/,upperdir=" OVERLAY_FOLDER "/%s/upper,workdir=" OVERLAY_FOLDER
		 "/%s/work",
		 p->release, p->release);
	err = os_mount("overlay", place, "overlay", MS_NOATIME, options);
	if (err != KB_OK && errno == ENODEV)
		snprintf(
			why, WHY_MAX,
			"this kernel has no overlayfs: its module is neither in the initramfs (keelboot image build --module-set overlay) nor in the slot");
	else if (err != KB_OK)
		snprintf(why, WHY_MAX, "unable to mount the overlay on %s: %s", p->upper,
			 err_text(err));
	return err;
}

static enum kb_err enter_overlay(const char *place, char *why)
{
	enum kb_err err = os_change_root(place);

	if (err == KB_OK)
		return KB_OK;
	snprintf(why, WHY_MAX, "unable to make the overlay the root: %s", err_text(err));
	if (os_umount(place) != KB_OK)
		log_warn("root: unable to unmount %s: %m", place);
	return err;
}

/* The overlay holds the upper file system; nobody else needs to see it. */
static void hide_upper(void)
{
	if (os_umount(OVERLAY_UPPER) != KB_OK)
		log_warn("root: unable to unmount " OVERLAY_UPPER ": %m");
}

static enum kb_err make_root(const struct overlay_plan *p, char *why)
{
	const char *place = find_place();

	if (overlay_upper_is_read_only()) {
		snprintf(
			why, WHY_MAX,
			"Linux mounted %s read-only: dmesg says why; repair it by fsck, or make a new file system",
			p->upper);
		return KB_EPERM;
	}
	overlay_sweep(p, OVERLAY_FOLDER);
	TRY(make_folders(p, why));
	overlay_upper_report_room(p);
	TRY(mount_overlay(p, place, why));
	return enter_overlay(place, why);
}

void overlay_enter(const struct overlay_plan *p)
{
	char why[WHY_MAX] = "", text[WHY_MAX + 48];
	enum kb_err err = mount_upper(p, why);

	if (err == KB_OK) {
		err = make_root(p, why);
		hide_upper();
	}
	if (err == KB_OK) {
		log_notice("root: an overlay on %s, above the slot", p->upper);
		overlay_remount_allow();
		return;
	}
	snprintf(text, sizeof(text), "read-only, without its overlay: %s", why);
	overlay_report(text);
}
