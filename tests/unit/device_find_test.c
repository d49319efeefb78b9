/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/device_find.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char top[64], sys[96], disk[96];

static void put(const char *folder, const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	mkdir(path, 0755);
	snprintf(path, sizeof(path), "%s/%s/uevent", folder, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int make_tree(void **unused)
{
	char path[256], node[256];
	FILE *f;

	(void)unused;
	snprintf(top, sizeof(top), "/tmp/device_find_test.XXXXXX");
	if (mkdtemp(top) == NULL)
		return -1;
	snprintf(sys, sizeof(sys), "%s/block", top);
	snprintf(disk, sizeof(disk), "%s/disk", top);
	mkdir(sys, 0755);
	mkdir(disk, 0755);
	put(sys, "vda", "MAJOR=254\nMINOR=0\nDEVNAME=vda\nDEVTYPE=disk\n");
	put(sys, "vda1",
	    "MAJOR=254\nMINOR=1\nDEVNAME=vda1\nDEVTYPE=partition\nPARTN=1\nPARTNAME=keelboot-"
	    "state\n"
	    "PARTUUID=0A1B2C3D-01\n");
	put(sys, "vda2", "DEVNAME=vda2\nPARTNAME=root-a");
	put(sys, "vda3", "DEVNAME=vda3\nPARTNAME=root a\n");
	put(sys, "sda1", "DEVNAME=sda1\nPARTNAME=twice\n");
	put(sys, "sdb1", "DEVNAME=sdb1\nPARTNAME=twice\n");
	snprintf(path, sizeof(path), "%s/by-label", disk);
	mkdir(path, 0755);
	snprintf(node, sizeof(node), "%s/by-label/my\\x20data", disk);
	f = fopen(node, "w");
	if (f == NULL)
		return -1;
	fclose(f);
	return 0;
}

static int remove_tree(void **unused)
{
	char command[128];

	(void)unused;
	snprintf(command, sizeof(command), "rm -rf '%s'", top);
	return system(command);
}

static enum kb_err find(const char *spec, char path[PATH_MAX])
{
	path[0] = '\0';
	return device_find(spec, disk, sys, path, PATH_MAX);
}

static void partitions_are_found_by_what_the_kernel_says(void **unused)
{
	char path[PATH_MAX];

	(void)unused;
	assert_int_equal(find("PARTLABEL=keelboot-state", path), KB_OK);
	assert_string_equal(path, "/dev/vda1");
	assert_int_equal(find("PARTLABEL=root-a", path), KB_OK);
	assert_string_equal(path, "/dev/vda2");
	assert_int_equal(find("PARTLABEL=root a", path), KB_OK);
	assert_string_equal(path, "/dev/vda3");
	assert_int_equal(find("PARTUUID=0a1b2c3d-01", path), KB_OK);
	assert_string_equal(path, "/dev/vda1");
}

static void labels_are_found_by_udevs_links(void **unused)
{
	char path[PATH_MAX], want[PATH_MAX];

	(void)unused;
	snprintf(want, sizeof(want), "%s/by-label/my\\x20data", disk);
	assert_int_equal(find("LABEL=my data", path), KB_OK);
	assert_string_equal(path, want);
	assert_int_equal(find("LABEL=other", path), KB_ENOENT);
	assert_int_equal(find("UUID=1234", path), KB_ENOENT);
}

static void two_partitions_of_one_name_are_not_guessed(void **unused)
{
	char path[PATH_MAX];

	(void)unused;
	assert_int_equal(find("PARTLABEL=twice", path), KB_EBUSY);
}

static void what_is_not_there_is_not_found(void **unused)
{
	char path[PATH_MAX];

	(void)unused;
	assert_int_equal(find("PARTLABEL=keelboot", path), KB_ENOENT);
	assert_int_equal(find("PARTLABEL=keelboot-state2", path), KB_ENOENT);
	assert_int_equal(find("PARTLABEL=", path), KB_ENOSPC);
	assert_int_equal(find("/dev/nothing-of-this-name", path), KB_ENOENT);
	assert_int_equal(find("/dev/null", path), KB_OK);
	assert_int_equal(find("vda1", path), KB_EINVAL);
	assert_int_equal(find("", path), KB_EINVAL);
}

static void a_name_cannot_leave_the_folder_of_links(void **unused)
{
	char out[64];

	(void)unused;
	assert_int_equal(device_find_encode("../../etc", out, sizeof(out)), KB_OK);
	assert_string_equal(out, "..\\x2f..\\x2fetc");
	assert_int_equal(device_find_encode("////////////////////", out, sizeof(out)), KB_ENOSPC);
}

int main(void)
{
	static const struct CMUnitTest device_find_tests[] = {
		cmocka_unit_test(partitions_are_found_by_what_the_kernel_says),
		cmocka_unit_test(labels_are_found_by_udevs_links),
		cmocka_unit_test(two_partitions_of_one_name_are_not_guessed),
		cmocka_unit_test(what_is_not_there_is_not_found),
		cmocka_unit_test(a_name_cannot_leave_the_folder_of_links),
	};

	return cmocka_run_group_tests_name("device_find", device_find_tests, make_tree,
					   remove_tree);
}
