/* SPDX-License-Identifier: Apache-2.0 */
/* By what a disk is known again. */
#include "initramfs/disks/probe_id.h"
#include "tests/unit/test.h"

static const char *path(const char *text)
{
	static char out[4][STATE_STR_MAX + 1];
	static unsigned n;

	n = (n + 1) % 4;
	probe_id_path(out[n], text);
	return out[n];
}

TEST(short_names_stay_readable)
{
	char id[STATE_STR_MAX + 1];

	probe_id_hardware(id, "cid", "150100424a545434520e1d2b7f9ac800");
	assert_string_equal(id, "cid-150100424a545434520e1d2b7f9ac800");
	probe_id_hardware(id, "wwid", "t10.ATA  DISK 7\n");
	assert_string_equal(id, "wwid-t10.ATA__DISK_7?");
}

TEST(long_names_become_a_hash_that_still_tells_them_apart)
{
	static const char one[] = "nvme.1b36-6465762d31-51454d55204e564d65204374726c-00000001";
	static const char two[] = "nvme.1b36-6465762d32-51454d55204e564d65204374726c-00000001";
	char a[STATE_STR_MAX + 1], b[STATE_STR_MAX + 1];

	probe_id_hardware(a, "wwid", one);
	probe_id_hardware(b, "wwid", two);
	assert_memory_equal(a, "wwid-#", 6);
	assert_int_equal(strlen(a), 22);
	assert_string_not_equal(a, b);
	probe_id_hardware(b, "wwid", one);
	assert_string_equal(a, b);
}

TEST(every_length_up_to_the_limit_is_kept_whole)
{
	char id[STATE_STR_MAX + 1], text[STATE_STR_MAX + 2] = "";

	while (strlen(text) + sizeof("cid-") - 1 <= STATE_STR_MAX) {
		probe_id_hardware(id, "cid", text);
		assert_string_equal(id, strf("cid-%s", text));
		strcat(text, "x");
	}
	probe_id_hardware(id, "cid", text);
	assert_memory_equal(id, "cid-#", 5);
}

TEST(a_port_is_the_same_whatever_else_is_plugged_in)
{
	assert_string_equal(path("/devices/pci0000:00/0000:00:04.0/virtio1/block/vda"),
			    path("/devices/pci0000:00/0000:00:04.0/virtio3/block/vdc"));
	EQUAL((path("/devices/pci0000:00/0000:00:1f.2/ata1/host0/target0:0:0/0:0:0:0/block/sda"),
	       path("/devices/pci0000:00/0000:00:1f.2/ata1/host6/target6:0:0/6:0:0:0/block/sdb")));
	assert_string_equal(path("/devices/pci0000:00/0000:00:05.0/nvme/nvme0/nvme0n1"),
			    path("/devices/pci0000:00/0000:00:05.0/nvme/nvme1/nvme1n1"));
	EQUAL((path("/devices/platform/soc/fe340000.mmc/mmc_host/mmc0/mmc0:0001/block/mmcblk0"),
	       path("/devices/platform/soc/fe340000.mmc/mmc_host/mmc1/mmc1:0001/block/mmcblk1")));
}

TEST(another_port_is_another_disk)
{
	assert_string_not_equal(path("/devices/pci0000:00/0000:00:04.0/virtio1/block/vda"),
				path("/devices/pci0000:00/0000:00:05.0/virtio1/block/vda"));
	assert_string_not_equal(path("/devices/pci0/ata1/host0/target0:0:0/0:0:0:0/block/sda"),
				path("/devices/pci0/ata2/host0/target0:0:0/0:0:0:0/block/sda"));
	assert_string_not_equal(path("/devices/pci0/host0/target0:0:0/0:0:0:0/block/sda"),
				path("/devices/pci0/host0/target0:0:1/0:0:1:0/block/sda"));
	assert_string_not_equal(path("/devices/pci0/nvme/nvme0/nvme0n1"),
				path("/devices/pci0/nvme/nvme0/nvme0n2"));
	assert_string_not_equal(path("/devices/pci0/usb1/1-1/1-1:1.0/host0/block/sda"),
				path("/devices/pci0/usb1/1-2/1-2:1.0/host0/block/sda"));
}

TEST(odd_paths_do_no_harm)
{
	static const char *const odd[] = { "",	      "/", "//",     "block",
					   "/block/", ":", "/:::/x", "virtio" };

	for (unsigned i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		assert_int_equal(strlen(path(odd[i])), 22);
}

TEST_MAIN("probe_id")
