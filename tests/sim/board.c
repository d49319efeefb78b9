/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/board.h"

#include "update/bundle/reader.h"

#include <linux/watchdog.h>
#include <stdio.h>

#define MIB	    (1ull << 20)
#define SYSTEM_CONF "/etc/keelboot/system.conf"

static const struct board *board;

struct os_sim_disk board_disk(const char *name, uint64_t slot)
{
	static char path[64];

	snprintf(path, sizeof(path), BOARD_DISK_PATH "%s", name);
	return (struct os_sim_disk){
		.name = name,
		.path = path,
		.size = 512 * MIB,
		.nparts = 3,
		.part = { { .partlabel = "keelboot-state", .size = STORE_MIN_SIZE },
			  { .partlabel = "root-a", .size = slot, .fstype = "ext4" },
			  { .partlabel = "root-b", .size = slot, .fstype = "ext4" } },
	};
}

void board_part(struct os_sim_disk *d, const char *label, const char *fstype)
{
	d->part[d->nparts++] =
		(struct os_sim_part){ .partlabel = label, .fstype = fstype, .size = 8 * MIB };
}

void board_apply(void (*run)(void *ctx, const char *const *argv), void *ctx, const int *status)
{
	const struct os_sim_child c = {
		.argv0 = "keelboot-apply",
		.say = { { 50, "P 1 check 1 2\n", 0 }, { 100, "P 1 write 1 2\n", 0 } },
		.duration_ms = 200,
		.run = run,
		.ctx = ctx,
		.result = status,
	};

	os_sim_child(&c);
}

struct os_wdt_info board_watchdog(void)
{
	return (struct os_wdt_info){
		.options =
			WDIOF_SETTIMEOUT | WDIOF_KEEPALIVEPING | WDIOF_MAGICCLOSE | WDIOF_CARDRESET,
		.identity = "i6300ESB timer",
	};
}

/* ---------------------------------------------------------------- slots */

static bool mounts(const char *dev)
{
	for (int i = 0; i < BOARD_SLOTS; i++)
		if (strcmp(dev, board->slot[i]) == 0)
			return board->mounts(i);
	return true;
}

void board_look(void)
{
	for (int i = 0; i < BOARD_SLOTS; i++)
		os_sim_disk_type(board->disk.name, 1 + (unsigned)i, board->seen(i) ? "ext4" : "");
}

/* ---------------------------------------------------------------- what there is */

void board_plug(const char *name, const char *fstype, unsigned at_ms)
{
	char path[96];

	snprintf(path, sizeof(path),
		 "/devices/pci0000:00/0000:00:05.0/usb1/1-1/1-1:1.0/host0/block/%s", name);
	os_sim_file("/sys/bus/usb/devices/usb1/speed", "480\n");
	os_sim_disk(&(struct os_sim_disk){ .name = name,
					   .path = path,
					   .size = 64 * MIB,
					   .removable = true,
					   .fstype = fstype,
					   .at_ms = at_ms });
}

void board_raw(const char *path, const uint8_t *block)
{
	char text[READER_HEADER_LEN + 1];

	if (!reader_header_is(block))
		return;
	memset(text, 'x', sizeof(text));
	text[READER_HEADER_LEN] = '\0';
	for (unsigned i = 0; i < 8 && block[i] != 0; i++)
		text[i] = (char)block[i];
	os_sim_file(path, text);
}

void board_lay_out(const struct board *d)
{
	board = d;
	os_sim_file("/proc/cmdline", d->cmdline != NULL ? d->cmdline : "console=ttyS0 quiet\n");
	if (d->conf != NULL)
		os_sim_file(SYSTEM_CONF, d->conf);
	os_sim_file("/proc/sysrq-trigger", "");
	os_sim_file("/proc/sys/kernel/panic", "0\n");
	os_sim_file("/proc/sys/kernel/printk_devkmsg", "ratelimit\n");
	os_sim_file("/sys/module/watchdog/parameters/stop_on_reboot", "0\n");
	os_sim_file("/sys/class/block/loop0/size", "0\n");
	os_sim_link("/sys/block/loop0", "../devices/virtual/block/loop0");
	if (!d->no_pstore) {
		os_sim_file("/sys/module/pstore/parameters/backend", "ramoops\n");
		os_sim_file("/sys/fs/pstore/.there", "");
	}
	if (!d->no_watchdog) {
		os_sim_watchdog("/dev/watchdog0", &d->watchdog);
		os_sim_file("/sys/class/watchdog/watchdog0/nowayout", "0\n");
	}
	if (!d->no_disk)
		os_sim_disk(&d->disk);
	os_sim_mounts(d->mounts != NULL ? mounts : NULL);
	if (d->seen != NULL)
		board_look();
	for (int i = 0; i < BOARD_SLOTS; i++) {
		if (d->init[i] != NULL)
			os_sim_fs_file(d->slot[i], d->init[i], NULL);
		if (d->conf != NULL)
			os_sim_fs_file(d->slot[i], SYSTEM_CONF, d->conf);
	}
}

enum os_sim_end board_boot(struct boot *b)
{
	static char *argv[] = { (char *)"/init", NULL };
	static char *envp[] = { (char *)"HOME=/", NULL };

	if (b->argv == NULL)
		b->argv = argv;
	if (b->envp == NULL)
		b->envp = envp;
	boot_recover(b, boot(b));
	return os_sim_ended();
}
