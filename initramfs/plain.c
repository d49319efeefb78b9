/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/plain.h"

#include "initramfs/root.h"
#include "lib/log.h"
#include "lib/os.h"

#define STEP_MS 100

/* What root= names, on a disk that may be the device's: a stick with the same label is not.
 * *on_usb: it is only there. */
static const struct prober_part *find(const struct boot *b, bool *on_usb)
{
	*on_usb = false;
	for (unsigned i = 0; i < PROBE_DISKS_MAX; i++) {
		const struct probe_disk *disk = &b->probe.disk[i];
		const struct prober_part *part = probe_find(&b->probe, disk, b->cmd.root);

		if (part != NULL && (b->conf.usb_disk || !disk->usb))
			return part;
		*on_usb |= part != NULL;
	}
	return NULL;
}

static const struct prober_part *wait_for(struct boot *b)
{
	uint32_t timeout_s = b->cmd.timeout_s != 0 ? b->cmd.timeout_s : b->conf.timeout_s;
	uint64_t end = os_now_ms() + timeout_s * UINT64_C(1000);
	const struct prober_part *part;
	bool on_usb;

	probe_start(&b->probe);
	while ((part = find(b, &on_usb)) == NULL && os_now_ms() < end) {
		boot_idle(b);
		if (probe_step(&b->probe, STEP_MS) == KB_ETIMEDOUT)
			log_debug("waiting for %s", b->cmd.root);
	}
	if (part == NULL)
		log_err("keelboot.enable=0: root=%s %s %u s%s", b->cmd.root,
			on_usb ? "was only on USB for" : "did not appear within", timeout_s,
			on_usb ? "; [system] usb-disk=yes allows that" : "");
	return part;
}

enum kb_err plain_boot(struct boot *b)
{
	const struct root root = { .conf = &b->conf, .cmd = &b->cmd, .writable = b->cmd.rw };
	const struct prober_part *part;
	char reason[STATE_STR_MAX + 1];

	log_notice("keelboot.enable=0: no update, no choice of a slot");
	if (b->cmd.root[0] == '\0') {
		log_err("keelboot.enable=0 needs root= on the kernel command line");
		return KB_EINVAL;
	}
	part = wait_for(b);
	if (part == NULL)
		return KB_ENODEV;
	TRY(root_mount(&root, part->dev, part->fstype[0] != '\0' ? part->fstype : "auto", reason));
	probe_stop(&b->probe);
	wdt_decide(&b->wdt, b->conf.handover);
	boot_hand_over_watchdog(b);
	return root_enter(&root, b->argv, b->envp);
}
