/* SPDX-License-Identifier: Apache-2.0 */
/* What keeps this system from being adopted. */
#include "cli/adopt/adopt.h"

#include "cli/bundle/bundle_folder.h"
#include "lib/os.h"
#include "lib/util.h"
#include "selector/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What the slot holds is the file system of the root, and nothing that is mounted into it. */
static void check_root(struct adopt *ad)
{
	static const char *const good[] = { "ext4", "ext3", "ext2", "xfs", "f2fs" };
	static const char *const inside[] = { "/usr", "/etc", "/bin", "/sbin", "/lib", "/var" };
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

static void check_slot_b(struct adopt *ad)
{
	const struct prober_part *b = ad->role[ADOPT_SLOT_B];
	uint64_t wanted = adopt_image_size(ad);
	char fix[ADOPT_FIX_LEN], use[ADOPT_WORDS_LEN];

	if (b == NULL)
		return;
	if (adopt_in_use(ad, b, use))
		adopt_problem(ad, ADOPT_END_USE, "slot b (%s) %s: it would be overwritten", b->dev,
			      use);
	else if (adopt_content(b) != ADOPT_BLANK && adopt_content(b) != ADOPT_FILE_SYSTEM)
		adopt_foreign(ad, b, "slot b");
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

/* Whose record it is, and what is none: `state init` would refuse both, behind the first writes. */
static void check_record(struct adopt *ad, const struct prober_part *s)
{
	char fix[ADOPT_FIX_LEN];

	snprintf(fix, sizeof(fix), ADOPT_ERASE, s->dev, s->dev);
	if (ad->conf_unfit && (ad->state_foreign || adopt_content(s) == ADOPT_RECORD))
		adopt_problem(
			ad, "decide about system.conf first, as above; then run this again",
			"the partition for the state (%s) holds a state, and as system.conf does not fit, it may be the state of another installation: nothing is written there",
			s->dev);
	else if (ad->state_foreign || (adopt_content(s) == ADOPT_RECORD && !ad->configured))
		adopt_problem(
			ad, fix,
			"the partition for the state (%s) holds the state of another installation, which would have its slots booted: nothing is written there",
			s->dev);
	else if (adopt_content(s) != ADOPT_BLANK && adopt_content(s) != ADOPT_RECORD)
		adopt_foreign(ad, s, "the partition for the state");
	else if (ad->state_lost)
		adopt_problem(
			ad, fix,
			"the partition for the state (%s) holds no valid state, and is not empty: nothing is written there",
			s->dev);
}

static void check_state(struct adopt *ad)
{
	const struct prober_part *s = ad->role[ADOPT_STATE];
	char words[ADOPT_WORDS_LEN];

	if (s == NULL)
		return;
	if (s->size < STORE_MIN_SIZE)
		adopt_problem(ad, "make it larger, 16 MiB or more", "the state (%s) is too small",
			      s->dev);
	if (adopt_in_use(ad, s, words))
		adopt_problem(ad, ADOPT_END_USE, "the partition for the state (%s) %s", s->dev,
			      words);
	else
		check_record(ad, s);
}

static void check_program(struct adopt *ad)
{
	char path[DEVICE_PATH_MAX];

	adopt_path(ad, path, "/usr/lib/keelboot/keelboot-overlay");
	if (!os_executable(path))
		adopt_missing(ad, "apt-get install -y keelboot",
			      "%s is missing: it makes the overlay above a slot", path);
}

/* What is no option, but of /etc/os-release, or of a run before. */
static void check_bundle(struct adopt *ad)
{
	const char *wrong = adopt_bundle_wrong("compatible", ad->compatible);
	char path[DEVICE_PATH_MAX];

	if (wrong != NULL)
		adopt_problem(ad, "pass another: --compatible NAME",
			      "%s cannot be the name of a device: %s", ad->compatible, wrong);
	if (ad->from == NULL)
		return;
	snprintf(path, sizeof(path), "%s/etc/keelboot", ad->from);
	if (!bundle_folder_is(path))
		adopt_problem(ad, "make the snapshot when the package keelboot is installed",
			      "--from %s has no /etc/keelboot", ad->from);
}

static void check_initramfs(struct adopt *ad)
{
	if (ad->generator == NULL)
		adopt_problem(
			ad, "apt install keelboot-initramfs-tools (or keelboot-dracut)",
			"nothing that adopt knows puts Keelboot into the initramfs; it does not know mkosi-initrd");
}

/* Not what runs: inside a chroot that is another system's, and /run is empty or that one's. */
static bool has_systemd(const struct adopt *ad)
{
	char init[DEVICE_PATH_MAX], program[DEVICE_PATH_MAX];
	const char *name;

	adopt_path(ad, init, "/sbin/init");
	if (os_readlink(init, program, sizeof(program)) != KB_OK)
		return false;
	name = strrchr(program, '/');
	return strcmp(name != NULL ? name + 1 : program, "systemd") == 0;
}

/* Packages enable the units of systemd; of another init, nobody else would mark a trial good. */
static void check_init(struct adopt *ad)
{
	char scripts[DEVICE_PATH_MAX], ours[DEVICE_PATH_MAX];

	adopt_path(ad, scripts, "/etc/init.d");
	adopt_path(ad, ours, "/etc/init.d/keelboot");
	if (!has_systemd(ad) && os_exists(scripts) && !os_exists(ours))
		adopt_missing(
			ad,
			"ln -s /usr/lib/keelboot/keelboot.init /etc/init.d/keelboot\n"
			"update-rc.d keelboot defaults\n"
			"ln -s /usr/lib/keelboot/keelboot-early.init /etc/init.d/keelboot-early\n"
			"update-rc.d keelboot-early defaults",
			"/sbin/init is not systemd, and no script of sysvinit marks a trial good");
}

static bool lies_in_root(const struct adopt *ad, const char *file)
{
	struct adopt_mount m;
	char place[256], *slash;

	snprintf(place, sizeof(place), "%s", file);
	while ((slash = strrchr(place, '/')) != NULL && slash != place) {
		*slash = '\0';
		if (adopt_mount_at(ad, place, &m))
			return false;
	}
	return true;
}

/* Above an overlay the kernel refuses it, and a unit that fails rejects the first trial. */
static void check_swap_file(struct adopt *ad)
{
	static char text[64u << 10];
	char path[DEVICE_PATH_MAX], *rest = text, *line, fix[ADOPT_FIX_LEN];
	char file[256], place[256], type[16];

	adopt_path(ad, path, "/etc/fstab");
	if (os_read_file(path, text, sizeof(text), NULL) != KB_OK)
		return;
	while ((line = strsep(&rest, "\n")) != NULL) {
		if (sscanf(line, "%255s %255s %15s", file, place, type) != 3 || file[0] != '/' ||
		    strcmp(type, "swap") != 0 || strncmp(file, "/dev/", 5) == 0 ||
		    !lies_in_root(ad, file))
			continue;
		snprintf(
			fix, sizeof(fix),
			"swapoff %s; rm %s; and take its line out of /etc/fstab: swap needs a partition, or zram",
			file, file);
		adopt_problem(ad, fix, "the swap file %s lies in the root, which gets read-only",
			      file);
	}
}

void adopt_check(struct adopt *ad)
{
	if (geteuid() != 0)
		adopt_problem(ad, "run it as root", "this user may not look at disks");
	if (ad->role[ADOPT_ROOT] == NULL)
		return;
	check_root(ad);
	adopt_check_partitions(ad);
	adopt_check_file_systems(ad);
	check_state(ad);
	check_slot_b(ad);
	check_program(ad);
	if (!ad->has_bundle) {
		check_bundle(ad);
		adopt_check_key(ad);
	}
	check_initramfs(ad);
	check_init(ad);
	check_swap_file(ad);
}
