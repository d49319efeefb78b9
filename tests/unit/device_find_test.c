/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/device/device_find.h"
#include "tests/unit/folder.h"

#include <limits.h>

static char sys[96], disk[96];

static void put(const char *name, const char *text)
{
	folder_run("mkdir block/%s", name);
	folder_put(strf("block/%s/uevent", name), text);
}

static void make_tree(void)
{
	folder_make();
	folder_run("mkdir -p block disk/by-label");
	snprintf(sys, sizeof(sys), "%s", folder_at("block"));
	snprintf(disk, sizeof(disk), "%s", folder_at("disk"));
	put("vda", "MAJOR=254\nMINOR=0\nDEVNAME=vda\nDEVTYPE=disk\n");
	put("vda1",
	    "MAJOR=254\nMINOR=1\nDEVNAME=vda1\nDEVTYPE=partition\nPARTN=1\nPARTNAME=keelboot-"
	    "state\n"
	    "PARTUUID=0A1B2C3D-01\n");
	put("vda2", "DEVNAME=vda2\nPARTNAME=root-a");
	put("vda3", "DEVNAME=vda3\nPARTNAME=root a\n");
	put("sda1", "DEVNAME=sda1\nPARTNAME=twice\n");
	put("sdb1", "DEVNAME=sdb1\nPARTNAME=twice\n");
	folder_put("disk/by-label/my\\x20data", "");
}

static enum kb_err find(const char *spec, char path[PATH_MAX])
{
	path[0] = '\0';
	return device_find(spec, disk, sys, path, PATH_MAX);
}

TEST(partitions_are_found_by_what_the_kernel_says)
{
	char path[PATH_MAX];

	OK(find("PARTLABEL=keelboot-state", path));
	assert_string_equal(path, "/dev/vda1");
	OK(find("PARTLABEL=root-a", path));
	assert_string_equal(path, "/dev/vda2");
	OK(find("PARTLABEL=root a", path));
	assert_string_equal(path, "/dev/vda3");
	OK(find("PARTUUID=0a1b2c3d-01", path));
	assert_string_equal(path, "/dev/vda1");
}

TEST(labels_are_found_by_udevs_links)
{
	char path[PATH_MAX];

	OK(find("LABEL=my data", path));
	assert_string_equal(path, strf("%s/by-label/my\\x20data", disk));
	FAILS(find("LABEL=other", path), KB_ENOENT);
	FAILS(find("UUID=1234", path), KB_ENOENT);
}

TEST(two_partitions_of_one_name_are_not_guessed)
{
	char path[PATH_MAX];

	FAILS(find("PARTLABEL=twice", path), KB_EAMBIGUOUS);
}

TEST(what_is_not_there_is_not_found)
{
	char path[PATH_MAX];

	FAILS(find("PARTLABEL=keelboot", path), KB_ENOENT);
	FAILS(find("PARTLABEL=keelboot-state2", path), KB_ENOENT);
	FAILS(find("PARTLABEL=", path), KB_ENOSPC);
	FAILS(find("/dev/nothing-of-this-name", path), KB_ENOENT);
	OK(find("/dev/null", path));
	FAILS(find("vda1", path), KB_EINVAL);
	FAILS(find("", path), KB_EINVAL);
}

TEST(a_name_cannot_leave_the_folder_of_links)
{
	char out[64];

	OK(device_find_encode("../../etc", out, sizeof(out)));
	assert_string_equal(out, "..\\x2f..\\x2fetc");
	FAILS(device_find_encode("////////////////////", out, sizeof(out)), KB_ENOSPC);
}

TEST_MAIN("device_find", .first = make_tree, .last = folder_remove)
