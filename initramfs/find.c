/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/find.h"

#include "initramfs/watchdog.h"
#include "lib/log.h"

#define DISK_WAIT_S 30 /* for one that did not come within timeout= */

enum kb_err find_devices(struct boot *b)
{
	struct devices_wait wait = {
		.timeout_s = b->conf.timeout_s,
		.sources = b->sources,
		.idle = watchdog_idle,
		.ctx = b,
	};
	enum kb_err err = devices_find(&b->dev, &b->probe, &b->conf, &wait);

	if (err != KB_ENODEV)
		return err;
	log_err("no disk found: nothing can boot, and no stick can help; restarting in %u s unless the disk appears",
		DISK_WAIT_S);
	wait.timeout_s = DISK_WAIT_S;
	b->restart_s = BOOT_RESTART_WAITED_S;
	TRY(devices_find(&b->dev, &b->probe, &b->conf, &wait));
	b->restart_s = BOOT_RESTART_S;
	return KB_OK;
}
