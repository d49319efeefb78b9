/* SPDX-License-Identifier: Apache-2.0 */
/* fw_env.config: which bytes of which device are U-Boot's environment. */
#include "selector/loader/loader_fwenv.h"
#include "tests/unit/folder.h"

#define GIB (1ull << 30)

static struct loader_fwenv env;

static bool is_apart(const char *one, const char *other, uint64_t bytes)
{
	OK(loader_fwenv_parse(&env, strf("/dev/x %s 0x1000\n/dev/x %s 0x1000\n", one, other)));
	return loader_fwenv_apart(&env, bytes);
}

TEST(lines_are_read_as_libubootenv_reads_them)
{
	OK(loader_fwenv_parse(&env, "# copies\n\n /dev/mmcblk0boot0\t-0x2200 2000\r\n"
				    "/dev/mtd1 4096 0x4000 0x10000 1"));
	EQUAL((env.n, 2), (env.copy[0].offset, -0x2200), (env.copy[0].size, 0x2000),
	      (env.copy[1].offset, 4096), (env.copy[1].size, 0x4000));
	assert_string_equal(env.copy[0].dev, "/dev/mmcblk0boot0");
	assert_string_equal(env.copy[1].dev, "/dev/mtd1");
	OK(loader_fwenv_parse(&env, "/boot/uboot.env 0 4000\n"));
	EQUAL((env.n, 1));
	OK(loader_fwenv_parse(&env, ""));
	EQUAL((env.n, 0));
}

/* Where a long has 32 bits, 3 GiB became 2 GiB - 1. */
TEST(offset_of_gigabytes_is_read)
{
	uint64_t begin;

	OK(loader_fwenv_parse(&env, "/dev/x 0xc0000000 0x1000\n/dev/x -0xc0000000 0x1000\n"));
	assert_true(env.copy[0].offset == (int64_t)(3 * GIB));
	assert_true(env.copy[1].offset == -(int64_t)(3 * GIB));
	assert_true(loader_fwenv_begin(&env.copy[0], 0, &begin) && begin == 3 * GIB);
	assert_true(loader_fwenv_begin(&env.copy[1], 8 * GIB, &begin) && begin == 5 * GIB);
	FAILS(loader_fwenv_parse(&env, "/dev/x 0x8000000000000000 0x1000\n"), KB_EINVAL);
	FAILS(loader_fwenv_parse(&env, "/dev/x 0 0x100001000\n"), KB_EINVAL);
}

TEST(place_before_the_device_is_none)
{
	uint64_t begin;

	OK(loader_fwenv_parse(&env, "/dev/x -0x2000 0x1000\n"));
	assert_false(loader_fwenv_begin(&env.copy[0], 0, &begin));
	assert_false(loader_fwenv_begin(&env.copy[0], 0x1fff, &begin));
	assert_true(loader_fwenv_begin(&env.copy[0], 0x2000, &begin) && begin == 0);
}

TEST(copies_of_one_place_are_found_however_it_is_said)
{
	assert_false(is_apart("0", "0xfff", 0));
	assert_false(is_apart("0xfff", "0", 0));
	assert_true(is_apart("0", "0x1000", 0));
	assert_true(is_apart("-0x1000", "-0x2000", 0));
	assert_false(is_apart("-0x1001", "-0x2000", 0));
	assert_false(is_apart("0x1000", "-0x1000", 0x2000));
	assert_false(is_apart("-0x1fff", "0", 0x2000));
	assert_true(is_apart("-0x1000", "0", 0x2000));
	/* In other devices, nothing is shared. */
	OK(loader_fwenv_parse(&env, "/dev/x 0 0x1000\n/dev/y 0 0x1000\n"));
	assert_true(loader_fwenv_apart(&env, 0x2000));
}

TEST(file_that_is_no_configuration_is_refused)
{
	folder_make();
	folder_put("env", "/dev/x 0 0x1000\n");
	OK(loader_fwenv_read(&env, folder_at("env")));
	EQUAL((env.n, 1));
	folder_put("env", "/dev/x 0 0x1000\nlitter\n");
	FAILS(loader_fwenv_read(&env, folder_at("env")), KB_EINVAL);
	folder_blank("env", 100);
	FAILS(loader_fwenv_read(&env, folder_at("env")), KB_EINVAL);
	FAILS(loader_fwenv_read(&env, folder_at("none")), KB_ENOENT);
	EQUAL((env.n, 0));
	folder_remove();
}

TEST_MAIN("loader_fwenv")
