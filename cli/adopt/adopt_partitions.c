/* SPDX-License-Identifier: Apache-2.0 */
/* The partitions that are missing: how large, and is there room behind the others? */
#include "cli/adopt/adopt.h"

#include "lib/os.h"
#include "lib/util.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BOOT_MIB    512 /* some kernels, each with its initramfs */
#define STATE_MIB   16
#define DATA_ROOM   64 /* of a small file system, or its journal */
#define OVERLAY_MIB 512
#define IMAGE_ROOM  (16 * ADOPT_MIB) /* for a journal */
#define GPT_ROOM    2		     /* MiB: the copy of the table, and alignment */

/* Data comes last: it takes what is left. */
struct wanted {
	enum adopt_role role;
	const char *what;
	uint64_t mib;
};

uint64_t adopt_image_size(const struct adopt *ad)
{
	return (ad->used + ad->used / 8 + IMAGE_ROOM) / ADOPT_MIB * ADOPT_MIB;
}

uint64_t adopt_data_room(const struct adopt *ad)
{
	return 2 * ad->used;
}

/* mkfs.ext4 takes 1.6 % for inodes (of less than 512 MiB, 6 %), and up to 3 % for the journal. */
static uint64_t data_mib(const struct adopt *ad)
{
	uint64_t room = adopt_data_room(ad) / ADOPT_MIB;

	return room + room / 16 + DATA_ROOM;
}

/* As large as slot a, unless that is so full that an image of its content is larger. */
static uint64_t slot_mib(const struct adopt *ad)
{
	uint64_t root = ad->role[ADOPT_ROOT]->size, image = adopt_image_size(ad);

	return (image > root ? image : root) / ADOPT_MIB;
}

static uint64_t free_mib(const struct adopt *ad)
{
	uint64_t end = 0;

	for (unsigned i = 0; i < ad->disk.n; i++)
		if (ad->disk.part[i].start + ad->disk.part[i].size > end)
			end = ad->disk.part[i].start + ad->disk.part[i].size;
	end += GPT_ROOM * ADOPT_MIB;
	return ad->disk.size > end ? (ad->disk.size - end) / ADOPT_MIB : 0;
}

static void append(char *out, size_t size, const char *text)
{
	size_t len = strlen(out);

	snprintf(out + len, size - len, "%s", text);
}

/* Where the disk grew, the copy of the table has to move to the end first. What a partition of
 * before left in the free space would look as if the new one were somebody's: sfdisk wipes the
 * signatures, and the new state must be blank, which blocks of old files are not. */
static void write_commands(const struct adopt *ad, const struct wanted *w, size_t n,
			   char fix[ADOPT_FIX_LEN])
{
	char line[224];

	snprintf(fix, ADOPT_FIX_LEN,
		 "sfdisk -q --relocate gpt-bak-std --no-reread --force %s\nprintf '%%s\\n'",
		 ad->disk_path);
	for (size_t i = 0; i < n; i++) {
		if (!ad->will_be[w[i].role])
			continue;
		if (w[i].role == ADOPT_DATA)
			snprintf(line, sizeof(line), " 'name=\"%s\"'", adopt_label[w[i].role]);
		else
			snprintf(line, sizeof(line), " 'size=%" PRIu64 "M, name=\"%s\"'", w[i].mib,
				 adopt_label[w[i].role]);
		append(fix, ADOPT_FIX_LEN, line);
	}
	snprintf(
		line, sizeof(line),
		" | sfdisk -q --append --wipe-partitions always --no-reread --force %s\npartx -u %s\nudevadm settle",
		ad->disk_path, ad->disk_path);
	append(fix, ADOPT_FIX_LEN, line);
	if (!ad->will_be[ADOPT_STATE])
		return;
	snprintf(line, sizeof(line), "\nblkdiscard -z /dev/disk/by-partlabel/%s",
		 adopt_label[ADOPT_STATE]);
	append(fix, ADOPT_FIX_LEN, line);
}

static bool is_missing(const struct adopt *ad, enum adopt_role role)
{
	struct adopt_mount m;

	return ad->role[role] == NULL && (role != ADOPT_BOOT || !adopt_mount_at(ad, "/boot", &m));
}

/* Debian has it in a package of its own, which a small system leaves out. */
static void check_sfdisk(struct adopt *ad)
{
	char path[DEVICE_PATH_MAX];

	adopt_path(ad, path, "/usr/sbin/sfdisk");
	if (!os_executable(path))
		adopt_missing(ad, "apt-get install -y fdisk",
			      "%s is missing: it makes the partitions", path);
}

/* An overlay is asked for only together with others: without one, memory does. */
void adopt_check_partitions(struct adopt *ad)
{
	uint64_t room = free_mib(ad), sum = 0;
	const struct wanted w[] = {
		{ ADOPT_BOOT, "/boot", BOOT_MIB },
		{ ADOPT_STATE, "the state", STATE_MIB },
		{ ADOPT_SLOT_B, "slot b", slot_mib(ad) },
		{ ADOPT_OVERLAY, "the overlay", OVERLAY_MIB },
		{ ADOPT_DATA, "data", data_mib(ad) },
	};
	char fix[ADOPT_FIX_LEN], names[96] = "";

	for (size_t i = 0; i < KB_ARRAY_LEN(w); i++) {
		if (w[i].role == ADOPT_OVERLAY || !is_missing(ad, w[i].role))
			continue;
		ad->will_be[w[i].role] = true;
		sum += w[i].mib;
		append(names, sizeof(names), names[0] != '\0' ? ", " : "");
		append(names, sizeof(names), w[i].what);
	}
	if (sum == 0)
		return;
	if (room >= sum) {
		ad->will_be[ADOPT_OVERLAY] =
			ad->role[ADOPT_OVERLAY] == NULL && room >= sum + OVERLAY_MIB;
		write_commands(ad, w, KB_ARRAY_LEN(w), fix);
		check_sfdisk(ad);
		adopt_missing(ad, fix, "no partition for %s", names);
		return;
	}
	memset(ad->will_be, 0, sizeof(ad->will_be));
	adopt_problem(
		ad,
		"enlarge the disk, or shrink a partition from another system (a stick with GParted); or name partitions that are free: --state, --slot b:root=, --data",
		"no partition for %s, and only %" PRIu64 " MiB behind the last one: %" PRIu64
		" MiB are needed",
		names, room, sum);
}
