/* SPDX-License-Identifier: Apache-2.0 */
/* What has a file system of its own beside the slots: /boot, data, and the overlay. */
#include "cli/adopt/adopt.h"

#include "lib/os.h"
#include "lib/os_room.h"
#include "lib/util.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Its node, now or when the commands before have made it; what makes its file system, or "". */
struct blank {
	char dev[72], mkfs[96], source[128];
	/* what it holds behind mkfs */
	const char *fstype;
};

static struct blank look(const struct adopt *ad, enum adopt_role role)
{
	const struct prober_part *p = ad->role[role];
	struct blank b = { .mkfs = "" };

	if (p == NULL) {
		snprintf(b.dev, sizeof(b.dev), "/dev/disk/by-partlabel/%s", adopt_label[role]);
		snprintf(b.source, sizeof(b.source), "PARTUUID=$(blkid -o value -s PARTUUID %s)",
			 b.dev);
	} else {
		snprintf(b.dev, sizeof(b.dev), "%s", p->dev);
		snprintf(b.source, sizeof(b.source), "PARTUUID=%s", p->partuuid);
	}
	if (p == NULL || adopt_content(p) == ADOPT_BLANK)
		snprintf(b.mkfs, sizeof(b.mkfs), "mkfs.ext4 -q %s\n", b.dev);
	b.fstype = b.mkfs[0] != '\0' ? "ext4" : p->fstype;
	return b;
}

/* Whether a partition may become `what`: nobody has it, and it is blank or a file system. Else a
 * problem. */
static bool check_free(struct adopt *ad, enum adopt_role role, const char *what)
{
	const struct prober_part *p = ad->role[role];
	enum adopt_content holds = p != NULL ? adopt_content(p) : ADOPT_BLANK;
	char use[ADOPT_WORDS_LEN];

	if (p == NULL)
		return true;
	if (adopt_in_use(ad, p, use))
		adopt_problem(ad, ADOPT_END_USE, "%s (%s) %s", what, p->dev, use);
	else if (holds != ADOPT_BLANK && holds != ADOPT_FILE_SYSTEM)
		adopt_foreign(ad, p, what);
	else
		return true;
	return false;
}

/* /boot/efi is below it, and unmounted meanwhile. The firmware may use the removable path. Where
 * the boot loader cannot be installed, /boot is as before, and the commands can be run again. */
static void check_boot(struct adopt *ad)
{
	struct blank b = look(ad, ADOPT_BOOT);
	struct adopt_mount m;
	char fix[ADOPT_FIX_LEN];
	int len;

	if (adopt_mount_at(ad, "/boot", &m) ||
	    !check_free(ad, ADOPT_BOOT, "the partition for /boot"))
		return;
	len = snprintf(fix, sizeof(fix),
		       "%smount --mkdir %s /run/boot\n"
		       "cp -ax /boot/. /run/boot\n"
		       "umount /run/boot\n",
		       b.mkfs, b.dev);
	snprintf(fix + len, sizeof(fix) - (size_t)len,
		 "! mountpoint -q /boot/efi || umount /boot/efi\n"
		 "mount %s /boot\n"
		 "trap 'umount -R /boot' EXIT\n"
		 "! grep -q '[[:space:]]/boot/efi[[:space:]]' /etc/fstab || mount /boot/efi\n"
		 "grub-install --force-extra-removable %s\n"
		 "update-grub\n"
		 "trap - EXIT\n"
		 "echo \"%s /boot %s defaults 0 2\" >>/etc/fstab",
		 b.dev, ad->disk_path, b.source, b.fstype);
	(b.mkfs[0] != '\0' ? adopt_missing : adopt_problem)(
		ad, fix,
		"/boot lies inside of the root, so inside of slot a: kernel and initramfs serve both slots, and need a partition of their own");
}

static void check_room(struct adopt *ad)
{
	char path[DEVICE_PATH_MAX];
	uint64_t wanted = adopt_data_room(ad);
	struct os_room room;

	adopt_path(ad, path, ad->data_mount);
	if (os_room(path, &room) == KB_OK && room.free_bytes < wanted)
		adopt_problem(ad, "make room there, or take a larger partition: --data DEVICE",
			      "%s has %" PRIu64 " MiB left; the image and its bundle need %" PRIu64
			      " MiB",
			      ad->data_mount, room.free_bytes / ADOPT_MIB, wanted / ADOPT_MIB);
}

static void check_mounted_data(struct adopt *ad, const struct prober_part *data)
{
	if (adopt_content(data) != ADOPT_FILE_SYSTEM)
		adopt_foreign(ad, data, "the data partition");
	else if (!ad->has_bundle)
		check_room(ad);
}

static void check_data(struct adopt *ad)
{
	const struct prober_part *data = ad->role[ADOPT_DATA];
	struct blank b = look(ad, ADOPT_DATA);
	char fix[ADOPT_FIX_LEN];

	if (ad->data_mount[0] != '\0') {
		check_mounted_data(ad, data);
		return;
	}
	if (!check_free(ad, ADOPT_DATA, "the data partition"))
		return;
	snprintf(fix, sizeof(fix),
		 "%smkdir -p /data\n"
		 "mount %s /data\n"
		 "echo \"%s /data %s defaults,nofail 0 2\" >>/etc/fstab",
		 b.mkfs, b.dev, b.source, b.fstype);
	adopt_missing(ad, fix, "the data partition (%s) %s", b.dev,
		      b.mkfs[0] != '\0' ? "has no file system" : "is not mounted");
}

static void check_overlay(struct adopt *ad)
{
	struct blank b = look(ad, ADOPT_OVERLAY);

	if (check_free(ad, ADOPT_OVERLAY, "the partition of the overlay") && b.mkfs[0] != '\0')
		adopt_missing(ad, b.mkfs, "the partition of the overlay (%s) has no file system",
			      b.dev);
}

/* The commands know what they have made by its label, and so does udev: the link is another one's.
 */
static void check_label(struct adopt *ad, enum adopt_role role)
{
	char file[96], path[DEVICE_PATH_MAX], fix[ADOPT_FIX_LEN];

	if (ad->role[role] != NULL || !ad->will_be[role])
		return;
	snprintf(file, sizeof(file), "/dev/disk/by-partlabel/%s", adopt_label[role]);
	adopt_path(ad, path, file);
	if (!os_exists(path))
		return;
	snprintf(
		fix, sizeof(fix),
		"unplug that disk, or give its partition another label: sfdisk --part-label DISK NUMBER NAME");
	adopt_problem(ad, fix, "another disk has a partition labelled \"%s\": %s",
		      adopt_label[role], path);
}

void adopt_check_file_systems(struct adopt *ad)
{
	for (int role = 0; role < ADOPT_ROLES; role++)
		check_label(ad, (enum adopt_role)role);
	if (ad->role[ADOPT_BOOT] != NULL || ad->will_be[ADOPT_BOOT])
		check_boot(ad);
	if (ad->role[ADOPT_DATA] != NULL || ad->will_be[ADOPT_DATA])
		check_data(ad);
	if (ad->role[ADOPT_OVERLAY] != NULL || ad->will_be[ADOPT_OVERLAY])
		check_overlay(ad);
}
