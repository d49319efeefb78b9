/* SPDX-License-Identifier: Apache-2.0 */
/* The device around the disks: what the kernel shows of it, and the programs that run on it. */
#include "tests/sim/powercut_child.h"

#include "cli/verbs.h"
#include "initramfs/boot.h"
#include "lib/log.h"
#include "selector/store.h"
#include "tests/sim/os_sim_int.h"
#include "update/apply/apply.h"
#include "update/bundle/reader.h"

#include <fcntl.h>
#include <linux/watchdog.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MIB (1ull << 20)

static const char *const slot_dev[POWERCUT_SLOTS] = { POWERCUT_CHILD_A, POWERCUT_CHILD_B };
static int apply_status;
static struct powercut_result *world_result;
static const struct powercut_story *story;

/* A report is the proof: there is no guardian here, and no time that passes. */
const char *powercut_world_conf(void)
{
	static char text[512];

	snprintf(text, sizeof(text),
		 "[system]\ncompatible=box\nstable-after=0\n[keyring]\npath=%s\n[source.data]"
		 "\nenabled=%s\n"
		 "[source.sd]\nenabled=no\n",
		 bundles_path("keys"), story->data ? "yes" : "no");
	return text;
}

/* ---------------------------------------------------------------- what slots look like */

/* As the disk reads now. */
static bool mounts_now(unsigned slot)
{
	struct cut_disk *d = &powercut_child_disk[POWERCUT_A + slot];
	static uint8_t block[BDEV_ALIGN] __attribute__((aligned(BDEV_ALIGN)));
	struct cut_content c;
	bool is;

	if (bdev_read(&d->bdev, 0, block, sizeof(block)) != KB_OK)
		return false;
	cut_content_init(&c, BDEV_ALIGN, 0);
	for (unsigned i = 0; i < BDEV_ALIGN / CUT_SECTOR; i++)
		cut_content_put(&c, i, block + i * CUT_SECTOR);
	is = powercut_view_mounts(&c);
	cut_content_free(&c);
	return is;
}

/* The process ends where the kernel does, and the watchdog restarts the device. */
static void panic(void)
{
	world_result->end = POWERCUT_REBOOT;
	world_result->code = POWERCUT_CRASH;
	fflush(stdout);
	_exit(0);
}

static bool holds_update(unsigned slot)
{
	static uint8_t block[BDEV_ALIGN] __attribute__((aligned(BDEV_ALIGN)));
	struct bdev *b = &powercut_child_disk[POWERCUT_A + slot].bdev;

	return bdev_read(b, 0, block, sizeof(block)) == KB_OK &&
	       memcmp(block, powercut_release[POWERCUT_NEW].data, sizeof(block)) == 0;
}

static bool mounts(const char *dev)
{
	for (unsigned i = 0; i < POWERCUT_SLOTS; i++) {
		if (strcmp(dev, slot_dev[i]) != 0)
			continue;
		if (story->does == POWERCUT_PANICS && holds_update(i))
			panic();
		return mounts_now(i);
	}
	return true;
}

static void refresh_slots(void)
{
	for (unsigned i = 0; i < POWERCUT_SLOTS; i++)
		os_sim_disk_type(POWERCUT_CHILD_DISK, 1 + i, mounts_now(i) ? "ext4" : "");
}

static void run_apply(void *ctx, const char *const *argv)
{
	(void)ctx;
	apply_status = powercut_child_process(apply_main, argv);
	refresh_slots();
}

/* ---------------------------------------------------------------- the device */

static void lay_out_disk(const struct powercut_story *s)
{
	struct os_sim_disk d = {
		.name = POWERCUT_CHILD_DISK,
		.path = "/devices/pci0000:00/0000:00:04.0/virtio1/block/" POWERCUT_CHILD_DISK,
		.size = 64 * MIB,
		.nparts = s->raw || s->data ? 4 : 3,
		.part = { { .partlabel = "keelboot-state", .size = STORE_MIN_SIZE },
			  { .partlabel = "root-a", .fstype = "ext4" },
			  { .partlabel = "root-b", .fstype = "ext4" },
			  { .partlabel = s->data ? "data" : "keelboot-stage",
			    .fstype = s->data ? "ext4" : NULL,
			    .size = 8 * MIB } },
	};
	struct os_sim_disk stick = {
		.name = "kbsim1",
		.path = "/devices/pci0000:00/0000:00:05.0/usb1/1-1/host0/block/kbsim1",
		.size = 64 * MIB,
		.removable = true,
	};

	d.part[1].size = d.part[2].size = powercut_media_slot_size(s);
	os_sim_disk(&d);
	refresh_slots();
	if (!s->stick)
		return;
	os_sim_file("/sys/bus/usb/devices/usb1/speed", "480\n");
	os_sim_disk(&stick);
}

/* The first sector of a raw stage partition, as far as the boot looks at it. */
static void lay_out_raw(void)
{
	static uint8_t block[BDEV_ALIGN] __attribute__((aligned(BDEV_ALIGN)));
	char text[READER_HEADER_LEN + 1];

	if (bdev_read(&powercut_child_disk[POWERCUT_RAW].bdev, 0, block, sizeof(block)) != KB_OK ||
	    !reader_header_is(block))
		return;
	memset(text, 'x', sizeof(text));
	text[READER_HEADER_LEN] = '\0';
	for (unsigned i = 0; i < 8 && block[i] != 0; i++)
		text[i] = (char)block[i];
	os_sim_file(POWERCUT_CHILD_RAW, text);
}

static void lay_out_hardware(const struct powercut_job *j)
{
	struct os_wdt_info wdt = { .options = WDIOF_SETTIMEOUT | WDIOF_KEEPALIVEPING |
					      WDIOF_MAGICCLOSE,
				   .identity = "simulated" };

	if (!j->story->blind) {
		wdt.options |= WDIOF_CARDRESET;
		wdt.bootstatus = j->reset == POWERCUT_CRASH ? WDIOF_CARDRESET : 0;
		os_sim_file("/sys/module/pstore/parameters/backend", "ramoops\n");
		os_sim_file("/sys/fs/pstore/.there", "");
		os_sim_file("/dev/pmsg0", "");
		if (j->reset == POWERCUT_CRASH || j->reset == POWERCUT_WARM)
			os_sim_file("/sys/fs/pstore/pmsg-ramoops-0", "Keelboot was here\n");
	}
	os_sim_watchdog("/dev/watchdog0", &wdt);
}

static void lay_out(const struct powercut_job *j)
{
	const struct os_sim_child apply = {
		.argv0 = "keelboot-apply",
		.say = { { 50, "P 1 check 1 2\n", 0 }, { 100, "P 1 write 1 2\n", 0 } },
		.duration_ms = 200,
		.run = run_apply,
		.result = &apply_status,
	};

	os_sim_reset();
	os_sim_log_level(j->loud ? LOG_LEVEL_INFO : LOG_LEVEL_ERR);
	os_sim_file("/proc/cmdline", "console=ttyS0 quiet\n");
	os_sim_file("/proc/sysrq-trigger", "");
	os_sim_file("/proc/sys/kernel/panic", "0\n");
	os_sim_file("/proc/sys/kernel/printk_devkmsg", "ratelimit\n");
	os_sim_file("/sys/module/watchdog/parameters/stop_on_reboot", "0\n");
	os_sim_file("/sys/class/block/loop0/size", "0\n");
	os_sim_link("/sys/block/loop0", "../devices/virtual/block/loop0");
	lay_out_hardware(j);
	powercut_child_files();
	os_sim_bdev(POWERCUT_CHILD_STATE, &powercut_child_disk[POWERCUT_STATE].bdev);
	os_sim_bdev(POWERCUT_CHILD_A, &powercut_child_disk[POWERCUT_A].bdev);
	os_sim_bdev(POWERCUT_CHILD_B, &powercut_child_disk[POWERCUT_B].bdev);
	lay_out_disk(j->story);
	if (j->story->raw)
		lay_out_raw();
	os_sim_mounts(mounts);
	for (unsigned i = 0; i < POWERCUT_SLOTS; i++)
		os_sim_fs_file(slot_dev[i], "/sbin/init", NULL);
	os_sim_child(&apply);
}

/* ---------------------------------------------------------------- programs */

static void take_text(char *to, size_t size, const char *path)
{
	const char *text = os_sim_text(path);

	snprintf(to, size, "%s", text != NULL ? text : "");
}

static void run_boot(struct powercut_result *out)
{
	static char *argv[] = { (char *)"/init", NULL };
	static char *envp[] = { (char *)"HOME=/", NULL };
	static struct boot b;

	b.argv = argv;
	b.envp = envp;
	boot_recover(&b, boot(&b));
	if (os_sim_ended() != OS_SIM_EXEC) {
		out->end = POWERCUT_REBOOT;
		return;
	}
	out->end = POWERCUT_EXEC;
	take_text(out->run.slot, sizeof(out->run.slot), "/run/keelboot/slot");
	take_text(out->run.token, sizeof(out->run.token), "/run/keelboot/token");
	take_text(out->run.devices, sizeof(out->run.devices), "/run/keelboot/devices");
}

static int run_command(const struct powercut_job *j)
{
	static const char *const words[POWERCUT_PROGRAMS][4] = {
		[POWERCUT_MARK_GOOD] = { "mark", "good" },
		[POWERCUT_MARK_BAD] = { "mark", "bad" },
		[POWERCUT_MARK_CLEAN] = { "mark", "clean" },
		[POWERCUT_INSTALL] = { "install", "--progress=none", POWERCUT_CHILD_BUNDLE },
		[POWERCUT_SWITCH] = { "switch", "other" },
	};
	static struct device_options o;
	struct args a = { .argv = (char **)words[j->program], .at = 1 };
	int null = open("/dev/null", O_WRONLY);

	os_sim_file("/run/keelboot/slot", j->run.slot);
	os_sim_file("/run/keelboot/token", j->run.token);
	os_sim_file("/run/keelboot/devices", j->run.devices);
	dup2(null, 1);
	device_options_default(&o);
	while (words[j->program][a.argc] != NULL)
		a.argc++;
	if (j->program == POWERCUT_INSTALL)
		return install_cmd(&a, &o);
	return j->program == POWERCUT_SWITCH ? switch_cmd(&a, &o) : mark_cmd(&a, &o);
}

void powercut_world_run(const struct powercut_job *j, struct powercut_result *out)
{
	int shown = dup(1);

	world_result = out;
	story = j->story;
	lay_out(j);
	if (j->program == POWERCUT_BOOT) {
		run_boot(out);
	} else {
		out->code = run_command(j);
		out->end = POWERCUT_EXIT;
	}
	fflush(stdout);
	dup2(shown, 1);
	if (j->loud)
		printf("%s", os_sim_trace());
	fflush(stdout);
}
