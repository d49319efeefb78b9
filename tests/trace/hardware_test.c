/* SPDX-License-Identifier: Apache-2.0 */
/* Which modules a boot loads, by what the hardware asks for. */
#include "initramfs/alias_table.h"
#include "initramfs/modules.h"
#include "tests/trace/machine.h"
#include "tests/trace/measures.h"

#define M    "/lib/modules/"
#define LIST LIST_BUT_MEMORY M "memory.ko\n"
#define LIST_BUT_MEMORY                                                                        \
	M "lpc_ich.ko\n" M "i6300esb.ko\n" M "blind_wdt.ko\n" M "virtio.ko\n" M                \
	  "virtio_blk.ko\n" M "nvme.ko\n" M "usb_storage.ko\n" M "crc32c.ko\n" M "ext4.ko\n" M \
	  "erofs.ko\n" M "vfat.ko\n" M "odd.ko\n"
#define LINES                                     \
	"always odd\n"                            \
	"blind blind_wdt\n"                       \
	"first lpc_ich i6300esb blind_wdt\n"      \
	"given memory\n"                          \
	"fs-erofs erofs\n"                        \
	"fs-ext4 crc32c ext4\n"                   \
	"fs-vfat vfat\n"                          \
	"needs:ext4 crc32c\n"                     \
	"needs:virtio_blk virtio\n"               \
	"pci:v00008086d000025AB* i6300esb\n"      \
	"pci:v00008086d00007000* lpc_ich\n"       \
	"pci:v*d*sv*sd*bc01sc08i02* nvme\n"       \
	"usb:v*p*d*dc*dsc*dp*ic08* usb_storage\n" \
	"virtio:d00000002v* virtio_blk\n"         \
	"watchdog i6300esb\n"

#define RELEASE "6.1.0-test"
#define DEVICE(bus, name, alias)                                \
	os_sim_file("/sys/bus/" bus "/devices/" name "/uevent", \
		    "DRIVER=x\nMODALIAS=" alias "\nX=y\n")
#define LOADED(name)	 assert_once("finit_module " M name ".ko\n")
#define NOT_LOADED(name) assert_absent("finit_module " M name ".ko")

static void put_table(const char *lines)
{
	static char text[4096];
	unsigned n = 0;

	for (const char *s = lines; *s != '\0'; s++)
		n += *s == '\n';
	snprintf(text, sizeof(text), "%send %u %08x\n", lines, n,
		 bytes_crc32c(0, lines, strlen(lines)));
	os_sim_file(ALIAS_TABLE_FILE, text);
}

static void put_modules(void)
{
	static const char *const all[] = { "lpc_ich",	 "i6300esb", "blind_wdt",   "virtio",
					   "virtio_blk", "nvme",     "usb_storage", "crc32c",
					   "ext4",	 "erofs",    "vfat",	    "odd",
					   "memory" };
	char path[64];

	for (unsigned i = 0; i < KB_ARRAY_LEN(all); i++) {
		snprintf(path, sizeof(path), M "%s.ko", all[i]);
		os_sim_file(path, "");
	}
	os_sim_file(MODULES_LIST, LIST);
	os_sim_file("/proc/sys/kernel/osrelease", RELEASE "\n");
	os_sim_fs_file(SLOT_A_DEV, "/usr/lib/modules/" RELEASE "/modules.dep", "");
	put_table(LINES);
}

static void make_watchdog(void)
{
	os_sim_watchdog("/dev/watchdog0", &machine.watchdog);
}

static void make_nothing(void)
{
}

/* Its watchdog is there once it has a driver. */
static void put_machine(void)
{
	machine_set_up();
	put_modules();
	machine.no_watchdog = true;
	os_sim_module_brings(M "i6300esb.ko", make_watchdog);
	DEVICE("pci", "0000:00:02.0", "pci:v00008086d000025ABsv00001AF4sd00001100bc08sc80i00");
	DEVICE("virtio", "virtio0", "virtio:d00000002v00001AF4");
}

TEST(only_what_the_hardware_asks_for_is_loaded_the_watchdog_first)
{
	machine_boots('a');
	LOADED("i6300esb");
	LOADED("virtio_blk");
	LOADED("odd");
	LOADED("ext4");
	NOT_LOADED("lpc_ich");
	NOT_LOADED("blind_wdt");
	NOT_LOADED("nvme");
	NOT_LOADED("usb_storage");
	NOT_LOADED("erofs");
	NOT_LOADED("vfat");
	NOT_LOADED("memory");
	assert_order("finit_module " M "i6300esb.ko", "watchdog /dev/watchdog0");
	assert_order("watchdog /dev/watchdog0", "finit_module " M "virtio.ko");
	assert_order("finit_module " M "virtio.ko", "finit_module " M "virtio_blk.ko");
	assert_order("finit_module " M "crc32c.ko", "finit_module " M "ext4.ko");
	assert_absent("# modules: ");
}

/* No hardware asks for it. */
TEST(a_module_that_is_given_parameters_is_loaded)
{
	machine.cmdline = "memory.address=1 -- odd.x=1\n";
	machine_boots('a');
	assert_once("finit_module " M "memory.ko address=1\n");
}

TEST(so_is_one_that_the_list_has_parameters_for)
{
	os_sim_file(MODULES_LIST, LIST_BUT_MEMORY M "memory.ko address=1\n");
	machine_boots('a');
	assert_once("finit_module " M "memory.ko address=1\n");
}

/* The chipset's driver only makes devices for others. */
TEST(a_watchdog_that_names_its_hardware_goes_before_the_chipset)
{
	DEVICE("pci", "0000:00:1f.0", "pci:v00008086d00007000sv0sd0bc06sc01i00");
	machine_boots('a');
	assert_order("watchdog /dev/watchdog0", "finit_module " M "lpc_ich.ko");
}

TEST(without_a_watchdog_those_that_look_for_it_themselves_are_loaded)
{
	os_sim_module_brings(M "i6300esb.ko", make_nothing);
	machine_boots('a');
	assert_order("finit_module " M "i6300esb.ko", "finit_module " M "blind_wdt.ko");
	/* It might be behind a bus that is not there yet. */
	assert_order("finit_module " M "virtio_blk.ko", "finit_module " M "blind_wdt.ko");
}

/* It counts before the init of any driver may hang. */
TEST(a_watchdog_that_the_kernel_has_built_in_is_armed_before_any_module)
{
	machine.no_watchdog = false;
	machine_boots('a');
	assert_order("watchdog /dev/watchdog0", "finit_module ");
	LOADED("virtio_blk");
	NOT_LOADED("i6300esb");
	NOT_LOADED("blind_wdt");
}

TEST(so_it_is_without_a_table)
{
	machine.no_watchdog = false;
	os_sim_file(ALIAS_TABLE_FILE, "always odd\n");
	machine_boots('a');
	assert_order("watchdog /dev/watchdog0", "finit_module ");
	LOADED("nvme");
}

TEST(the_first_of_two_watchdogs_that_the_hardware_names_spares_the_other)
{
	put_table("first i6300esb blind_wdt\n"
		  "fs-ext4 crc32c ext4\n"
		  "needs:virtio_blk virtio\n"
		  "pci:v00008086d000025AB* i6300esb blind_wdt\n"
		  "virtio:d00000002v* virtio_blk\n"
		  "watchdog i6300esb blind_wdt\n");
	machine_boots('a');
	LOADED("i6300esb");
	LOADED("virtio_blk");
	NOT_LOADED("blind_wdt");
}

TEST(a_watchdog_that_is_off_needs_no_driver)
{
	machine.cmdline = "keelboot.watchdog=off\n";
	machine_boots('a');
	NOT_LOADED("i6300esb");
	NOT_LOADED("blind_wdt");
	LOADED("virtio_blk");
}

/* On a board its driver may be what restarts the machine: that of a Raspberry Pi, i.MX and
 * Allwinner's. */
TEST(a_watchdog_that_is_off_has_its_driver_on_a_board)
{
	machine.cmdline = "keelboot.watchdog=off\n";
	os_sim_file("/sys/firmware/devicetree/base/name", "");
	machine_boots('a');
	LOADED("i6300esb");
	NOT_LOADED("blind_wdt");
	LOADED("virtio_blk");
	assert_absent("wdt_open");
}

static void plug_stick(void *ctx)
{
	os_sim_uevent_device("/devices/pci0000:00/usb1/1-1/1-1:1.0",
			     "usb:v46F4p0001d0000dc00dsc00dp00ic08isc06ip50in00");
}

/* The disk comes late, so that the boot waits. */
TEST(what_comes_later_is_loaded_when_it_says_so)
{
	machine.disk.at_ms = 1500;
	os_sim_at(1000, plug_stick, NULL);
	machine_boots('a');
	LOADED("usb_storage");
	assert_absent("# modules: ");
}

/* Two of them ask: by ACPI, and by the device tree. */
TEST(a_device_may_have_two_names)
{
	os_sim_file("/sys/bus/pci/devices/0000:00:09.0/uevent",
		    "MODALIAS=acpi:XY:\nMODALIAS=pci:v00001B36d00000010sv0sd0bc01sc08i02");
	machine_boots('a');
	LOADED("nvme");
}

TEST(without_uevents_the_buses_are_looked_through)
{
	os_sim_uevent_sockets(0);
	machine_boots('a');
	LOADED("virtio_blk");
	NOT_LOADED("nvme");
}

TEST(a_damaged_table_loads_all_and_says_so)
{
	os_sim_file(ALIAS_TABLE_FILE, "always odd\nvirtio:d0000");
	machine_boots('a');
	assert_once("# modules: " ALIAS_TABLE_FILE
		    " is damaged in line 2: it is cut off; all packed "
		    "modules are loaded");
	LOADED("nvme");
	LOADED("vfat");
	assert_order("watchdog /dev/watchdog0", "finit_module " M "nvme.ko");
}

TEST(a_table_of_another_list_loads_all_and_says_so)
{
	put_table(LINES "virtio:d* other\n");
	machine_boots('a');
	assert_once("# modules: " ALIAS_TABLE_FILE " names other, which is not in the list");
	assert_once("# modules: the table is damaged: the hardware asked for ");
	LOADED("nvme");
}

TEST(a_disk_that_does_not_come_has_all_loaded)
{
	machine.disk.at_ms = 7000;
	machine_boots('a');
	assert_once(
		"# modules: no disk has the state and all slots: the hardware asked for 4 of 13; "
		"all others are loaded, too");
	LOADED("nvme");
	LOADED("lpc_ich");
	NOT_LOADED("blind_wdt"); /* it has its watchdog */
}

/* NVMe, without its driver; a network card, and a disk that has one, are nothing to say. */
TEST(a_disk_without_a_driver_is_named)
{
	machine.no_disk = true;
	os_sim_file("/sys/bus/pci/devices/0000:00:05.0/uevent",
		    "PCI_CLASS=10802\nMODALIAS=pci:v0000144Dd0000A80Asv0sd0bc01sc08i02\n");
	os_sim_file("/sys/bus/pci/devices/0000:00:06.0/uevent",
		    "MODALIAS=pci:v00008086d0000100Esv0sd0bc02sc00i00\n");
	os_sim_file("/sys/bus/pci/devices/0000:00:07.0/uevent",
		    "DRIVER=ahci\nMODALIAS=pci:v00008086d00002922sv0sd0bc01sc06i01\n");
	assert_int_equal(machine_boot(), OS_SIM_REBOOT);
	assert_once("# devices: 0000:00:05.0 has no driver: none that is packed fits "
		    "pci:v0000144Dd0000A80Asv0sd0bc01sc08i02, or it did not load");
	assert_int_equal(os_sim_count("# devices: 0000:"), 1);
}

/* The root is there; a stick behind that host of USB is not seen. NVMe's driver is packed: it may
 * still be loading. */
TEST(a_host_without_a_driver_is_mentioned_beside_a_root_that_is_found)
{
	os_sim_log_level(LOG_LEVEL_INFO);
	os_sim_file("/sys/bus/pci/devices/0000:00:05.0/uevent",
		    "MODALIAS=pci:v0000144Dd0000A80Asv0sd0bc01sc08i02\n");
	os_sim_file("/sys/bus/pci/devices/0000:00:06.0/uevent",
		    "MODALIAS=pci:v00001912d00000014sv0sd0bc0Csc03i30\n");
	machine_boots('a');
	assert_once("# devices: 0000:00:06.0 has no driver so far, and no packed module fits "
		    "pci:v00001912d00000014sv0sd0bc0Csc03i30: no disk or stick behind it is seen");
	assert_int_equal(os_sim_count("# devices: 0000:"), 1);
}

/* All of the list are loaded: what they fit is not known. */
TEST(without_a_table_no_host_is_mentioned)
{
	os_sim_log_level(LOG_LEVEL_INFO);
	os_sim_remove(ALIAS_TABLE_FILE);
	os_sim_file("/sys/bus/pci/devices/0000:00:06.0/uevent",
		    "MODALIAS=pci:v00001912d00000014sv0sd0bc0Csc03i30\n");
	machine_boots('a');
	assert_absent("# devices: 0000:");
}

#define PLATFORM(name, alias) \
	os_sim_file("/sys/bus/platform/devices/" name "/uevent", "OF_NAME=x\nMODALIAS=" alias "\n")

/* Hosts of disks on a board: by the name that the device tree or ACPI has for such. One that waits
 * has its driver, and is named as waiting. */
TEST(a_host_on_a_board_without_a_driver_is_named)
{
	machine.no_disk = true;
	PLATFORM("fe340000.mmc", "of:NmmcT(null)Cbrcm,bcm2711-emmc2");
	PLATFORM("fd500000.pcie", "of:NpcieT<NULL>Cbrcm,bcm2711-pcie");
	PLATFORM("80860F14:00", "acpi:80860F14:PNP0D40:");
	PLATFORM("fe2c0000.mmc", "of:NmmcT(null)Crockchip,rk3399-dw-mshc");
	PLATFORM("clk", "of:Nmmc-clkT(null)Cfixed-clock");
	os_sim_file("/sys/bus/platform/devices/fe300000.mmc/uevent",
		    "DRIVER=mmc-bcm2835\nMODALIAS=of:NmmcT(null)Cbrcm,bcm2835-mmc\n");
	os_sim_file("/sys/kernel/debug/devices_deferred", "fe2c0000.mmc\n");
	assert_int_equal(machine_boot(), OS_SIM_REBOOT);
	assert_once("# devices: fe340000.mmc has no driver: none that is packed fits "
		    "of:NmmcT(null)Cbrcm,bcm2711-emmc2, or it did not load");
	assert_once("# devices: fd500000.pcie has no driver: ");
	assert_once("# devices: 80860F14:00 has no driver: ");
	assert_absent("# devices: fe2c0000.mmc has no driver");
	assert_absent("# devices: clk has");
	assert_absent("# devices: fe300000.mmc");
}

static void plug_tpm(void *ctx)
{
	(void)ctx;
	DEVICE("spi", "spi0.0", "spi:tpm_tis_spi");
}

static void make_tpm(void)
{
	os_sim_file("/dev/tpm0", "");
}

/* Its bus waits for a clock, and the disk does not. */
TEST(a_tpm_that_comes_when_the_disk_was_chosen_has_its_driver_loaded)
{
	put_table("fs-ext4 crc32c ext4\n"
		  "needs:virtio_blk virtio\n"
		  "pci:v00008086d000025AB* i6300esb\n"
		  "spi:tpm_tis_spi odd\n"
		  "virtio:d00000002v* virtio_blk\n"
		  "watchdog i6300esb\n");
	machine.conf = CONF;
	tpm_answers("measure");
	os_sim_module_brings(M "odd.ko", make_tpm);
	os_sim_at(700, plug_tpm, NULL);
	machine_boots('a');
	assert_order("mount " SLOT_A_DEV, "finit_module " M "odd.ko");
	assert_order("finit_module " M "odd.ko", MEASURES);
	assert_in_range(os_now_ms(), 700, 1000);
}

TEST(a_tpm_that_does_not_come_is_waited_for_two_seconds)
{
	machine.conf = CONF;
	no_tpm();
	machine_boots('a');
	assert_in_range(os_now_ms(), 2000, 2500);
}

TEST(a_driver_that_hangs_does_not_hold_up_the_boot)
{
	os_sim_fail("finit_module " M "odd.ko", 1, KB_ETIMEDOUT);
	machine_boots('a');
	assert_once("# module " M "odd.ko: its init does not end; the boot goes on without it");
}

/* ---------------------------------------------------------------- side by side */

static void four_processors(void)
{
	put_machine();
	os_sim_processors(4);
	machine.cmdline = "keelboot.log=debug\n";
}

TEST_WITH(with_more_processors_each_still_waits_for_what_it_needs, four_processors,
	  machine_tear_down)
{
	os_sim_module_takes(M "virtio.ko", 50);
	os_sim_module_takes(M "crc32c.ko", 50);
	machine_boots('a');
	assert_order("loaded " M "virtio.ko", "finit_module " M "virtio_blk.ko");
	assert_order("loaded " M "crc32c.ko", "finit_module " M "ext4.ko");
	assert_order("watchdog /dev/watchdog0", "finit_module " M "virtio.ko");
}

TEST_WITH(what_needs_nothing_is_loaded_beside_it, four_processors, machine_tear_down)
{
	DEVICE("pci", "0000:00:05.0", "pci:v0000144Dd0000A80Asv0sd0bc01sc08i02");
	os_sim_module_takes(M "virtio.ko", 100);
	os_sim_module_takes(M "nvme.ko", 100);
	machine_boots('a');
	assert_order("finit_module " M "nvme.ko", "loaded " M "virtio.ko");
	assert_order("loaded " M "nvme.ko", "exec ");
}

TEST_WITH(drivers_of_watchdogs_are_loaded_one_after_the_other, four_processors, machine_tear_down)
{
	put_table("blind blind_wdt odd\n"
		  "first blind_wdt odd\n"
		  "fs-ext4 ext4\n"
		  "needs:virtio_blk virtio\n"
		  "virtio:d00000002v* virtio_blk\n");
	os_sim_module_takes(M "blind_wdt.ko", 50);
	os_sim_module_takes(M "odd.ko", 50);
	machine_boots('a');
	assert_order("loaded " M "blind_wdt.ko", "finit_module " M "odd.ko");
}

/* So it is in most virtual machines. */
TEST_WITH(without_a_watchdog_those_that_hang_still_hang_side_by_side, four_processors,
	  machine_tear_down)
{
	os_sim_module_brings(M "i6300esb.ko", make_nothing);
	DEVICE("pci", "0000:00:05.0", "pci:v0000144Dd0000A80Asv0sd0bc01sc08i02");
	DEVICE("usb", "1-1:1.0", "usb:v46F4p0001d0000dc00dsc00dp00ic08isc06ip50in00");
	os_sim_module_takes(M "nvme.ko", 0);
	os_sim_module_takes(M "usb_storage.ko", 0);
	machine_boots('a');
	assert_order("finit_module " M "usb_storage.ko", "left " M "nvme.ko");
	assert_order("left " M "usb_storage.ko", "finit_module " M "blind_wdt.ko");
	assert_in_range(os_now_ms(), 4000, 5500);
}

TEST_WITH(all_of_the_list_begin_with_the_watchdogs_one_after_the_other, four_processors,
	  machine_tear_down)
{
	os_sim_module_brings(M "i6300esb.ko", make_nothing);
	put_table("first i6300esb lpc_ich blind_wdt\n"
		  "pci:v00008086d0000FFFF* i6300esb\n"
		  "pci:v00008086d00007000* lpc_ich\n"
		  "pci:v*d*sv*sd*bc01sc08i02* nvme blind_wdt\n"
		  "usb:v* usb_storage\n"
		  "watchdog blind_wdt i6300esb\n");
	machine.no_disk = true;
	os_sim_module_takes(M "i6300esb.ko", 50);
	os_sim_module_takes(M "blind_wdt.ko", 50);
	assert_int_equal(machine_boot(), OS_SIM_REBOOT);
	assert_order("loaded " M "i6300esb.ko", "finit_module " M "blind_wdt.ko");
	assert_order("loaded " M "blind_wdt.ko", "finit_module " M "nvme.ko");
}

TEST_WITH(a_driver_that_hangs_holds_up_no_other, four_processors, machine_tear_down)
{
	os_sim_module_takes(M "odd.ko", 0);
	os_sim_at(1000, plug_stick, NULL);
	machine_boots('a');
	assert_order("finit_module " M "odd.ko", "finit_module " M "virtio.ko");
	assert_order("finit_module " M "virtio_blk.ko", "left " M "odd.ko");
	assert_order("finit_module " M "usb_storage.ko", "left " M "odd.ko");
	assert_once("# module " M "odd.ko: its init does not end; the boot goes on without it");
	assert_order("left " M "odd.ko", "mount " SLOT_A_DEV);
	assert_in_range(os_now_ms(), 4000, 5000);
}

TEST_WITH(disk_is_chosen_when_no_driver_is_being_loaded_any_more, four_processors,
	  machine_tear_down)
{
	os_sim_module_takes(M "odd.ko", 1500);
	os_sim_at(1400, plug_stick, NULL);
	machine_boots('a');
	assert_order("finit_module " M "usb_storage.ko", "loaded " M "odd.ko");
	assert_absent("# module " M "odd.ko");
}

TEST_WITH(all_are_loaded_only_when_no_driver_is_being_loaded_any_more, four_processors,
	  machine_tear_down)
{
	machine.disk.at_ms = 7000;
	os_sim_module_takes(M "usb_storage.ko", 3500);
	os_sim_at(4000, plug_stick, NULL);
	machine_boots('a');
	assert_order("finit_module " M "usb_storage.ko", "loaded " M "usb_storage.ko");
	assert_absent("# modules: no disk has the state");
}

TEST_WITH(mount_waits_for_all_that_is_being_loaded, four_processors, machine_tear_down)
{
	os_sim_module_takes(M "ext4.ko", 500);
	machine_boots('a');
	assert_order("loaded " M "ext4.ko", "mount " SLOT_A_DEV);
}

TEST_WITH(without_uevents_a_driver_that_takes_long_is_waited_for_too, four_processors,
	  machine_tear_down)
{
	os_sim_uevent_sockets(0);
	os_sim_module_takes(M "odd.ko", 1500);
	machine_boots('a');
	assert_order("loaded " M "odd.ko", "mount " SLOT_A_DEV);
	LOADED("virtio_blk");
}

TEST_WITH(a_damaged_table_loads_one_after_the_other, four_processors, machine_tear_down)
{
	os_sim_file(ALIAS_TABLE_FILE, "always odd\nvirtio:d0000");
	os_sim_module_takes(M "virtio.ko", 50);
	os_sim_module_takes(M "nvme.ko", 50);
	machine_boots('a');
	assert_order("loaded " M "virtio.ko", "finit_module " M "virtio_blk.ko");
	assert_order("loaded " M "nvme.ko", "finit_module " M "usb_storage.ko");
}

TEST(a_rescue_has_all_loaded)
{
	machine.init[0] = machine.init[1] = NULL;
	machine_boot();
	assert_once("# modules: no slot can be booted: the hardware asked for ");
	LOADED("usb_storage");
}

TEST(a_stick_has_its_file_system_loaded)
{
	machine_plug(machine_stick());
	machine_boots('a');
	LOADED("vfat");
}

TEST(a_slot_has_its_file_system_loaded)
{
	machine.disk.part[1].fstype = "erofs";
	machine_boots('a');
	LOADED("erofs");
	NOT_LOADED("vfat");
}

/* Its data, and the stick that comes later, need drivers, too. */
TEST(a_root_without_modules_of_its_own_gets_all)
{
	os_sim_file("/proc/sys/kernel/osrelease", "6.1.1\n");
	machine_boots('a');
	LOADED("usb_storage");
	LOADED("nvme");
	assert_order("mount " SLOT_A_DEV, "finit_module " M "nvme.ko");
	NOT_LOADED("blind_wdt");
}

/* "auto" is every file system that is packed, whatever its name. */
TEST(a_root_of_an_unknown_kind_has_every_file_system_loaded)
{
	put_table("fs-erofs erofs\n"
		  "fs-ext4 ext4\n"
		  "fs-f2fs odd\n"
		  "pci:v00008086d000025AB* i6300esb\n"
		  "needs:virtio_blk virtio\n"
		  "virtio:d00000002v* virtio_blk\n"
		  "watchdog i6300esb\n");
	machine.cmdline = "rootfstype=auto\n";
	machine_boots('a');
	LOADED("erofs");
	LOADED("odd");
	NOT_LOADED("vfat");
}

/* It may mount data, and cannot load a driver. */
TEST(a_hook_before_an_update_finds_the_file_system_of_data)
{
	struct os_sim_child hook = { .argv0 = HOOK_DIR "/pre-update.d/50-mine" };

	machine_plug(machine_stick());
	machine_child((struct os_sim_child){ .argv0 = "keelboot-apply", .status = 2 << 8 });
	os_sim_exec(hook.argv0);
	os_sim_child(&hook);
	machine_boots('a');
	assert_order("finit_module " M "ext4.ko", "spawn " HOOK_DIR "/pre-update.d/50-mine");
}

TEST(an_empty_table_on_a_stick_may_be_a_file_system)
{
	struct os_sim_disk stick = machine_stick();

	stick.fstype = NULL;
	machine_plug(stick);
	machine_boots('a');
	LOADED("vfat");
	LOADED("erofs");
}

/* What this boot did not ask for, the next one may. */
TEST(the_running_system_learns_what_is_packed_loaded_or_not)
{
	machine_boots('a');
	NOT_LOADED("vfat");
	EQUAL((os_sim_text(MODULES_EXPORT),
	       "lpc_ich\ni6300esb\nblind_wdt\nvirtio\nvirtio_blk\nnvme\nusb_storage\ncrc32c\next4\n"
	       "erofs\nvfat\nodd\nmemory\n"));
}

TEST(what_did_not_load_is_not_told_of_as_packed)
{
	os_sim_fail("finit_module " M "odd.ko", 1, KB_EIO);
	machine_boots('a');
	assert_non_null(strstr(os_sim_text(MODULES_EXPORT), "\nvfat\nmemory\n"));
}

TEST(without_a_list_nothing_is_packed)
{
	os_sim_file(MODULES_LIST, "");
	make_watchdog();
	machine_boots('a');
	EQUAL((os_sim_text(MODULES_EXPORT), ""));
}

TEST_MAIN("hardware", .set_up = put_machine, .tear_down = machine_tear_down)
