/* SPDX-License-Identifier: Apache-2.0 */
/* A file that a boot loader starts, as what an install writes to. */
#include "lib/bdev_boot.h"
#include "tests/unit/folder.h"
#include "tests/unit/program.h"

#include <pthread.h>
#include <sys/syscall.h>

#define PATH "EFI/Linux/b.efi"
#define SIZE 32768u
#define ENDS (SIZE - 700) /* the program in the image */

static struct bdev_boot b;
static uint8_t image[SIZE], back[SIZE];
static unsigned unlocks;
static enum kb_err unlock_fails;
static void (*while_unlocking)(void);

/* What a power cut may leave: the length of each file at each flush, a folder's as '/'. */
static unsigned syncs;
static char flushed[4096];
static int sync_fails, write_fails, remove_fails;

static int fail_with(int errnum)
{
	errno = errnum;
	return -1;
}

int fsync(int fd)
{
	struct stat st;
	size_t n = strlen(flushed);

	syncs++;
	if (sync_fails != 0)
		return fail_with(sync_fails);
	OK(fstat(fd, &st));
	if (S_ISDIR(st.st_mode))
		snprintf(flushed + n, sizeof(flushed) - n, "/ ");
	else
		snprintf(flushed + n, sizeof(flushed) - n, "%lld ", (long long)st.st_size);
	return (int)syscall(SYS_fsync, fd);
}

ssize_t pwrite(int fd, const void *buf, size_t len, off_t off)
{
	return write_fails != 0 ? fail_with(write_fails) : folder_pwrite(fd, buf, len, off);
}

int unlinkat(int fd, const char *name, int flags)
{
	return remove_fails != 0 ? fail_with(remove_fails)
				 : (int)syscall(SYS_unlinkat, fd, name, flags);
}

/* Of a processor with larger ones; 0: its own. */
static long page;
static off_t dropped[2];

long sysconf(int name)
{
	return name == _SC_PAGESIZE && page != 0 ? page : TEST_REAL(sysconf)(name);
}

int posix_fadvise(int fd, off_t off, off_t len, int advice)
{
	(void)fd, (void)advice;
	dropped[0] = off;
	dropped[1] = len;
	return 0;
}

static int top(void)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

/* Linux mounts it anew only if nothing of it is open. */
static enum kb_err unlock(struct bdev_boot *of)
{
	EQUAL((of == &b, true), (b.top, -1), (b.dir, -1), (b.fd, -1));
	unlocks++;
	if (while_unlocking != NULL)
		while_unlocking();
	b.top = unlock_fails == KB_OK ? top() : -1;
	return unlock_fails;
}

static void set_up(void)
{
	folder_make();
	unlocks = 0;
	unlock_fails = KB_OK;
	while_unlocking = NULL;
	sync_fails = write_fails = remove_fails = 0;
	flushed[0] = '\0';
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

/* Else Linux keeps the page, and what is read back is what was written to memory. */
TEST(whole_pages_are_dropped_before_a_read_back)
{
	open_it();
	OK(bdev_write(&b.bdev, 0, image, sizeof(image)));
	page = 16384;
	OK(bdev_drop_cache(&b.bdev, 4096, 4096));
	EQUAL((dropped[0], 0), (dropped[1], 16384));
	OK(bdev_drop_cache(&b.bdev, 16384 - 4096, 8192));
	EQUAL((dropped[0], 0), (dropped[1], 32768));
	page = 4096;
	OK(bdev_drop_cache(&b.bdev, 4096, 4096));
	EQUAL((dropped[0], 4096), (dropped[1], 4096));
	page = 0;
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

/* ---------------------------------------------------------------- what a power cut loses */

#define MIB (1u << 20)

/* A file of so many bytes, all of them 'o'. */
static void put_old(size_t size)
{
	uint8_t *data = malloc(size);

	memset(data, 'o', size);
	put(data, size);
	free(data);
	open_it();
	bdev_boot_is_foreign(&b);
	flushed[0] = '\0';
}

/* FAT has no journal: what is cut off between two flushes may belong to no file any more. */
TEST(old_file_goes_in_steps_that_are_durable)
{
	put_old(3 * MIB + 5);
	OK(bdev_write(&b.bdev, 4096, image + 4096, 4096));
	EQUAL((flushed, "3145733 2097157 1048581 5 4096 / "));
}

TEST(large_old_file_goes_in_few_steps)
{
	folder_run("mkdir -p EFI/Linux && truncate -s 1G " PATH);
	open_it();
	bdev_boot_is_foreign(&b);
	syncs = 0;
	OK(bdev_write(&b.bdev, 4096, image + 4096, 4096));
	assert_in_range(syncs, 60, 68);
}

/* The loader lists what has a head, and would start a part of a kernel. */
TEST(old_file_loses_its_head_before_its_end)
{
	uint8_t head[16] = "x";
	FILE *kept;

	put_old(3 * MIB);
	OK(link(folder_at(PATH), folder_at("kept")));
	OK(bdev_write(&b.bdev, 4096, image + 4096, 4096));
	kept = fopen(folder_at("kept"), "re");
	assert_non_null(kept);
	EQUAL((fread(head, 1, sizeof(head), kept), sizeof(head)));
	fclose(kept);
	assert_true(bytes_all(head, sizeof(head), 0));
}

TEST(new_file_grows_in_steps_that_are_durable)
{
	static uint8_t data[3 * MIB] __attribute__((aligned(BDEV_ALIGN)));

	memset(data, 'n', sizeof(data));
	OK(bdev_boot_open(&b, top(), "/" PATH, 8 * MIB));
	b.unlock = unlock;
	OK(bdev_write(&b.bdev, 0, data, sizeof(data)));
	EQUAL((flushed, "/ / 4096 / 1048576 2097152 3145728 "));
	flushed[0] = '\0';
	OK(bdev_write(&b.bdev, 5 * MIB, data, 4096)); /* what is between is zero */
	EQUAL((flushed, "4194304 5242880 "));
	OK(bdev_read(&b.bdev, 4 * MIB, data, 2 * MIB));
	assert_true(bytes_all(data, MIB, 0) && data[MIB] == 'n');
}

/* A person mends a FAT; a disk that fails is exchanged. */
TEST(damaged_fat_is_told_apart_from_a_disk_that_fails)
{
	static const struct {
		int *what, errnum;
		enum kb_err err;
	} cases[] = {
		{ &write_fails, EIO, KB_EFORMAT },  { &write_fails, ENOSPC, KB_ENOSPC },
		{ &write_fails, EROFS, KB_EPERM },  { &remove_fails, EIO, KB_EFORMAT },
		{ &remove_fails, EROFS, KB_EPERM }, { &sync_fails, EIO, KB_EIO },
	};

	for (unsigned i = 0; i < KB_ARRAY_LEN(cases); i++) {
		put_old(3);
		*cases[i].what = cases[i].errnum;
		FAILS(bdev_write(&b.bdev, 0, image, 4096), cases[i].err);
		*cases[i].what = 0;
	}
}

/* Its head may be in no cluster: it goes all the same. */
TEST(old_file_whose_head_cannot_be_written_is_removed)
{
	put_old(3);
	write_fails = EIO;
	FAILS(bdev_write(&b.bdev, 0, image, 4096), KB_EFORMAT);
	EQUAL((length(), 0)); /* the new one, without its first cluster */
	write_fails = 0;
	open_it();
	bdev_boot_is_foreign(&b);
	install();
	EQUAL((length(), ENDS));
}

/* ---------------------------------------------------------------- two threads */

static struct user {
	pthread_t id;
	bool (*use)(void);
	bool ended, ok;
} users[4];
static unsigned ended_early;

static bool read_it(void)
{
	return bdev_read(&b.bdev, 8192, back, 4096) == KB_OK && bytes_all(back, 4096, 0);
}

static bool flush_it(void)
{
	return bdev_flush(&b.bdev) == KB_OK;
}

static bool drop_it(void)
{
	return bdev_drop_cache(&b.bdev, 0, SIZE) == KB_OK;
}

/* It is written to by then. */
static bool ask_it(void)
{
	return !bdev_is_zero(&b.bdev, 0, SIZE);
}

static void *run_user(void *arg)
{
	struct user *u = arg;

	u->ok = u->use();
	__atomic_store_n(&u->ended, true, __ATOMIC_SEQ_CST);
	return NULL;
}

static void start_users(void)
{
	static bool (*const uses[])(void) = { read_it, flush_it, drop_it, ask_it };

	for (unsigned i = 0; i < KB_ARRAY_LEN(users); i++) {
		users[i] = (struct user){ .use = uses[i] };
		OK(pthread_create(&users[i].id, NULL, run_user, &users[i]));
	}
	usleep(200000);
	for (unsigned i = 0; i < KB_ARRAY_LEN(users); i++)
		ended_early += __atomic_load_n(&users[i].ended, __ATOMIC_SEQ_CST);
}

/* The thread that reads back has no descriptor of its own. */
TEST(other_thread_waits_until_the_first_write_is_done)
{
	put_old(3);
	ended_early = 0;
	while_unlocking = start_users;
	OK(bdev_write(&b.bdev, 4096, image + 4096, 4096));
	for (unsigned i = 0; i < KB_ARRAY_LEN(users); i++) {
		OK(pthread_join(users[i].id, NULL));
		assert_true(users[i].ok);
	}
	EQUAL((ended_early, 0));
}

/* ---------------------------------------------------------------- what is in its place */

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
