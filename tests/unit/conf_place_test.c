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

static void are_valid(const char *const *paths, size_t n, bool valid)
{
	for (size_t i = 0; i < n; i++)
		if (conf_place_is_valid(paths[i]) != valid)
			fail_msg("%s", paths[i]);
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

	are_valid(good, KB_ARRAY_LEN(good), true);
	are_valid(bad, KB_ARRAY_LEN(bad), false);
}

TEST(path_of_a_file_with_a_text_has_one_name_only)
{
	static const char *const good[] = { "/keelboot-a/vmlinuz", "/a/initrd.img-6.1.0",
					    "/a2345678901234567890123456/linux" };
	static const char *const bad[] = {
		"/vmlinuz",
		"//vmlinuz",
		"/keelboot-a/",
		"/keelboot-a",
		"keelboot-a/vmlinuz",
		"/keelboot-a/x/vmlinuz",
		"/keelboot-a//vmlinuz",
		"/Keelboot-a/vmlinuz",
		"/keelboot-a/Vmlinuz",
		"/keelboot-a./vmlinuz",
		"/keelboot-a/vmlinuz.",
		"/../vmlinuz",
		"/keelboot-a/..",
		"/.a/vmlinuz",
		"/keelboot-a+3/vmlinuz",
		"/efi/vmlinuz",
		"/loader/entries",
		"/auto-a/vmlinuz",
		"/EFI/Linux/auto-a.efi",
		"/keelboot-a/vm linuz",
		"/a23456789012345678901234567/linux",
		"/a/a2345678901234567890123456789012",
	};

	are_valid(good, KB_ARRAY_LEN(good), true);
	are_valid(bad, KB_ARRAY_LEN(bad), false);
}

static const char *entry_of(const char *path)
{
	static char entry[CONF_PLACE_NAME + 1];

	conf_place_entry(path, entry);
	return entry;
}

TEST(image_is_its_own_entry_and_other_files_are_of_that_of_their_folder)
{
	EQUAL((entry_of("/EFI/Linux/keelboot-a.efi"), "keelboot-a.efi"),
	      (entry_of("/keelboot-a/vmlinuz"), "keelboot-a.conf"),
	      (entry_of("/keelboot-a/x.efi"), "keelboot-a.conf"));
	assert_true(conf_place_is_image("/EFI/Linux/keelboot-a.efi"));
	assert_false(conf_place_is_image("/keelboot-a/x.efi"));
}

TEST(entry_is_told_by_its_name_alone)
{
	assert_true(conf_place_is_same("/EFI/Linux/a.efi", "/efi/LINUX/A.efi"));
	assert_false(conf_place_is_same("/EFI/Linux/a.efi", "/EFI/Linux/b.efi"));
	assert_true(conf_place_is_same("/a/vmlinuz", "/A/initrd"));
	assert_false(conf_place_is_same("/a/vmlinuz", "/b/vmlinuz"));
	assert_false(conf_place_is_same("/a/vmlinuz", "/EFI/Linux/a.efi"));
}

TEST(text_that_is_counted_in_is_the_same_entry)
{
	static const char *const same[] = { "a+3.conf", "A+2-1.CONF", "a+0-3.conf" };
	static const char *const others[] = { "a.conf",	   "a+.conf",  "a+3.efi",    "a+x.conf",
					      "aa+3.conf", "b+3.conf", "a+3.conf.x", "a+3-.conf" };

	for (unsigned i = 0; i < KB_ARRAY_LEN(same); i++)
		assert_true(conf_place_is_counted("/a/vmlinuz", same[i]));
	for (unsigned i = 0; i < KB_ARRAY_LEN(others); i++)
		assert_false(conf_place_is_counted("/a/vmlinuz", others[i]));
	assert_false(conf_place_is_counted("/EFI/Linux/a.efi", "a+3.conf"));
}

TEST_MAIN("conf_place")
