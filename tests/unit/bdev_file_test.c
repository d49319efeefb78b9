/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/bdev.h"
#include "lib/md_member.h"
#include "tests/unit/test.h"

#include <endian.h>

#define BLOCKS 40
#define LARGE  (4 << 20)

static char path[64];
static uint8_t buf[4 * BDEV_ALIGN] __attribute__((aligned(BDEV_ALIGN)));
static struct bdev_file f;

static void set_up(void)
{
	int fd;

	strcpy(path, "/tmp/bdev_file_test.XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, BLOCKS * BDEV_ALIGN + 100), 0);
	close(fd);
}

static void tear_down(void)
{
	assert_int_equal(unlink(path), 0);
}

TEST(a_file_is_written_and_read)
{
	static const unsigned flags[] = { BDEV_FILE_WRITE, BDEV_FILE_WRITE | BDEV_FILE_DIRECT };

	for (size_t i = 0; i < 2; i++) {
		OK(bdev_file_open(&f, path, flags[i]));
		assert_false(f.block);
		assert_true(f.bdev.size == BLOCKS * BDEV_ALIGN); /* the odd tail is left out */
		memset(buf, 0x11 + (int)i, sizeof(buf));
		OK(bdev_write(&f.bdev, BDEV_ALIGN, buf, sizeof(buf)));
		OK(bdev_flush(&f.bdev));
		OK(bdev_drop_cache(&f.bdev, 0, f.bdev.size));
		memset(buf, 0, sizeof(buf));
		OK(bdev_read(&f.bdev, 4 * BDEV_ALIGN, buf, 2 * BDEV_ALIGN));
		EQUAL((buf[BDEV_ALIGN - 1], 0x11 + (int)i), (buf[BDEV_ALIGN], 0));
		bdev_file_close(&f);
		assert_int_equal(f.fd, -1);
		bdev_file_close(&f);
	}
}

/* As one block; it is not written. */
TEST(odd_tail_is_read)
{
	OK(bdev_file_open(&f, path, BDEV_FILE_WRITE));
	assert_int_equal(pwrite(f.fd, "tail", 4, BLOCKS * BDEV_ALIGN + 96), 4);
	memset(buf, 0xff, sizeof(buf));
	OK(bdev_read(&f.bdev, (BLOCKS - 1) * BDEV_ALIGN, buf, 2 * BDEV_ALIGN));
	assert_memory_equal(buf + BDEV_ALIGN + 96, "tail", 4);
	EQUAL((buf[BDEV_ALIGN + 100], 0), (buf[2 * BDEV_ALIGN - 1], 0));
	FAILS(bdev_read(&f.bdev, BLOCKS * BDEV_ALIGN, buf, 2 * BDEV_ALIGN), KB_EINVAL);
	FAILS(bdev_write(&f.bdev, BLOCKS * BDEV_ALIGN, buf, BDEV_ALIGN), KB_EINVAL);
	FAILS(bdev_zero(&f.bdev, BLOCKS * BDEV_ALIGN, BDEV_ALIGN), KB_EINVAL);
	bdev_file_close(&f);
}

TEST(zeroes_keep_the_size)
{
	struct stat st;

	OK(bdev_file_open(&f, path, BDEV_FILE_WRITE));
	memset(buf, 0x11, sizeof(buf));
	OK(bdev_write(&f.bdev, (BLOCKS - 4) * BDEV_ALIGN, buf, sizeof(buf)));
	OK(bdev_zero(&f.bdev, (BLOCKS - 2) * BDEV_ALIGN, 2 * BDEV_ALIGN));
	OK(bdev_read(&f.bdev, (BLOCKS - 4) * BDEV_ALIGN, buf, sizeof(buf)));
	assert_int_equal(buf[2 * BDEV_ALIGN - 1], 0x11);
	for (size_t i = 2 * BDEV_ALIGN; i < 4 * BDEV_ALIGN; i++)
		assert_int_equal(buf[i], 0);
	OK(bdev_discard(&f.bdev, 0, BDEV_ALIGN));
	EQUAL((stat(path, &st), 0), (st.st_size, BLOCKS * BDEV_ALIGN + 100));
	bdev_file_close(&f);
}

TEST(a_file_that_was_opened_to_read_is_not_written)
{
	OK(bdev_file_open(&f, path, 0));
	OK(bdev_read(&f.bdev, 0, buf, sizeof(buf)));
	FAILS(bdev_write(&f.bdev, 0, buf, BDEV_ALIGN), KB_EPERM);
	FAILS(bdev_zero(&f.bdev, 0, BDEV_ALIGN), KB_EPERM);
	bdev_file_close(&f);
}

TEST(a_file_that_shrank_is_an_error)
{
	OK(bdev_file_open(&f, path, 0));
	assert_int_equal(truncate(path, BDEV_ALIGN), 0);
	FAILS(bdev_read(&f.bdev, 0, buf, 2 * BDEV_ALIGN), KB_EIO);
	bdev_file_close(&f);
}

TEST(a_write_that_ends_halfway_is_an_error)
{
	struct rlimit limit, old;

	OK(bdev_file_open(&f, path, BDEV_FILE_WRITE));
	getrlimit(RLIMIT_FSIZE, &old);
	limit = (struct rlimit){ 2 * BDEV_ALIGN, old.rlim_max };
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &limit);
	FAILS(bdev_write(&f.bdev, BDEV_ALIGN, buf, 2 * BDEV_ALIGN), KB_ENOSPC);
	setrlimit(RLIMIT_FSIZE, &old);
	OK(bdev_write(&f.bdev, BDEV_ALIGN, buf, 2 * BDEV_ALIGN));
	bdev_file_close(&f);
}

TEST(a_flush_that_fails_is_told)
{
	int fds[2];

	OK(bdev_file_open(&f, path, BDEV_FILE_WRITE));
	OK(bdev_flush(&f.bdev));
	/* What cannot be made durable at all, in its place. */
	assert_int_equal(pipe(fds), 0);
	assert_true(dup2(fds[1], f.fd) == f.fd);
	FAILS(bdev_flush(&f.bdev), KB_EIO);
	close(fds[0]);
	close(fds[1]);
	bdev_file_close(&f);
}

TEST(what_cannot_be_opened_is_told_apart)
{
	FAILS(bdev_file_open(&f, "/nowhere/x", 0), KB_ENOENT);
	assert_int_equal(f.fd, -1);
	FAILS(bdev_file_open(&f, "/tmp", 0), KB_EINVAL);
	assert_int_equal(f.fd, -1);
	FAILS(bdev_file_open(&f, "/dev/null", BDEV_FILE_WRITE), KB_EINVAL);
	assert_int_equal(f.fd, -1);
}

TEST(a_borrowed_descriptor_works)
{
	int fd = open(path, O_RDWR);

	OK(bdev_file_from_fd(&f, fd));
	assert_int_equal(f.fd, fd);
	OK(bdev_write(&f.bdev, 0, buf, BDEV_ALIGN));
	assert_int_equal(close(fd), 0);
	FAILS(bdev_file_from_fd(&f, fd), KB_EIO);
	assert_int_equal(f.fd, -1);
}

/* kib: of the array, in the old format, which is in the order of the machine that made it. */
static void put_superblock_of(uint64_t off, bool old, uint32_t kib)
{
	uint32_t magic = 0xa92b4efc,
		 head[9] = { old ? magic : htole32(magic), old ? 0 : htole32(1), old ? 90 : 0 };
	uint64_t sector = htole64(off / 512);
	int fd = open(path, O_RDWR);

	assert_true(fd >= 0);
	head[8] = kib;
	assert_int_equal(pwrite(fd, head, sizeof(head), (off_t)off), sizeof(head));
	if (!old)
		assert_int_equal(pwrite(fd, &sector, 8, (off_t)off + 144), 8);
	close(fd);
}

static void put_superblock(uint64_t off, bool old)
{
	put_superblock_of(off, old, 0);
}

/* A leg of a mirror that is written alone is another disk than its twin from then on. */
TEST(a_member_of_an_array_is_read_and_never_written)
{
	static const struct {
		uint64_t off;
		bool old;
	} places[] = {
		{ 0, false },
		{ 4096, false },
		{ (BLOCKS - 2) * BDEV_ALIGN, false },
		{ 65536, true }, /* of 160 KiB: two of 64 KiB are whole */
	};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		assert_int_equal(truncate(path, 0), 0);
		assert_int_equal(truncate(path, BLOCKS * BDEV_ALIGN), 0);
		put_superblock(places[i].off, places[i].old);
		FAILS(bdev_file_open(&f, path, BDEV_FILE_WRITE), KB_EMEMBER);
		assert_int_equal(f.fd, -1);
		FAILS(bdev_file_open(&f, path, BDEV_FILE_WRITE | BDEV_FILE_DIRECT), KB_EMEMBER);
		OK(bdev_file_open(&f, path, 0));
		bdev_file_close(&f);
	}
}

static void put64(uint64_t off, uint64_t value)
{
	int fd = open(path, O_RDWR);

	value = htole64(value);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, &value, sizeof(value), (off_t)off), sizeof(value));
	close(fd);
}

/* A protective MBR; a GPT's header, and where it says that its copy is: the last sector of what it
 * was made for. */
static void put_gpt(uint64_t sector, uint64_t end)
{
	put64(464, 0xee0000); /* the type of the second partition */
	put64(504, 0xaa55ull << 48);
	put64(sector, 0x5452415020494645); /* EFI PART */
	put64(sector + 24, 1);
	put64(sector + 32, end / sector - 1);
}

static void assert_disk(bool member)
{
	OK(bdev_file_open(&f, path, 0));
	assert_int_equal(md_member_is_disk(&f.bdev), member);
	bdev_file_close(&f);
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(truncate(path, BLOCKS * BDEV_ALIGN), 0);
}

/* kib: of its array. */
static void put_old(uint32_t kib)
{
	put_superblock_of(65536, true, kib);
}

static void put_new(uint64_t bytes)
{
	put_superblock((BLOCKS - 2) * BDEV_ALIGN, false);
	put64((BLOCKS - 2) * BDEV_ALIGN + 80, bytes / 512);
}

/* Partitions are seen on a member only if it begins as the array does; and a superblock 0.90 may
 * be that of the last partition. */
TEST(a_disk_with_partitions_is_a_member_by_its_end_alone)
{
	static const struct {
		uint32_t kib;
		bool member;
	} old[] = { { 64, true }, { 63, true }, { 65, false }, { 0, false } };

	for (uint64_t sector = 512; sector <= 4096; sector *= 8) {
		put_gpt(sector, 32 * BDEV_ALIGN);
		put_new(32 * BDEV_ALIGN);
		assert_disk(true);
	}
	for (size_t i = 0; i < sizeof(old) / sizeof(old[0]); i++) {
		put_gpt(512, 63 << 10);
		put_old(old[i].kib);
		assert_disk(old[i].member);
	}
	put_gpt(512, 32 * BDEV_ALIGN);
	put_superblock(0, false);
	assert_disk(false);
	put_gpt(512, 32 * BDEV_ALIGN);
	put_superblock(BDEV_ALIGN, false);
	assert_disk(false);
}

/* Its disk was in an array, and has been partitioned since: it boots, and is updated. */
TEST(a_disk_on_which_an_old_array_left_a_superblock_is_none)
{
	put_gpt(512, BLOCKS * BDEV_ALIGN);
	put_old(64);
	assert_disk(false);
	put_gpt(512, (64 << 10) + 512);
	put_old(64);
	assert_disk(false);
	put_gpt(4096, BLOCKS * BDEV_ALIGN);
	put_new(32 * BDEV_ALIGN);
	assert_disk(false);
	/* An image of a smaller disk. */
	assert_int_equal(truncate(path, LARGE), 0);
	put_gpt(512, 32 * BDEV_ALIGN);
	put_superblock(LARGE - 2 * BDEV_ALIGN, false);
	put64(LARGE - 2 * BDEV_ALIGN + 80, LARGE / 512 - 32);
	assert_disk(false);
	/* An MBR does not say where the disk ended, whatever is behind it. */
	put_old(64);
	assert_disk(false);
	put_gpt(512, 63 << 10);
	put64(464, 0x830000);
	put_old(64);
	assert_disk(false);
	/* What the superblock says is nonsense. */
	put_gpt(512, 32 * BDEV_ALIGN);
	put_new(UINT64_MAX);
	assert_disk(false);
}

/* The last partition may end where the disk does, and be shorter than the array of that. */
TEST(a_superblock_of_the_whole_disk_makes_no_member_of_its_last_partition)
{
	put_old(65);
	OK(bdev_file_open(&f, path, BDEV_FILE_WRITE));
	bdev_file_close(&f);
	put_old(64);
	FAILS(bdev_file_open(&f, path, BDEV_FILE_WRITE), KB_EMEMBER);
}

/* An image in a slot may hold what an array has elsewhere. */
TEST(a_superblock_in_the_wrong_place_is_none)
{
	static const uint64_t places[] = { 8192, 65536 };

	for (size_t i = 0; i < 2; i++)
		put_superblock(places[i], false);
	put_superblock(4096, true);
	OK(bdev_file_open(&f, path, BDEV_FILE_WRITE));
	bdev_file_close(&f);
	assert_int_equal(truncate(path, 100), 0);
	OK(bdev_file_open(&f, path, BDEV_FILE_WRITE));
	bdev_file_close(&f);
}

TEST_MAIN("bdev_file", .set_up = set_up, .tear_down = tear_down)
