/* SPDX-License-Identifier: Apache-2.0 */
/* A file that a boot loader starts, as what an install writes to. */
#include "lib/bdev_boot.h"
#include "tests/unit/folder.h"
#include "tests/unit/program.h"

#include <sys/syscall.h>

#define PATH "EFI/Linux/b.efi"
#define SIZE 32768u
#define ENDS (SIZE - 700) /* the program in the image */

static struct bdev_boot b;
static uint8_t image[SIZE], back[SIZE];
static unsigned unlocks;
static enum kb_err unlock_fails;

static unsigned syncs;

int fsync(int fd)
{
	syncs++;
	return (int)syscall(SYS_fsync, fd);
}

static int top(void)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static enum kb_err unlock(void *ctx, int *dir)
{
	(void)ctx;
	unlocks++;
	*dir = unlock_fails == KB_OK ? top() : -1;
	return unlock_fails;
}

static void set_up(void)
{
	folder_make();
	unlocks = 0;
	unlock_fails = KB_OK;
	memset(image, 'x', sizeof(image));
	program_make(image, ENDS, 0, 0);
	memset(image + ENDS, 0, SIZE - ENDS);
	b.top = b.dir = b.fd = -1;
}

static void tear_down(void)
{
	bdev_boot_close(&b);
	folder_remove();
}

static void open_it(void)
{
	bdev_boot_close(&b);
	OK(bdev_boot_open(&b, top(), "/" PATH, SIZE));
	b.unlock = unlock;
}

static void put(const void *data, size_t len)
{
	folder_run("mkdir -p EFI/Linux");
	folder_bytes(PATH, data, len);
}

static off_t length(void)
{
	struct stat st;

	return stat(folder_at(PATH), &st) == 0 ? st.st_size : -1;
}

/* As an install does: what is behind the head, then the head. */
static void install(void)
{
	OK(bdev_write(&b.bdev, 4096, image + 4096, SIZE - 4096));
	OK(bdev_flush(&b.bdev));
	OK(bdev_write(&b.bdev, 0, image, 4096));
	OK(bdev_flush(&b.bdev));
}

static void reads(const uint8_t *want)
{
	OK(bdev_read(&b.bdev, 0, back, SIZE));
	assert_memory_equal(back, want, SIZE);
}

TEST(file_that_is_missing_reads_as_zeroes_and_is_made_by_the_first_write)
{
	open_it();
	reads((const uint8_t[SIZE]){ 0 });
	OK(bdev_flush(&b.bdev));
	OK(bdev_drop_cache(&b.bdev, 0, SIZE));
	assert_true(bdev_is_zero(&b.bdev, 0, SIZE));
	EQUAL((unlocks, 0), (access(folder_at("EFI"), F_OK), -1));
	install();
	EQUAL((unlocks, 1), (length(), ENDS));
	reads(image);
}

/* Secure Boot hashes what follows. */
TEST(file_ends_where_its_program_does)
{
	open_it();
	install();
	EQUAL((length(), ENDS));
	open_it();
	assert_true(bdev_boot_may_hold(&b));
	reads(image);
}

TEST(file_that_is_none_of_a_program_keeps_its_length)
{
	memset(image, 'y', sizeof(image));
	open_it();
	install();
	EQUAL((length(), SIZE));
	reads(image);
}

/* Only what an image is filled up with goes. */
TEST(what_follows_the_program_and_is_no_zero_stays)
{
	image[ENDS + 10] = 'z';
	open_it();
	install();
	EQUAL((length(), SIZE));
	reads(image);
}

/* As binutils write them. */
TEST(symbols_and_their_names_belong_to_it)
{
	program_symbols(image, ENDS, 3);
	bytes_put32(image + ENDS + 3 * 18, 4 + 12);
	memcpy(image + ENDS + 3 * 18 + 4, "one\0two.....", 11);
	open_it();
	install();
	EQUAL((length(), ENDS + 3 * 18 + 16));
	reads(image);
}

/* An install may leave out zeroes at the end of an image; the program has them. */
TEST(file_that_ends_before_its_program_reads_as_if_it_did_not)
{
	memset(image + SIZE - 8192, 0, 8192);
	open_it();
	OK(bdev_write(&b.bdev, 4096, image + 4096, SIZE - 8192 - 4096));
	OK(bdev_write(&b.bdev, 0, image, 4096));
	OK(bdev_flush(&b.bdev));
	EQUAL((length(), ENDS));
	reads(image);
}

TEST(old_file_stays_until_the_first_write_and_then_is_another_one)
{
	struct stat before, after;

	put("old", 3);
	OK(stat(folder_at(PATH), &before));
	open_it();
	assert_false(bdev_boot_may_hold(&b));
	bdev_boot_is_foreign(&b);
	reads((const uint8_t[SIZE]){ 0 });
	EQUAL((length(), 3));
	/* a second name keeps it, to be looked at */
	OK(link(folder_at(PATH), folder_at("kept")));
	install();
	OK(stat(folder_at(PATH), &after));
	assert_true(before.st_ino != after.st_ino);
	OK(stat(folder_at("kept"), &after));
	EQUAL((after.st_size, 3), (length(), ENDS));
}

TEST(file_that_holds_the_image_is_written_in_its_place)
{
	struct stat before, after;

	put(image, ENDS);
	OK(stat(folder_at(PATH), &before));
	open_it();
	reads(image);
	EQUAL((unlocks, 0));
	OK(bdev_write(&b.bdev, 0, image, 4096));
	OK(bdev_flush(&b.bdev));
	OK(stat(folder_at(PATH), &after));
	EQUAL((unlocks, 1), (before.st_ino, after.st_ino), (length(), ENDS));
	reads(image);
}

/* An install before may have been ended before its flush. */
TEST(file_that_holds_the_image_is_flushed_without_a_write)
{
	put(image, ENDS);
	open_it();
	syncs = 0;
	OK(bdev_flush(&b.bdev));
	EQUAL((syncs, 1), (unlocks, 0));
}

TEST(file_system_that_cannot_be_written_fails_the_write_only)
{
	put("old", 3);
	open_it();
	bdev_boot_is_foreign(&b);
	unlock_fails = KB_EBUSY;
	FAILS(bdev_write(&b.bdev, 0, image, 4096), KB_EBUSY);
	EQUAL((length(), 3));
}

TEST(folder_or_link_of_that_name_is_refused)
{
	folder_run("mkdir -p " PATH);
	FAILS(bdev_boot_open(&b, top(), "/" PATH, SIZE), KB_EINVAL);
	bdev_boot_close(&b);
	folder_run("rmdir " PATH " && ln -s /etc/passwd " PATH);
	assert_true(bdev_boot_open(&b, top(), "/" PATH, SIZE) != KB_OK);
	bdev_boot_close(&b);
	FAILS(bdev_boot_open(&b, top(), "/../b.efi", SIZE), KB_EINVAL);
}

TEST(room_counts_what_the_old_file_gives_back)
{
	struct bdev_boot_room without, with;

	put(image, SIZE);
	open_it();
	OK(bdev_boot_room(&b, &with));
	folder_run("rm " PATH);
	open_it();
	OK(bdev_boot_room(&b, &without));
	assert_true(with.takes > SIZE && without.takes == with.takes);
	assert_true(with.free >= SIZE);
}

TEST_MAIN("bdev_boot", .set_up = set_up, .tear_down = tear_down)
