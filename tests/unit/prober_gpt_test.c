/* SPDX-License-Identifier: Apache-2.0 */
/* When the prober says that the copy of a partition table is all that is left. The tables are laid
 * out here; tests/boot/test_damaged_table.py has those of other tools. */
#include "initramfs/prober/prober_gpt.c"
#include "tests/unit/test.h"

#define SIZE (4u << 20)

static int fd;

static void put(uint64_t off, const void *buf, size_t len)
{
	assert_int_equal(pwrite(fd, buf, len, (off_t)off), (ssize_t)len);
}

static void put_header(uint32_t sector, uint64_t lba, uint64_t entries_lba)
{
	static const uint8_t entries[128 * ENTRY_LEN] = { 7, 7, 7 };
	uint8_t h[BLOCK] = "EFI PART";

	h[10] = 1;
	bytes_put32(h + AT_LEN, HEADER_LEN);
	bytes_put64(h + AT_LBA, lba);
	bytes_put64(h + AT_ENTRIES_LBA, entries_lba);
	bytes_put32(h + AT_ENTRIES, 128);
	bytes_put32(h + AT_ENTRY_LEN, ENTRY_LEN);
	bytes_put32(h + AT_ENTRIES_CRC, bytes_crc32(0, entries, sizeof(entries)));
	bytes_put32(h + AT_CRC, bytes_crc32(0, h, HEADER_LEN));
	put(entries_lba * sector, entries, sizeof(entries));
	put(lba * sector, h, sizeof(h));
}

static void lay_out(uint32_t sector)
{
	uint64_t last = SIZE / sector - 1;
	uint8_t mbr[BLOCK] = { 0 };

	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(ftruncate(fd, SIZE), 0);
	mbr[MBR_TYPE] = MBR_GPT;
	mbr[510] = 0x55;
	mbr[511] = 0xaa;
	put(0, mbr, sizeof(mbr));
	put_header(sector, 1, 2);
	put_header(sector, last, last - 128 * ENTRY_LEN / sector);
}

static void damage(uint64_t off)
{
	put(off, "\x5a\x5a\x5a\x5a", 4);
}

static void set_up(void)
{
	char path[] = "/tmp/prober_gpt_test.XXXXXX";

	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(unlink(path), 0);
}

static void tear_down(void)
{
	assert_int_equal(close(fd), 0);
}

TEST(whole_table_needs_no_copy)
{
	for (uint32_t sector = 512; sector <= 4096; sector *= 8) {
		lay_out(sector);
		assert_false(prober_gpt_needs_backup(fd, SIZE));
		/* And nothing depends on the copy then. */
		damage(SIZE - sector);
		assert_false(prober_gpt_needs_backup(fd, SIZE));
	}
}

TEST(any_damage_in_front_is_seen)
{
	for (uint32_t sector = 512; sector <= 4096; sector *= 8) {
		const uint64_t at[] = {
			510,	     sector,	       sector + 16,
			sector + 40, 2 * sector + 100, 2 * sector + 128 * ENTRY_LEN - 4
		};

		for (unsigned i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
			lay_out(sector);
			damage(at[i]);
			assert_true(prober_gpt_needs_backup(fd, SIZE));
		}
	}
}

TEST(copy_that_is_damaged_too_is_no_help)
{
	for (uint32_t sector = 512; sector <= 4096; sector *= 8) {
		const uint64_t at[] = { SIZE - sector, SIZE - sector + 24, SIZE - sector + 72,
					SIZE - sector + 80, SIZE - sector - 128 * ENTRY_LEN + 9 };

		for (unsigned i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
			lay_out(sector);
			damage(sector);
			damage(at[i]);
			assert_false(prober_gpt_needs_backup(fd, SIZE));
		}
	}
}

TEST(another_table_or_a_file_system_is_no_damaged_one)
{
	lay_out(512);
	put(MBR_TYPE, "\x83", 1); /* the copy is of an earlier life of this disk */
	damage(512);
	assert_false(prober_gpt_needs_backup(fd, SIZE));
}

TEST(numbers_that_lie_are_survived)
{
	static const uint32_t lies[] = { 0, 1, 91, 513, 1025, INT32_MAX, UINT32_MAX };
	static const unsigned at[] = { AT_LEN, AT_ENTRIES_LBA, AT_ENTRIES_LBA + 4, AT_ENTRIES,
				       AT_ENTRY_LEN };

	for (unsigned i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		for (unsigned j = 0; j < sizeof(lies) / sizeof(lies[0]); j++) {
			uint8_t h[BLOCK], lie[4];

			lay_out(512);
			damage(512);
			bytes_put32(lie, lies[j]);
			assert_int_equal(pread(fd, h, sizeof(h), SIZE - 512), sizeof(h));
			memcpy(h + at[i], lie, 4);
			bytes_put32(h + AT_CRC, 0);
			bytes_put32(h + AT_CRC, bytes_crc32(0, h, HEADER_LEN));
			put(SIZE - 512, h, sizeof(h));
			if (at[i] != AT_ENTRIES_LBA + 4 || lies[j] != 0)
				assert_false(prober_gpt_needs_backup(fd, SIZE));
		}
	}
	EQUAL((prober_gpt_needs_backup(fd, 0), false), (prober_gpt_needs_backup(-1, SIZE), false));
}

TEST_MAIN("tests", .set_up = set_up, .tear_down = tear_down)
