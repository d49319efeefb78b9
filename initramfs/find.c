/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/find.h"

#include "initramfs/driverless.h"
#include "initramfs/hardware.h"
#include "initramfs/watchdog.h"
#include "lib/log.h"

#define DISK_WAIT_S 30 /* for one that did not come within timeout= */

static void load_all(void *boot)
{
	hardware_load_all(boot, "no disk has the state and all slots");
}

enum kb_err find_devices(struct boot *b)
{
	struct devices_wait wait = {
		.timeout_s = b->conf.timeout_s,
		.sources = b->sources,
		.idle = watchdog_idle,
		.missing = load_all,
		.loading = hardware_is_loading,
		.ctx = b,
	};
	enum kb_err err;

	hardware_listen(b);
	err = devices_find(&b->dev, &b->probe, &b->conf, &wait);
	if (err == KB_OK)
		driverless_mention(hardware_packs);
	if (err != KB_ENODEV)
		return err;
	driverless_report();
	log_err("no disk found: nothing can boot, and no stick can help; restarting in %u s unless the disk appears",
		DISK_WAIT_S);
	wait.timeout_s = DISK_WAIT_S;
	b->restart_s = BOOT_RESTART_WAITED_S;
	TRY(devices_find(&b->dev, &b->probe, &b->conf, &wait));
	b->restart_s = BOOT_RESTART_S;
	return KB_OK;
}
