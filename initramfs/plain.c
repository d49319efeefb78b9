/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/plain.h"

#include "initramfs/disks/devices_rank.h"
#include "initramfs/hardware.h"
#include "initramfs/measure.h"
#include "initramfs/root.h"
#include "initramfs/watchdog.h"
#include "lib/log.h"
#include "lib/os.h"

#include <string.h>

#define STEP_MS 100

struct found {
	/* what root= names; NULL: nothing does */
	const struct prober_part *part;
	/* where it is */
	const struct probe_disk *disk;
	/* one that has it too, or alone, and may not; NULL: none */
	const struct probe_disk *barred;
};

/* As between disks of the device. */
static bool goes_first(const struct probe_disk *a, const struct probe_disk *b)
{
	enum devices_kind of_a = devices_rank_kind(a), of_b = devices_rank_kind(b);

	return of_a != of_b ? of_a > of_b : strcmp(a->path, b->path) < 0;
}

/* On a disk that may be the device's: a stick with the same label is not, and a card is only where
 * no fixed disk has it. */
static struct found find_root(const struct boot *b)
{
	struct found f = { .part = NULL };

	for (unsigned i = 0; i < PROBE_DISKS_MAX; i++) {
		const struct probe_disk *disk = &b->probe.disk[i];
		const struct prober_part *part = probe_find(&b->probe, disk, b->cmd.root);

		if (part == NULL)
			continue;
		if (!devices_rank_allows(&b->conf, disk)) {
			f.barred = disk;
		} else if (f.part == NULL || goes_first(disk, f.disk)) {
			f.part = part;
			f.disk = disk;
		}
	}
	return f;
}

/* As for the device's disk: what can be plugged in waits for what cannot, and all for those that
 * are being looked at. */
static bool is_decided(const struct boot *b, const struct found *f, uint64_t waited)
{
	if (f->part == NULL || waited >= PROBE_DEADLINE_MS)
		return f->part != NULL;
	return devices_rank_firm(&b->conf, f->disk) &&
	       !devices_rank_more(&b->probe, &b->conf, devices_rank_kind(f->disk));
}

static void report_missing_root(const struct boot *b, const struct probe_disk *barred)
{
	const char *root = b->cmd.root;
	unsigned s = b->conf.timeout_s;

	if (barred == NULL)
		log_err("keelboot.enable=0: root=%s did not appear within %u s", root, s);
	else if (b->conf.disk[0] != '\0')
		log_err("keelboot.enable=0: root=%s was only where [system] disk= does not allow it for %u s",
			root, s);
	else
		log_err("keelboot.enable=0: root=%s was only on USB for %u s; [system] usb-disk=yes allows that",
			root, s);
}

static const struct prober_part *wait_for(struct boot *b)
{
	uint64_t start = os_now_ms(), end = start + b->conf.timeout_s * UINT64_C(1000);
	struct found f;

	probe_start(&b->probe);
	for (f = find_root(b); !is_decided(b, &f, os_now_ms() - start) && os_now_ms() < end;
	     f = find_root(b)) {
		watchdog_feed(b);
		if (probe_step(&b->probe, STEP_MS) == KB_ETIMEDOUT)
			log_debug("waiting for %s", b->cmd.root);
	}
	if (f.part == NULL)
		report_missing_root(b, f.barred);
	return f.part;
}

static struct root plain_root(const struct boot *b)
{
	struct root root = b->root;

	root.writable = b->cmd.rw;
	root.protect = false; /* it is no slot */
	return root;
}

static bool mount_plain_root(struct boot *b)
{
	const struct root root = plain_root(b);
	const struct prober_part *part;
	char reason[STATE_STR_MAX + 1];

	hardware_load_all(b, "keelboot.enable=0");
	part = wait_for(b);
	return part != NULL &&
	       root_mount(&root, part->dev, part->fstype[0] != '\0' ? part->fstype : "auto",
			  reason) == KB_OK;
}

bool plain_mount(struct boot *b)
{
	bool mounted;

	log_notice("keelboot.enable=0: no update, no choice of a slot");
	if (b->cmd.root[0] == '\0') {
		log_err("keelboot.enable=0 needs root= on the kernel command line; booting a slot");
		return false;
	}
	mounted = mount_plain_root(b);
	probe_stop(&b->probe);
	if (!mounted)
		log_err("keelboot.enable=0: root=%s cannot be mounted; booting a slot",
			b->cmd.root);
	return mounted;
}

enum kb_err plain_enter(struct boot *b)
{
	const struct root root = plain_root(b);

	TRY(measure_none(b, "keelboot.enable=0"));
	watchdog_decide(b);
	watchdog_hand_over(b);
	return root_enter(&root, b->argv, b->envp);
}
