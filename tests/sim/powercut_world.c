/* SPDX-License-Identifier: Apache-2.0 */
/* The device around the disks: what the kernel shows of it, and the programs that run on it. */
#include "tests/sim/powercut.h"

#include "lib/log.h"
#include "tests/sim/board.h"
#include "tests/sim/command.h"
#include "update/apply/apply.h"

#include <fcntl.h>
#include <linux/watchdog.h>

static int apply_status;
static struct powercut_result *world_result;
static const struct powercut_story *story;

/* A report is the proof: there is no guardian here, and no time that passes. */
static const char *conf(void)
{
	static char text[1024];

	snprintf(text, sizeof(text),
		 "[system]\ncompatible=box\nstable-after=0\n[keyring]\npath=%s\n[source.data]"
		 "\nenabled=%s\n"
		 "[source.media]\nenabled=usb\n%s",
		 bundles_path("keys"), story->data ? "yes" : "no",
		 story->uboot	? uboot_conf
		 : story->pairs ? grub_board_conf
				: "");
	return text;
}

/* ---------------------------------------------------------------- what slots look like */

/* As the disk reads now. */
static bool mounts_now(int slot)
{
	const uint8_t *first = powercut_child_first(POWERCUT_A + (unsigned)slot);

	return first != NULL && powercut_first_shows(first) != 0;
}

/* Where the kernel panics, the process ends, and the watchdog restarts the device. */
static bool mounts(int slot)
{
	const uint8_t *first = powercut_child_first(POWERCUT_A + (unsigned)slot);

	if (story->does != POWERCUT_PANICS || first == NULL ||
	    memcmp(first, powercut_release[POWERCUT_NEW].data, BDEV_ALIGN) != 0)
		return mounts_now(slot);
	world_result->end = POWERCUT_REBOOT;
	world_result->code = POWERCUT_CRASH;
	fflush(stdout);
	_exit(0);
}

static void run_apply(void *ctx, const char *const *argv)
{
	(void)ctx;
	apply_status = powercut_child_process(apply_main, argv);
	board_look();
}

/* ---------------------------------------------------------------- the boot loader */

static void lay_out_loader(struct board *d, int pair, const char *how)
{
	if (!story->data && !story->raw)
		board_part(&d->disk, "spare", NULL);
	grub_board_parts(d, pair, how);
	if (story->uboot)
		uboot_config(POWERCUT_CHILD_LOADER);
	os_sim_bdev(POWERCUT_CHILD_BOOT_A, &powercut_child_disk[POWERCUT_BOOT_A].bdev);
	os_sim_bdev(POWERCUT_CHILD_BOOT_B, &powercut_child_disk[POWERCUT_BOOT_B].bdev);
	os_sim_bdev(POWERCUT_CHILD_LOADER, &powercut_child_disk[POWERCUT_LOADER].bdev);
	grub_board_child(powercut_child_process);
}

/* ---------------------------------------------------------------- the device */

static void lay_out_hardware(struct board *d, enum powercut_reset reset)
{
	d->watchdog = board_watchdog();
	d->no_pstore = story->blind;
	if (story->blind) {
		d->watchdog.options &= ~(uint32_t)WDIOF_CARDRESET;
		return;
	}
	d->watchdog.bootstatus = reset == POWERCUT_CRASH ? WDIOF_CARDRESET : 0;
	os_sim_file("/dev/pmsg0", "");
	if (reset == POWERCUT_CRASH || reset == POWERCUT_WARM)
		os_sim_file("/sys/fs/pstore/pmsg-ramoops-0", "Keelboot was here\n");
}

static void lay_out(const struct powercut_job *j, int pair, const char *how)
{
	const uint8_t *first;
	static struct board d;

	os_sim_reset();
	os_sim_log_level(j->loud ? LOG_LEVEL_INFO : LOG_LEVEL_ERR);
	powercut_child_files();
	os_sim_bdev(POWERCUT_CHILD_STATE, &powercut_child_disk[POWERCUT_STATE].bdev);
	os_sim_bdev(POWERCUT_CHILD_A, &powercut_child_disk[POWERCUT_A].bdev);
	os_sim_bdev(POWERCUT_CHILD_B, &powercut_child_disk[POWERCUT_B].bdev);
	d = (struct board){ .conf = conf(),
			    .disk = board_disk(POWERCUT_CHILD_DISK,
					       powercut_media_slot_size(story)),
			    .slot = { POWERCUT_CHILD_A, POWERCUT_CHILD_B },
			    .init = { "/sbin/init", "/sbin/init" },
			    .mounts = mounts,
			    .seen = mounts_now };
	if (story->data)
		board_part(&d.disk, "data", "ext4");
	if (story->raw)
		board_part(&d.disk, "keelboot-stage", NULL);
	if (story->pairs)
		lay_out_loader(&d, pair, how);
	if (story->stick)
		board_plug("kbsim1", NULL, 0);
	lay_out_hardware(&d, j->reset);
	board_lay_out(&d);
	first = story->raw ? powercut_child_first(POWERCUT_RAW) : NULL;
	if (first != NULL) /* after the disk, whose nodes are empty */
		board_raw(POWERCUT_CHILD_RAW, first);
	board_apply(run_apply, NULL, &apply_status);
}

/* ---------------------------------------------------------------- programs */

const char *const powercut_program_name[] = {
	[POWERCUT_BOOT] = "boot",
	[POWERCUT_MARK_GOOD] = "mark good",
	[POWERCUT_MARK_BAD] = "mark bad",
	[POWERCUT_MARK_CLEAN] = "mark clean",
	[POWERCUT_INSTALL] = ("install --progress=none " POWERCUT_CHILD_BUNDLE),
	[POWERCUT_SWITCH] = "switch other",
	[POWERCUT_PROGRAMS] = "",
};

static void take_text(char *to, size_t size, const char *path)
{
	const char *text = os_sim_text(path);

	snprintf(to, size, "%s", text != NULL ? text : "");
}

static void run_boot(struct powercut_result *out)
{
	static struct boot b;

	if (board_boot(&b) != OS_SIM_EXEC) {
		out->end = POWERCUT_REBOOT;
		return;
	}
	out->end = POWERCUT_EXEC;
	take_text(out->run.slot, sizeof(out->run.slot), "/run/keelboot/slot");
	take_text(out->run.token, sizeof(out->run.token), "/run/keelboot/token");
	take_text(out->run.devices, sizeof(out->run.devices), "/run/keelboot/devices");
}

static int run_command(const struct powercut_job *j, const struct powercut_run *run)
{
	static struct device_options o;
	int null = open("/dev/null", O_WRONLY);

	os_sim_file("/run/keelboot/slot", run->slot);
	os_sim_file("/run/keelboot/token", run->token);
	os_sim_file("/run/keelboot/devices", run->devices);
	dup2(null, 1);
	device_options_default(&o);
	return command_run(powercut_program_name[j->program], &o);
}

void powercut_world_run(const struct powercut_job *j, struct powercut_result *out)
{
	const char *how = "";
	int shown = dup(1);

	world_result = out;
	story = j->story;
	if (story->pairs && j->program == POWERCUT_BOOT) {
		out->run.pair = (int8_t)powercut_loader_start(story, &how);
		if (out->run.pair == POWERCUT_NONE) { /* hangs until the watchdog fires */
			out->end = POWERCUT_REBOOT;
			out->code = POWERCUT_CRASH;
			return;
		}
	}
	lay_out(j, out->run.pair, how);
	if (j->program == POWERCUT_BOOT) {
		run_boot(out);
	} else {
		out->code = run_command(j, &out->run);
		out->end = POWERCUT_EXIT;
	}
	fflush(stdout);
	dup2(shown, 1);
	if (j->loud)
		printf("%s", os_sim_trace());
	fflush(stdout);
}
