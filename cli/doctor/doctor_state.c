/* SPDX-License-Identifier: Apache-2.0 */
/* The state partition: can it be read, what holds updates back, how worn it is, is the disk known.
 */
#include "cli/doctor/doctor_checks.h"

#include "lib/bytes.h"
#include "lib/disk_path.h"
#include "lib/os.h"
#include "lib/util.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Times that each cell may be written before it is worth a word: far from what any flash bears. */
#define CELL_WRITES_MAX 1000

static bool check_found(struct doctor *doc)
{
	const struct status *st = &doc->st;

	if (st->opened != KB_OK)
		doctor_report(doc, DOCTOR_ERROR, "state-missing",
			      "name it in [state] partition= of system.conf; run this as root",
			      "the state partition cannot be opened: nothing is counted");
	else if (st->d->finding == STORE_BLANK)
		doctor_report(doc, DOCTOR_ERROR, "state-blank",
			      "boot with Keelboot once, or write it: keelboot state init",
			      "the state partition was never written");
	else if (st->d->finding == STORE_LOST && st->d->content.what != NULL)
		doctor_report(doc, DOCTOR_ERROR, "state-foreign",
			      "name the state partition in [state] partition= of system.conf",
			      "%s is %s, not a state partition: nothing is counted",
			      st->d->state_path, st->d->content.what);
	else if (st->d->finding == STORE_LOST)
		doctor_report(doc, DOCTOR_ERROR, "state-lost",
			      "reboot: the boot makes a new state from the slots",
			      "both regions of the state are damaged");
	return st->have_state;
}

/* What `status` warns of. */
static void report_problems(struct doctor *doc)
{
	for (unsigned i = 0; i < doc->st.nproblems; i++) {
		const struct status_problem *p = &doc->st.problem[i];

		doctor_report(doc, p->severe ? DOCTOR_ERROR : DOCTOR_WARNING, p->id, p->fix, "%s",
			      p->text);
	}
}

/* Only a card and eMMC say what they erase at once. */
static void check_erase_group(struct doctor *doc)
{
	char dev[DEVICE_PATH_MAX], path[DEVICE_PATH_MAX], text[32];
	uint64_t group, apart = doc->d->store.second;

	if (!doctor_boot_device(doc, "disk", dev, sizeof(dev)) || strncmp(dev, "/dev/", 5) != 0)
		return;
	snprintf(path, sizeof(path), "/sys/class/block/%.60s/device/preferred_erase_size", dev + 5);
	if (!doctor_read(doc, path, text, sizeof(text)) ||
	    bytes_decimal(&group, text, UINT64_C(1) << 40) != KB_OK || group <= apart)
		return;
	doctor_report(
		doc, DOCTOR_WARNING, "state-erase-group",
		store_second_of(doc->d->dev->size) >= group
			? "at the factory: keelboot state init --size, with the size of the whole partition"
			: "in the next layout of the disk: a larger state partition, see docs/STATE.md",
		"%.60s erases %" PRIu64
		" MiB at once, and the two regions of the state lie %" PRIu64
		" MiB apart: one failed write may destroy both",
		dev, group >> 20, apart >> 20);
}

static void check_wear(struct doctor *doc)
{
	uint64_t each = doc->d->state.seq / (2 * STORE_CELLS);

	if (each > CELL_WRITES_MAX)
		doctor_report(
			doc, DOCTOR_WARNING, "state-wear",
			"see `keelboot history` for the cause; count=never, or a watchdog that reports its resets, saves two records at each boot",
			"the state was written %" PRIu64 " times, each cell about %" PRIu64
			" times",
			doc->d->state.seq, each);
}

/* Where what the kernel counts in the order of discovery begins: before it stands what the board is
 * built like, and that alone names a place. */
static bool is_counted(const char *part)
{
	static const char *const counted[] = { "mmc_host/", "nvme/", "host", "virtio", "block/" };

	for (unsigned i = 0; i < KB_ARRAY_LEN(counted); i++) {
		if (strncmp(part, counted[i], strlen(counted[i])) == 0)
			return true;
	}
	return false;
}

/* The value of disk= for a disk "/dev/x". False: sysfs does not know it. */
static bool path_glob(const struct doctor *doc, const char *dev, char *glob, size_t size)
{
	const char *name = dev + (strncmp(dev, "/dev/", 5) == 0 ? 5 : 0), *from;
	char link[DEVICE_PATH_MAX], at[DISK_PATH_LEN];

	snprintf(at, sizeof(at), "%.150s/sys/class/block/%.60s", doc->sys_root, name);
	if (os_readlink(at, link, sizeof(link)) != KB_OK ||
	    (from = strstr(link, "/devices/")) == NULL)
		return false;
	snprintf(at, sizeof(at), "%.255s", from);
	disk_path_follow(at, doc->sys_root, name);
	for (char *part = at + 1; (part = strchr(part, '/')) != NULL;) {
		if (is_counted(++part)) {
			*part = '\0';
			break;
		}
	}
	return snprintf(glob, size, "%s*", at) < (int)size;
}

static void check_pin(struct doctor *doc)
{
	char dev[DEVICE_PATH_MAX], glob[160], fix[DOCTOR_TEXT_LEN];

	if (!doctor_boot_device(doc, "disk", dev, sizeof(dev)))
		return;
	if (!path_glob(doc, dev, glob, sizeof(glob)))
		snprintf(glob, sizeof(glob), "(its path in /sys)");
	snprintf(fix, sizeof(fix), "[system] of system.conf in the initramfs: disk=%s", glob);
	doctor_report(
		doc, DOCTOR_WARNING, "disk-not-pinned", fix,
		"disk= does not name this device's disk, %.60s: a second disk with the same labels could be mistaken for it",
		dev);
}

static void check_disk(struct doctor *doc)
{
	char id[DEVICE_PATH_MAX], other[DEVICE_PATH_MAX];

	if (doctor_boot_device(doc, "ambiguous", other, sizeof(other)))
		doctor_report(
			doc, DOCTOR_ERROR, "disk-ambiguous",
			"pin the right one: [system] disk= of system.conf",
			"another disk, %.100s, looks like this device's: no update is installed",
			other);
	if (doc->d->conf.disk[0] != '\0' || !doc->d->run_found)
		return;
	check_pin(doc);
	if (doc->d->state.disk[0] != '\0' && doctor_boot_device(doc, "diskid", id, sizeof(id)) &&
	    strncmp(id, doc->d->state.disk, STATE_STR_MAX) != 0)
		doctor_report(
			doc, DOCTOR_WARNING, "disk-moved",
			"if this is intended: keelboot mark good binds the state to this disk",
			"the device runs from disk %.80s, but the state belongs to %.48s", id,
			doc->d->state.disk);
}

void doctor_state(struct doctor *doc)
{
	if (!check_found(doc))
		return;
	report_problems(doc);
	check_erase_group(doc);
	check_wear(doc);
	check_disk(doc);
}
