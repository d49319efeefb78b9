/* SPDX-License-Identifier: Apache-2.0 */
/* Which files an install opens, and which it does not. The lender is the test's: it lends a folder.
 */
#include "lib/bytes.h"
#include "tests/unit/folder.h"
#include "update/apply/apply_target.h"

#include <sys/statvfs.h>

#define SIZE 65536u

static struct apply_file_job job;
static struct apply_target target;
static struct install in;
static struct manifest m;
static struct os_lend lend;
static unsigned reads, writes, returns;
static enum kb_err lend_fails;
static bool fixed;
static uint64_t blocks_free;
static uint8_t image[SIZE];

enum kb_err os_lend_begin(struct os_lend *l, const struct os_lend_list *list)
{
	(void)l;
	(void)list;
	return KB_OK;
}

enum kb_err os_lend_ask(struct os_lend *l, const char *dev, bool write, int *dir)
{
	assert_ptr_equal(l, &lend);
	assert_string_equal(dev, "/dev/vda1");
	if (write)
		writes++;
	else
		reads++;
	*dir = lend_fails == KB_OK ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	return lend_fails;
}

bool os_lend_is_fixed(int dir)
{
	assert_true(dir >= 0);
	return fixed;
}

void os_lend_give_back(struct os_lend *l)
{
	(void)l;
	returns++;
}

void os_lend_end(struct os_lend *l)
{
	(void)l;
}

int fstatvfs(int fd, struct statvfs *fs)
{
	(void)fd;
	*fs = (struct statvfs){ .f_bsize = 512, .f_frsize = 512, .f_bfree = blocks_free };
	return 0;
}

static void name_part(int slot, const char *cls, const char *path)
{
	struct apply_slot *s = &job.slot[slot];
	struct apply_part *p = &s->part[s->nparts++];

	snprintf(p->cls, sizeof(p->cls), "%s", cls);
	snprintf(p->path, sizeof(p->path), "%s", path);
}

static void set_up(void)
{
	struct digest d = { 0 };

	folder_make();
	folder_run("mkdir -p EFI/Linux");
	job = (struct apply_file_job){ .target = 1, .lend = &lend };
	in = (struct install){ .target = 1 };
	m = (struct manifest){ .nimages = 1 };
	snprintf(m.image[0].name, sizeof(m.image[0].name), "boot");
	m.image[0].size = SIZE;
	memset(image, 'i', sizeof(image));
	OK(digest_init(&d));
	OK(digest_buf(&d, image, sizeof(image), m.image[0].digest));
	digest_free(&d);
	name_part(0, "boot", "/dev/vda1:/EFI/Linux/a.efi");
	name_part(1, "boot", "/dev/vda1:/EFI/Linux/b.efi");
	folder_put("EFI/Linux/a.efi", "a");
	reads = writes = returns = 0;
	lend_fails = KB_OK;
	fixed = false;
	blocks_free = 10000;
}

static void tear_down(void)
{
	apply_target_close(&target);
	folder_remove();
}

static enum kb_err open_it(void)
{
	return apply_target_open(&target, &job, &m, &in);
}

static void assert_why(const char *text)
{
	if (strstr(job.why, text) == NULL)
		fail_msg("not said: %s\n%s", text, job.why);
}

TEST(file_of_the_target_is_written_and_no_other)
{
	struct stat st;

	OK(open_it());
	EQUAL((in.nparts, 1), (reads, 1), (writes, 0), (in.part[0].dev->size, SIZE));
	assert_true(in.part[0].is_file);
	assert_int_equal(access(folder_at("EFI/Linux/b.efi"), F_OK), -1);
	OK(bdev_write(in.part[0].dev, 0, image, sizeof(image)));
	OK(bdev_flush(in.part[0].dev));
	EQUAL((writes, 1));
	OK(stat(folder_at("EFI/Linux/b.efi"), &st));
	EQUAL((st.st_size, SIZE));
	OK(stat(folder_at("EFI/Linux/a.efi"), &st));
	EQUAL((st.st_size, 1));
	apply_target_close(&target);
	EQUAL((returns, 1));
}

/* systemd-boot has one entry for both. */
TEST(file_of_another_slot_is_never_opened)
{
	static const char *const same[] = { "/dev/vda1:/EFI/Linux/a.efi",
					    "/dev/vda1:/efi/LINUX/A.efi",
					    "/dev/vdb1:/EFI/Linux/a.efi" };

	for (unsigned i = 0; i < KB_ARRAY_LEN(same); i++) {
		job.slot[1].nparts = 0;
		name_part(1, "boot", same[i]);
		FAILS(open_it(), KB_EBUSY);
		assert_why("is that of slot a, too");
		EQUAL((reads, 0), (writes, 0));
	}
	job.slot[1].nparts = 0;
	name_part(1, "boot", "/dev/vda1:/EFI/Linux/b.efi");
	OK(open_it());
}

TEST(full_fat_is_refused_before_anything_is_written)
{
	blocks_free = SIZE / 512;
	FAILS(open_it(), KB_ENOSPC);
	assert_why("the image takes 68 KiB, but there is room for 64 KiB");
	assert_why("fsck.vfat -a");
	EQUAL((writes, 0), (job.blame, INSTALL_BLAME_TARGET));
}

TEST(old_file_of_the_slot_gives_its_room)
{
	blocks_free = 16;
	folder_bytes("EFI/Linux/b.efi", image, SIZE - 1);
	OK(open_it());
	EQUAL((writes, 0));
}

/* Nothing would be written, so no room is needed. */
TEST(file_that_holds_the_image_needs_no_room)
{
	static uint8_t is[SIZE] __attribute__((aligned(BDEV_ALIGN)));

	blocks_free = 0;
	folder_bytes("EFI/Linux/b.efi", image, SIZE);
	OK(open_it());
	OK(bdev_read(in.part[0].dev, 0, is, sizeof(is)));
	assert_memory_equal(is, image, sizeof(is));
	EQUAL((writes, 0));
}

TEST(file_with_other_content_reads_as_zeroes)
{
	static uint8_t is[SIZE] __attribute__((aligned(BDEV_ALIGN)));

	image[100] = 'x';
	folder_bytes("EFI/Linux/b.efi", image, SIZE);
	OK(open_it());
	OK(bdev_read(in.part[0].dev, 0, is, sizeof(is)));
	assert_true(bytes_all(is, sizeof(is), 0));
}

TEST(partition_that_cannot_be_had_is_said)
{
	lend_fails = KB_EMOUNT;
	FAILS(open_it(), KB_EMOUNT);
	assert_why("/dev/vda1:/EFI/Linux/b.efi: its partition does not mount as vfat");
	apply_target_close(&target);
	job.lend = NULL;
	FAILS(open_it(), KB_EPERM);
	assert_why("the process that mounts its partition could not start");
}

/* Linux has one state for all mounts of a FAT: to write it would make the system's writable. */
TEST(fat_that_the_system_has_mounted_read_only_is_refused_before_anything_is_written)
{
	fixed = true;
	FAILS(open_it(), KB_EBUSY);
	assert_why("its partition is mounted read-only: unmount it");
	EQUAL((writes, 0), (job.blame, INSTALL_BLAME_TARGET));
}

/* It would start either. */
TEST(file_that_is_the_same_entry_is_refused)
{
	static const char *const twins[] = { "b+3.efi", "B+2-1.EFI", "b+0-3.efi" };
	static const char *const others[] = { "b+.efi",	 "b+3-.efi", "b+x.efi",	  "bb+3.efi",
					      "a+3.efi", "b3.efi",   "b+3.efi.x", "b+3-1" };

	for (unsigned i = 0; i < KB_ARRAY_LEN(others); i++)
		folder_put(strf("EFI/Linux/%s", others[i]), "x");
	OK(open_it());
	for (unsigned i = 0; i < KB_ARRAY_LEN(twins); i++) {
		apply_target_close(&target);
		folder_put(strf("EFI/Linux/%s", twins[i]), "x");
		FAILS(open_it(), KB_EBUSY);
		assert_why(strf("%s beside it is the same entry for systemd-boot", twins[i]));
		folder_run("rm EFI/Linux/%s", twins[i]);
		EQUAL((writes, 0));
	}
}

/* It was whole, and the rest of its slot was not. */
TEST(file_whose_seal_a_power_cut_left_is_replaced)
{
	static uint8_t is[SIZE] __attribute__((aligned(BDEV_ALIGN)));
	struct stat st;

	folder_bytes("EFI/Linux/b.efi", image, SIZE);
	OK(open_it());
	OK(bdev_write(in.part[0].dev, 0, is, BDEV_ALIGN));
	OK(bdev_flush(in.part[0].dev));
	apply_target_close(&target);
	OK(stat(folder_at("EFI/Linux/b.efi"), &st));
	EQUAL((st.st_size, SIZE));
	blocks_free = 16; /* what it takes is room */
	OK(open_it());
	OK(bdev_read(in.part[0].dev, BDEV_ALIGN, is, BDEV_ALIGN));
	assert_true(bytes_all(is, BDEV_ALIGN, 0));
}

TEST(file_that_holds_the_image_is_no_harm_in_a_fat_that_is_mounted_read_only)
{
	fixed = true;
	folder_bytes("EFI/Linux/b.efi", image, SIZE);
	OK(open_it());
}

TEST(bundle_without_the_image_is_refused)
{
	m.nimages = 0;
	FAILS(open_it(), KB_ECOMPAT);
	assert_why("the bundle has no image for boot");
	EQUAL((job.blame, INSTALL_BLAME_BUNDLE));
}

TEST_MAIN("apply_target", .set_up = set_up, .tear_down = tear_down, .quiet = true)
