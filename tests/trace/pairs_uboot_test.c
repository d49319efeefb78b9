/* SPDX-License-Identifier: Apache-2.0 */
/* U-Boot's environment on another disk than the slots': one that comes later is waited for. */
#include "tests/trace/pairs.h"

#include "initramfs/alias_table.h"
#include "initramfs/modules.h"
#include "lib/bytes.h"
#include "selector/loader_end.h"

#define ASKS	 "spawn " LOADER " u-boot /etc/fw_env.config "
#define UBOOT	 SLOTS "[loader]\nkind=u-boot\n"
#define MISSING	 "boot loader: /dev/mmcblk1: not found\n"
#define NO_STORE "it cannot be asked (boot loader: /dev/mmcblk1: not found)"
#define LATE	 "; a device with its store did not come within "
#define DRIVER	 "/lib/modules/slow_host.ko"
#define OTHER	 "/lib/modules/other.ko"

/* of keelboot-loader, where its driver brings the device */
static int ends;

static void set_up(void)
{
	ends = LOADER_ABSENT << 8;
	machine_set_up();
	machine.conf = UBOOT;
	machine.cmdline = "keelboot.pair=a,counted\n";
	add_partition("boot-a", NULL);
	add_partition("boot-b", NULL);
}

/* So many asks find it missing, 0: each; then the store answers. */
static void comes_after(unsigned asks)
{
	machine_child((struct os_sim_child){ .argv0 = LOADER,
					     .say = { { 10, MISSING, 0 } },
					     .duration_ms = 20,
					     .status = LOADER_ABSENT << 8,
					     .times = asks });
	loader_says("came-up", "default=a once=-\n", LOADER_DONE);
	loader_says("get", "default=a once=-\n", LOADER_DONE);
}

TEST(device_that_comes_late_is_waited_for)
{
	machine_put(machine_good());
	comes_after(3);
	machine_boots_as("pair_whose_environment_comes_late", 'a');
	assert_int_equal(os_sim_count(ASKS "came-up"), 4);
	assert_once("# boot loader: waiting up to 30 s for a device with its store: boot loader: "
		    "/dev/mmcblk1: not found");
	assert_absent("# boot loader: came-up");
	assert_absent("# boot loader: it ");
}

TEST(device_that_never_comes_costs_the_time_of_a_disk_once)
{
	struct state s = machine_trial();

	machine.conf = UBOOT "[system]\ntimeout=50\n";
	machine_put(s);
	comes_after(0);
	machine_boots('a');
	assert_once("# boot loader: waiting up to 50 s");
	assert_true(os_now_ms() >= 50000 && os_now_ms() < 60000);
	assert_true(os_sim_watchdog_pause() < 1000);
	assert_once(ASKS "get");
	assert_once("# boot loader: came-up: boot loader: /dev/mmcblk1: not found");
	machine_told("boot loader: it counts the starts of this kernel, and does not hear that it "
		     "came up: after some, it starts another one" LATE "50 s");
	machine_told("\"reason\":\"b: the boot loader cannot be asked for its kernel\"");
	assert_int_equal(machine_get().slot[1].tries, STATE_TRIES);
}

TEST(trial_is_asked_for_once_the_device_is_there)
{
	machine.cmdline = "keelboot.pair=a\n";
	machine_put(machine_trial());
	comes_after(5);
	loader_says("once", "default=a once=b\n", LOADER_DONE);
	assert_int_equal(machine_boot(), OS_SIM_REBOOT);
	assert_int_equal(os_sim_count(ASKS "get"), 6);
	assert_once(ASKS "once b");
}

TEST(device_that_did_not_come_is_told_where_nothing_counts)
{
	machine.cmdline = "keelboot.pair=a\n";
	machine_put(machine_trial());
	comes_after(0);
	machine_boots('a');
	machine_told("{\"id\":\"loader\",\"text\":\"boot loader: " NO_STORE LATE "30 s");
}

/* Another error says nothing of a device that may come. */
TEST(store_that_cannot_be_read_is_not_waited_for)
{
	machine_put(machine_good());
	loader_says("came-up", "/etc/fw_env.config: no such file\n", LOADER_FAILED);
	machine_boots('a');
	assert_once(ASKS "came-up");
	assert_true(os_now_ms() < 5000);
}

TEST(boot_that_asks_nothing_waits_for_nothing)
{
	machine.cmdline = "keelboot.pair=a\n";
	machine_put(machine_good());
	comes_after(0);
	machine_boots('a');
	assert_absent("spawn " LOADER);
	assert_true(os_now_ms() < 5000);
}

/* ---------------------------------------------------------------- its driver */

static void put_table(void)
{
	static const char lines[] = "platform:slow slow_host\n";
	char text[128];

	snprintf(text, sizeof(text), "%send 1 %08x\n", lines,
		 bytes_crc32c(0, lines, strlen(lines)));
	os_sim_file(ALIAS_TABLE_FILE, text);
	os_sim_file(DRIVER, "");
	os_sim_file(OTHER, "");
	os_sim_file(MODULES_LIST, DRIVER "\n" OTHER "\n");
}

static void plug_host(void *ctx)
{
	(void)ctx;
	os_sim_file("/sys/bus/platform/devices/slow/uevent", "MODALIAS=platform:slow\n");
}

static void bring_device(void)
{
	ends = LOADER_DONE << 8;
}

/* Its uevent comes when the disk was chosen. */
TEST(driver_of_the_device_is_loaded_while_it_is_waited_for)
{
	put_table();
	machine_put(machine_good());
	os_sim_at(3000, plug_host, NULL);
	os_sim_module_brings(DRIVER, bring_device);
	machine_child((struct os_sim_child){ .argv0 = LOADER,
					     .say = { { 10, "default=a once=-\n", 0 } },
					     .duration_ms = 20,
					     .result = &ends });
	machine_boots('a');
	assert_once("finit_module " DRIVER "\n");
	assert_absent("finit_module " OTHER);
	assert_true(os_now_ms() > 3000 && os_now_ms() < 5000);
	assert_absent("# boot loader: came-up");
}

TEST(all_drivers_are_loaded_where_none_was_asked_for)
{
	put_table();
	machine_put(machine_good());
	comes_after(0);
	machine_boots('a');
	assert_once("finit_module " DRIVER "\n");
	assert_once("finit_module " OTHER "\n");
	assert_once("# modules: a device with the boot loader's store is missing: ");
}

TEST_MAIN("trace of U-Boot's pairs", .set_up = set_up, .tear_down = machine_tear_down)
