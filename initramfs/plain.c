/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/plain.h"

#include "initramfs/root.h"
#include "lib/log.h"
#include "lib/os.h"

#define STEP_MS 100

static const struct prober_part *wait_for(struct boot *b)
{
	uint32_t timeout_s = b->cmd.timeout_s != 0 ? b->cmd.timeout_s : b->conf.timeout_s;
	uint64_t end = os_now_ms() + timeout_s * UINT64_C(1000);
	const struct prober_part *part;

	probe_start(&b->probe);
	while ((part = probe_find(&b->probe, NULL, b->cmd.root)) == NULL && os_now_ms() < end) {
		boot_idle(b);
		if (probe_step(&b->probe, STEP_MS) == KB_ETIMEDOUT)
			log_debug("waiting for %s", b->cmd.root);
	}
	if (part == NULL)
		log_err("keelboot.enable=0: root=%s did not appear within %u s", b->cmd.root,
			timeout_s);
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
