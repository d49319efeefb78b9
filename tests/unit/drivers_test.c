/* SPDX-License-Identifier: Apache-2.0 */
/* Which watchdog drivers the initramfs of a distribution loads, and on which buses it looks for
 * them. */
#include "tests/sim/os_sim_here.h"

#include "initramfs/select/drivers.h"
#include "tests/unit/test.h"

#include <string.h>

#define ON_PCI	 "pci:v00008086d000025ABsv00001AF4sd00001100bc08sc80i00\n"
#define OF_HPWDT "pci:v0000103Cd00000000sv00000000sd00000000bc08sc80i00\n"
#define ON_TREE	 "of:NwatchdogT(null)Cacme,wdt\n"
#define BY_PCI \
	"i6300esb pci:v00008086d000025ABsv*sd*bc*sc*i*\nhpwdt pci:v0000103Cd*sv*sd*bc*sc*i*\n"
#define BY_TREE "acme_wdt of:N*T*Cacme,wdt\n"

static void add_watchdog(void *ctx, const char *const *argv)
{
	(void)ctx;
	(void)argv;
	os_sim_file("/dev/watchdog0", "");
}

/* Nothing but this one is started: with other arguments a driver would be missing. */
static void set_up(void)
{
	os_sim_reset();
	os_sim_exec("/sbin/modprobe");
	os_sim_file("/sys/bus/pci/devices/0000:00:04.0/modalias", ON_PCI);
	os_sim_file("/sys/bus/platform/devices/watchdog/modalias", ON_TREE);
}

static void expect_with(const char *cmdline, const char *table, const char *names)
{
	os_sim_child(&(struct os_sim_child){ .argv0 = "modprobe", .run = add_watchdog });
	os_sim_file(DRIVERS_FILE, table);
	drivers_load_watchdog("", cmdline);
	if (strstr(os_sim_trace(), names) == NULL)
		fail_msg("no \"%s\" in:\n%s", names, os_sim_trace());
}

static void expect(const char *table, const char *names)
{
	expect_with("quiet", table, names);
}

TEST(driver_of_a_device_that_is_there)
{
	expect(BY_PCI, "modprobe -q -a -- i6300esb\n");
}

TEST(driver_that_a_device_tree_asks_for_on_any_bus)
{
	expect(BY_TREE, "modprobe -q -a -- acme_wdt\n");
}

/* Of which a server has hundreds. */
TEST(bus_that_no_pattern_names_is_not_looked_at)
{
	os_sim_file("/sys/bus/memory/devices/memory0/modalias", OF_HPWDT);
	expect(BY_PCI, "modprobe -q -a -- i6300esb\n");
}

TEST(all_others_where_no_device_says_so)
{
	os_sim_remove("/sys/bus/pci");
	expect(BY_PCI, "modprobe -q -a -- i6300esb hpwdt\n");
}

#define FOLDER "/lib/modules/6.1.0-x"
#define BY_FILES \
	BY_PCI "i6300esb /kernel/watchdog.ko stop_on_reboot=0\ni6300esb /kernel/i6300esb.ko.xz\n"

static void has_files(void)
{
	os_sim_file("/proc/sys/kernel/osrelease", "6.1.0-x\n");
	os_sim_file(FOLDER "/kernel/watchdog.ko", "");
	os_sim_file(FOLDER "/kernel/i6300esb.ko.xz", "");
}

static bool has_run(const char *what)
{
	return strstr(os_sim_trace(), what) != NULL;
}

/* Its start costs as much as the rest of it. */
TEST(files_that_are_known_need_no_modprobe)
{
	has_files();
	expect(BY_FILES, "finit_module " FOLDER "/kernel/watchdog.ko stop_on_reboot=0\n");
	assert_true(has_run("finit_module " FOLDER "/kernel/i6300esb.ko.xz\n"));
	assert_false(has_run("modprobe -q -a -- i6300esb"));
}

/* The kernel would check its signature again. */
TEST(file_of_a_module_that_is_in_the_kernel_is_not_loaded)
{
	has_files();
	os_sim_file("/sys/module/watchdog/initstate", "live\n");
	expect(BY_FILES, "finit_module " FOLDER "/kernel/i6300esb.ko.xz\n");
	assert_false(has_run("/kernel/watchdog.ko"));
}

TEST(file_that_is_missing_is_left_to_modprobe)
{
	has_files();
	os_sim_remove(FOLDER "/kernel/i6300esb.ko.xz");
	expect(BY_FILES, "modprobe -q -a -- i6300esb\n");
}

TEST(driver_that_hangs_is_left_and_said)
{
	has_files();
	os_sim_fail("finit_module " FOLDER "/kernel/i6300esb.ko.xz", 1, KB_ETIMEDOUT);
	expect(BY_FILES, "watchdog: the init of " FOLDER
			 "/kernel/i6300esb.ko.xz does not end: going on without it");
	assert_false(has_run("modprobe -q -a -- i6300esb"));
	assert_true(has_run("modprobe -q -a -- hpwdt\n")); /* a watchdog is wanted all the same */
}

/* The boot waits for each of them. */
TEST(drivers_that_hang_have_a_bound)
{
	static const char table[] = "a\na /kernel/a.ko\nb\nb /kernel/b.ko\nc\nc /kernel/c.ko\n"
				    "d\nd /kernel/d.ko\ne\n";

	has_files();
	for (char name = 'a'; name <= 'd'; name++)
		os_sim_file(strf(FOLDER "/kernel/%c.ko", name), "");
	os_sim_fail("finit_module", 0, KB_ETIMEDOUT);
	expect(table, "watchdog: 3 drivers hang: the others are not tried");
	assert_false(has_run("/kernel/d.ko"));
	assert_false(has_run("modprobe -q"));
}

/* It reads them from the kernel's command line. */
TEST(parameters_of_the_command_line_are_left_to_modprobe)
{
	has_files();
	expect_with("quiet watchdog.open_timeout=9", BY_FILES, "modprobe -q -a -- i6300esb\n");
	assert_false(has_run("finit_module"));
}

TEST_MAIN("drivers", .set_up = set_up)
