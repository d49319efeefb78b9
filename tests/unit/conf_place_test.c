/* SPDX-License-Identifier: Apache-2.0 */
/* A slot's kernel as a file in a partition. */
#include "lib/conf_place.h"
#include "tests/unit/test.h"

static conf_spec part;

TEST(file_stands_behind_its_partition)
{
	EQUAL((conf_place_split("PARTLABEL=esp:/EFI/Linux/a.efi", part), "/EFI/Linux/a.efi"),
	      (part, "PARTLABEL=esp"));
	EQUAL((conf_place_split("/dev/vda1:/a.efi", part), "/a.efi"), (part, "/dev/vda1"));
	assert_null(conf_place_split("PARTLABEL=boot-a", part));
	EQUAL((part, "PARTLABEL=boot-a"));
	assert_null(conf_place_split("/dev/disk/by-path/pci-0000:00:01.0-part1", part));
	EQUAL((conf_place_tail("PARTLABEL=esp:/a.efi"), ":/a.efi"), (conf_place_tail("/dev/x"), ""),
	      (conf_place_name("/EFI/Linux/a.efi"), "a.efi"));
}

TEST(path_has_one_name_only)
{
	static const char *const good[] = { "/EFI/Linux/a.efi", "/EFI/Linux/keelboot-a.efi",
					    "/EFI/Linux/x_1.2.efi" };
	static const char *const bad[] = {
		"",
		"/a.efi",
		"a.efi",
		"EFI/Linux/a.efi",
		"/EFI/BOOT/a.efi",
		"/EFI/linux/a.efi",
		"/EFI/Linux/",
		"/EFI/Linux/.efi",
		"/EFI/Linux/x/a.efi",
		"/EFI/Linux/../a.efi",
		"/EFI/Linux//a.efi",
		"/EFI/Linux/.a.efi",
		"/EFI/Linux/a.EFI",
		"/EFI/Linux/A.efi",
		"/EFI/Linux/a.efi.",
		"/EFI/Linux/a.efi/",
		"/EFI/Linux/a+3.efi",
		"/EFI/Linux/a~1.efi",
		"/EFI/Linux/a b.efi",
		"/EFI/Linux/a:b.efi",
		"/EFI/Linux/a,b.efi",
		"/EFI/Linux/a.conf",
		"/EFI\\Linux\\a.efi",
		"/EFI/Linux/\xc3\xa4.efi",
		"/EFI/Linux/a23456789012345678901234567890.efi",
	};

	for (unsigned i = 0; i < KB_ARRAY_LEN(good); i++)
		if (!conf_place_is_valid(good[i]))
			fail_msg("%s", good[i]);
	for (unsigned i = 0; i < KB_ARRAY_LEN(bad); i++)
		if (conf_place_is_valid(bad[i]))
			fail_msg("%s", bad[i]);
}

TEST(entry_is_told_by_its_name_alone)
{
	assert_true(conf_place_is_same("/EFI/Linux/a.efi", "/efi/LINUX/A.efi"));
	assert_false(conf_place_is_same("/EFI/Linux/a.efi", "/EFI/Linux/b.efi"));
}

TEST_MAIN("conf_place")
