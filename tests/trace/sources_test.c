/* SPDX-License-Identifier: Apache-2.0 */
/* The order of the sources, and what a boot does that finds nothing on them. */
#include "tests/trace/applies.h"

static struct os_sim_child nothing_to_do(void)
{
	return (struct os_sim_child){ .argv0 = APPLY, .duration_ms = 100, .status = 2 << 8 };
}

static void write_header(void *ctx)
{
	static char header[513];

	memset(header, ' ', sizeof(header) - 1);
	memcpy(header, "KEELBNDL", 8);
	os_sim_file("/dev/vda5", header);
}

static void add_raw_partition(bool with_bundle)
{
	machine.disk.nparts = 5;
	machine.disk.part[4] =
		(struct os_sim_part){ .partlabel = "keelboot-stage", .size = 64 * MIB };
	if (with_bundle)
		os_sim_at(1, write_header, NULL); /* once the disk has its nodes */
}

static void add_card(void)
{
	struct os_sim_disk card = { .name = "mmcblk0",
				    .path = "/devices/pci0/mmc_host/mmc0/mmc0:0001/block/mmcblk0",
				    .size = 64 * MIB,
				    .fstype = "vfat" };

	os_sim_disk(&card);
	os_sim_file("/sys/class/block/mmcblk0/device/type", "SD\n");
	os_sim_file("/sys/class/mmc_host/mmc0/device", "");
}

static void add_stick(void)
{
	machine_plug(machine_stick());
}

/* Media of each kind; sd: what happens to who looks at the card. */
static void plug_all(const struct os_sim_child *sd)
{
	add_raw_partition(true);
	add_card();
	add_stick();
	if (sd != NULL)
		os_sim_child(sd);
	machine_child(nothing_to_do());
}

static void everything(bool staged)
{
	struct state s = machine_good();

	if (staged)
		s.staged.source = STATE_SRC_DATA;
	machine_put(s);
	plug_all(NULL);
}

TEST(data_then_raw_then_sd_then_usb)
{
	everything(true);
	machine_boots_as("sources_in_their_order", 'a');
	assert_int_equal(os_sim_count("spawn " APPLY), 4);
	assert_order(NODES " --mountable 3 --source data:/dev/vda4",
		     NODES " --mountable 3 --source raw:/dev/vda5");
	assert_order(NODES " --mountable 3 --source raw:/dev/vda5",
		     NODES " --mountable 3 --source sd:/dev/mmcblk0");
	assert_order(NODES " --mountable 3 --source sd:/dev/mmcblk0",
		     NODES " --mountable 3 --source usb:/dev/sda");
}

TEST(the_command_line_narrows_them)
{
	machine.cmdline = "keelboot.sources=sd\n";
	everything(true);
	machine_boots_as("sources_by_the_command_line", 'a');
	assert_int_equal(os_sim_count("spawn " APPLY), 1);
	assert_once(NODES " --mountable 3 --source sd:/dev/mmcblk0");
}

/* udev loads its driver meanwhile, so it is a disk later than settle= says. */
TEST(stick_without_a_driver_is_waited_for_where_somebody_loads_it)
{
	for (int with = 0; with <= 1; with++) {
		struct os_sim_disk stick = machine_stick();

		stick.at_ms = 3000;
		machine_plug(stick);
		os_sim_file("/sys/bus/usb/devices/1-1:1.0/bInterfaceClass", "08\n");
		if (with == 1)
			os_sim_exec("/sbin/modprobe");
		machine_child(nothing_to_do());
		machine_boots('a');
		assert_int_equal(os_sim_count("spawn " APPLY), with);
		machine_anew();
	}
}

TEST(system_conf_narrows_them)
{
	machine.conf = "[source.raw]\nenabled=no\n[source.media]\nenabled=no\n";
	everything(true);
	machine_boots_as("sources_by_system_conf", 'a');
	assert_int_equal(os_sim_count("spawn " APPLY), 1);
	assert_once(NODES " --mountable 3 --source data:/dev/vda4");
}

TEST(a_raw_partition_without_a_bundle_costs_no_write)
{
	add_raw_partition(false);
	machine_child(nothing_to_do());
	machine_boots_as("raw_partition_without_a_bundle", 'a');
	assert_absent("spawn " APPLY);
	assert_int_equal(machine.state.own.ops, 0);
}

/* Each has a count of its own: what one does to the device does not cost the others. */
TEST(a_source_that_takes_the_device_down_does_not_cost_the_others)
{
	struct os_sim_child hangs = {
		.argv0 = APPLY, .arg = "sd:/dev/mmcblk0", .stuck = true, .hangs = true
	};

	for (int i = 1; i <= STATE_APPLY_LIMIT; i++) {
		plug_all(&hangs);
		assert_int_equal(machine_boot(), OS_SIM_REBOOT);
		assert_absent(NODES " --mountable 3 --source usb");
		machine_restart();
	}
	plug_all(&hangs);
	machine_boots_as("source_skipped_others_not", 'a');
	assert_once("# update: source sd is skipped: its updates crashed the device 3 times");
	assert_int_equal(os_sim_count("spawn " APPLY), 2);
	assert_once(NODES " --mountable 3 --source usb:/dev/sda");
}

TEST_MAIN("trace of the sources", .set_up = machine_set_up, .tear_down = machine_tear_down)
