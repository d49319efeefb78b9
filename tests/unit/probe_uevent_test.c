/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/disks/probe_uevent.h"
#include "tests/unit/test.h"

static struct probe_uevent e;

/* Text with a '|' for each NUL, as exact memory for the address sanitizer. */
static bool parse(const char *text)
{
	size_t len = strlen(text);
	char *copy = malloc(len + 1);
	bool ok;

	memcpy(copy, text, len + 1);
	for (size_t i = 0; i < len; i++) {
		if (copy[i] == '|')
			copy[i] = '\0';
	}
	ok = probe_uevent_parse(&e, copy, len);
	free(copy);
	return ok;
}

TEST(a_disk_that_appears)
{
	assert_true(parse("add@/devices/pci/block/sda|ACTION=add|DEVPATH=/devices/pci/block/sda|"
			  "SUBSYSTEM=block|MAJOR=8|DEVNAME=sda|DEVTYPE=disk|SEQNUM=9|"));
	EQUAL((e.action, PROBE_UEVENT_ADD), (e.partition, false), (e.disk, "sda"));
}

TEST(a_partition_belongs_to_its_disk)
{
	assert_true(parse("remove@x|ACTION=remove|DEVPATH=/devices/mmc/block/mmcblk0/mmcblk0p2|"
			  "SUBSYSTEM=block|DEVTYPE=partition"));
	EQUAL((e.action, PROBE_UEVENT_REMOVE), (e.partition, true), (e.disk, "mmcblk0"));
}

TEST(others_are_passed_over)
{
	static const char *const other[] = {
		"",
		"|",
		"ACTION=add",
		"ACTION=add|DEVPATH=/devices/usb1|SUBSYSTEM=usb|DEVTYPE=usb_device|",
		"ACTION=bind|DEVPATH=/devices/block/sda|SUBSYSTEM=block|DEVTYPE=disk|",
		"ACTION=add|DEVPATH=/devices/block/sda|SUBSYSTEM=block|",
		"ACTION=add|DEVPATH=/devices/block/sda|SUBSYSTEM=block|DEVTYPE=tape|",
		"ACTION=add|DEVPATH=|SUBSYSTEM=block|DEVTYPE=disk|",
		"ACTION=add|DEVPATH=/|SUBSYSTEM=block|DEVTYPE=disk|",
		"ACTION=add|DEVPATH=sda|SUBSYSTEM=block|DEVTYPE=disk|",
		"ACTION=add|DEVPATH=/sda1|SUBSYSTEM=block|DEVTYPE=partition|",
	};
	char long_name[256] = "ACTION=add|SUBSYSTEM=block|DEVTYPE=disk|DEVPATH=/d/";

	for (unsigned i = 0; i < sizeof(other) / sizeof(other[0]); i++)
		assert_false(parse(other[i]));
	memset(long_name + strlen(long_name), 'x', 100);
	assert_false(parse(long_name));
}

TEST(garbage_is_never_read_beyond_its_end)
{
	static const char good[] = "ACTION=add|DEVPATH=/devices/a/block/sda/sda1|SUBSYSTEM=block|"
				   "DEVTYPE=partition|";
	char text[sizeof(good)];

	srand(2);
	for (unsigned i = 0; i < 20000; i++) {
		memcpy(text, good, sizeof(good));
		for (int k = rand() % 4; k >= 0; k--)
			text[(size_t)rand() % (sizeof(good) - 1)] = (char)(1 + rand() % 255);
		text[(size_t)rand() % sizeof(good)] = '\0';
		if (parse(text))
			assert_true(e.disk[0] != '\0');
	}
}

TEST_MAIN("probe_uevent")
