/* SPDX-License-Identifier: Apache-2.0 */
/* What keeps this system from being adopted. */
#include "cli/adopt/adopt.h"

#include "lib/container.h"
#include "lib/os.h"
#include "lib/util.h"
#include "selector/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define IMAGE_ROOM (16 * ADOPT_MIB) /* for a journal */

uint64_t adopt_image_size(const struct adopt *ad)
{
	return (ad->used + ad->used / 8 + IMAGE_ROOM) / ADOPT_MIB * ADOPT_MIB;
}

/* What the slot holds is the file system of the root, and nothing that is mounted into it. */
static void check_root(struct adopt *ad)
{
	static const char *const good[] = { "ext4", "ext3", "ext2", "xfs", "f2fs" };
	static const char *const inside[] = { "/usr", "/etc", "/bin", "/sbin", "/lib" };
	struct adopt_mount m;
	bool known = false;

	for (size_t i = 0; i < KB_ARRAY_LEN(good); i++)
		known = known || strcmp(ad->root_fstype, good[i]) == 0;
	if (!known)
		adopt_problem(
			ad, "a slot needs a file system of its own: install onto ext4, xfs or f2fs",
			"the root is %s%s", ad->root_fstype,
			strcmp(ad->root_fstype, "btrfs") == 0 ? ", whose subvolumes cannot be slots"
							      : "");
	for (size_t i = 0; i < KB_ARRAY_LEN(inside); i++)
		if (adopt_mount_at(ad, inside[i], &m))
			adopt_problem(
				ad, "move it onto the root's partition",
				"%s is a mount of its own: a slot has to hold the whole system",
				inside[i]);
}

static void check_boot(struct adopt *ad)
{
	struct adopt_mount m;

	if (adopt_mount_at(ad, "/boot", &m))
		return;
	adopt_problem(
		ad,
		"echo 'size=512M, name=\"boot\"' | sfdisk -q --append --no-reread --force DISK; partx -u DISK\n"
		"mkfs.ext4 /dev/disk/by-partlabel/boot; mount /dev/disk/by-partlabel/boot /mnt; cp -a /boot/. /mnt; umount /mnt\n"
		"echo 'PARTLABEL=boot /boot ext4 defaults 0 2' >>/etc/fstab; mount /boot; grub-install DISK; update-grub",
		"/boot lies inside of the root, so inside of slot a: kernel and initramfs serve both slots, and need a partition of their own");
}

static void check_slot_b(struct adopt *ad)
{
	const struct prober_part *b = ad->role[ADOPT_SLOT_B];
	uint64_t wanted = adopt_image_size(ad);
	struct adopt_mount m;
	char fix[ADOPT_FIX_LEN];

	if (b == NULL)
		return;
	if (adopt_mount_of(ad, b, &m)) {
		snprintf(fix, sizeof(fix), "umount %s, and take its line out of /etc/fstab",
			 m.place);
		adopt_problem(ad, fix, "slot b (%s) is mounted on %s: it would be overwritten",
			      b->dev, m.place);
	}
	if (container_is(b->fstype))
		adopt_problem(ad, "take another partition, or wipefs -a it if nothing uses it",
			      "slot b (%s) is %s: nothing is installed there", b->dev, b->fstype);
	if (b->size >= wanted)
		return;
	snprintf(
		fix, sizeof(fix),
		"sfdisk --delete %s %u; then run this again, and make it larger; or remove from the root what it does not need (apt clean)",
		ad->disk_path, b->number);
	adopt_problem(ad, fix,
		      "slot b (%s) is too small: it has %" PRIu64
		      " MiB, and this root needs %" PRIu64 " MiB",
		      b->dev, b->size / ADOPT_MIB, wanted / ADOPT_MIB);
}

static void check_state(struct adopt *ad)
{
	const struct prober_part *s = ad->role[ADOPT_STATE];
	struct adopt_mount m;
	char fix[ADOPT_FIX_LEN];

	if (s == NULL)
		return;
	if (s->size < STORE_MIN_SIZE)
		adopt_problem(ad, "make it larger, 16 MiB or more", "the state (%s) is too small",
			      s->dev);
	if (s->fstype[0] == '\0' && !adopt_mount_of(ad, s, &m))
		return;
	snprintf(fix, sizeof(fix), "if nothing uses it: wipefs -a %s", s->dev);
	adopt_problem(ad, fix, "the partition for the state (%s) holds something: %s", s->dev,
		      s->fstype[0] != '\0' ? s->fstype : "it is mounted");
}

static void check_data(struct adopt *ad)
{
	const struct prober_part *data = ad->role[ADOPT_DATA];
	char fix[ADOPT_FIX_LEN], path[DEVICE_PATH_MAX];
	uint64_t free_bytes, total;

	if (data == NULL)
		return;
	if (data->fstype[0] == '\0' || ad->data_mount[0] == '\0') {
		snprintf(
			fix, sizeof(fix),
			"%s%secho 'PARTUUID=%s /data ext4 defaults,nofail 0 2' >>/etc/fstab; mkdir -p /data; mount /data",
			data->fstype[0] == '\0' ? "mkfs.ext4 " : "",
			data->fstype[0] == '\0' ? data->dev : "", data->partuuid);
		if (data->fstype[0] == '\0')
			snprintf(
				fix, sizeof(fix),
				"mkfs.ext4 %s; mkdir -p /data; echo 'PARTUUID=%s /data ext4 defaults,nofail 0 2' >>/etc/fstab; mount /data",
				data->dev, data->partuuid);
		adopt_problem(ad, fix, "the data partition (%s) %s", data->dev,
			      data->fstype[0] == '\0' ? "has no file system" : "is not mounted");
		return;
	}
	adopt_path(ad, path, ad->data_mount);
	if (os_free_space(path, &free_bytes, &total) == KB_OK && free_bytes < 2 * ad->used)
		adopt_problem(ad, "make room there, or take a larger partition: --data DEVICE",
			      "%s has %" PRIu64 " MiB left; the image and its bundle need %" PRIu64
			      " MiB",
			      ad->data_mount, free_bytes / ADOPT_MIB, 2 * ad->used / ADOPT_MIB);
}

static void check_overlay(struct adopt *ad)
{
	const struct prober_part *o = ad->role[ADOPT_OVERLAY];
	char fix[ADOPT_FIX_LEN], path[DEVICE_PATH_MAX];
	struct adopt_mount m;

	if (o != NULL && o->fstype[0] == '\0') {
		snprintf(fix, sizeof(fix), "mkfs.ext4 %s", o->dev);
		adopt_problem(ad, fix, "the partition of the overlay (%s) has no file system",
			      o->dev);
	}
	if (o != NULL && adopt_mount_of(ad, o, &m))
		adopt_problem(ad, "umount it, and take its line out of /etc/fstab",
			      "the partition of the overlay (%s) is mounted on %s", o->dev,
			      m.place);
	adopt_path(ad, path, "/usr/lib/keelboot/keelboot-overlay");
	if (!os_executable(path))
		adopt_problem(ad, "apt install keelboot",
			      "%s is missing: it makes the overlay above a slot", path);
}

/* A private key in the root would come into the bundle, and onto each device that takes it. */
static void check_key(struct adopt *ad)
{
	char root[DEVICE_PATH_MAX];
	struct stat key, at;

	if (ad->key == NULL) {
		adopt_problem(
			ad,
			"keelboot key generate -o /data/vendor; then pass --key /data/vendor.key",
			"no private key to sign the first bundle with");
		return;
	}
	if (strncmp(ad->key, "pkcs11:", 7) == 0)
		return;
	adopt_path(ad, root, "/");
	if (stat(ad->key, &key) != 0)
		adopt_problem(ad, "keelboot key generate -o /data/vendor", "%s: cannot be read: %m",
			      ad->key);
	else if (ad->sys_root[0] == '\0' && stat(root, &at) == 0 && key.st_dev == at.st_dev)
		adopt_problem(ad, "move it onto the data partition, or onto a stick",
			      "%s lies on the root, and would become a part of the bundle",
			      ad->key);
}

static void check_initramfs(struct adopt *ad)
{
	if (ad->generator == NULL)
		adopt_problem(ad, "apt install keelboot-initramfs-tools (or keelboot-dracut)",
			      "nothing puts Keelboot into the initramfs");
}

void adopt_check(struct adopt *ad)
{
	if (geteuid() != 0)
		adopt_problem(ad, "run it as root", "this user may not look at disks");
	if (ad->role[ADOPT_ROOT] == NULL)
		return;
	check_root(ad);
	check_boot(ad);
	adopt_check_partitions(ad);
	check_state(ad);
	check_slot_b(ad);
	check_data(ad);
	check_overlay(ad);
	if (!ad->has_bundle)
		check_key(ad);
	check_initramfs(ad);
}
