/* SPDX-License-Identifier: Apache-2.0 */
/* Which files an install opens, and which it does not. The lender is the test's: it lends a folder.
 */
#include "lib/bytes.h"
#include "tests/unit/folder.h"
#include "tests/unit/raw.h"
#include "tests/unit/syscall.h"
#include "update/apply/apply_apart.h"
#include "update/apply/apply_target.h"

#include <limits.h>
#include <pthread.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define SIZE 65536u

static struct apply_file_job job;
static struct apply_target target;
static struct install in;
static struct manifest m;
static struct os_lend lend;
static unsigned reads, writes, returns, compared;
static enum kb_err lend_fails;
static void (*while_asking)(void);
static bool fixed, closed_at_write;
static uint64_t blocks_free;
static uint8_t image[SIZE];

/* Descriptors of this process in a folder. */
static unsigned open_below(const char *place)
{
	char link[64], path[PATH_MAX];
	unsigned n = 0;

	for (int fd = 0; fd < 256; fd++) {
		ssize_t len;

		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		len = readlink(link, path, sizeof(path) - 1);
		path[len < 0 ? 0 : len] = '\0';
		n += strncmp(path, place, strlen(place)) == 0;
	}
	return n;
}

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
	if (write && closed_at_write && writes == 0)
		assert_int_equal(open_below(folder), 0);
	if (write && while_asking != NULL && writes == 0)
		while_asking();
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

static const char *unread; /* the end of the name of a file that gives an error; NULL: none */
static bool unlisted;	   /* so do folders */

/* In front of the C library's. */
ssize_t pread64(int fd, void *buf, size_t len, off64_t off)
{
	char link[64], path[PATH_MAX];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	path[n < 0 ? 0 : n] = '\0';
	if (unread == NULL || n < (ssize_t)strlen(unread) ||
	    strcmp(path + n - strlen(unread), unread) != 0)
		return raw_pread(fd, buf, len, off);
	errno = EIO;
	return -1;
}

ssize_t __pread64_chk(int fd, void *buf, size_t len, off64_t off, size_t size);
ssize_t __pread64_chk(int fd, void *buf, size_t len, off64_t off, size_t size)
{
	return pread64(fd, buf, len < size ? len : size, off);
}

static bool syscall_answers(long number, const long arg[6], long *result)
{
	(void)arg;
	if (number != SYS_getdents64 || !unlisted)
		return false;
	errno = EIO;
	*result = -1;
	return true;
}

static void name_part(int slot, const char *cls, const char *path)
{
	struct apply_slot *s = &job.slot[slot];
	struct apply_part *p = &s->part[s->nparts++];

	snprintf(p->cls, sizeof(p->cls), "%s", cls);
	snprintf(p->path, sizeof(p->path), "%s", path);
}

/* What digest= says of the image: FORMAT.md. */
static void digest_image(uint8_t out[DIGEST_LEN])
{
	uint8_t list[SIZE / MANIFEST_DIGEST_BLOCK][DIGEST_LEN];
	struct digest d = { 0 };

	OK(digest_init(&d));
	for (unsigned i = 0; i < KB_ARRAY_LEN(list); i++)
		OK(digest_buf(&d, image + i * MANIFEST_DIGEST_BLOCK, MANIFEST_DIGEST_BLOCK,
			      list[i]));
	OK(digest_buf(&d, list, sizeof(list), out));
	digest_free(&d);
}

static void set_up(void)
{
	folder_make();
	folder_run("mkdir -p EFI/Linux");
	job = (struct apply_file_job){ .target = 1, .lend = &lend };
	in = (struct install){ .target = 1 };
	m = (struct manifest){ .nimages = 1 };
	snprintf(m.image[0].name, sizeof(m.image[0].name), "boot");
	m.image[0].size = SIZE;
	memset(image, 'i', sizeof(image));
	digest_image(m.image[0].digest);
	name_part(0, "boot", "/dev/vda1:/EFI/Linux/a.efi");
	name_part(1, "boot", "/dev/vda1:/EFI/Linux/b.efi");
	folder_put("EFI/Linux/a.efi", "a");
	reads = writes = returns = 0;
	lend_fails = KB_OK;
	unread = NULL;
	unlisted = false;
	while_asking = NULL;
	fixed = closed_at_write = false;
	blocks_free = 10000;
}

/* Slots whose entries are texts, each with a kernel and an initramfs. */
static void has_texts(void)
{
	static const char text[] = "linux /%s/vmlinuz\ninitrd /%s/initrd\noptions panic=10\n";

	job.slot[0].nparts = job.slot[1].nparts = 0;
	m.nimages = 2;
	m.image[1] = m.image[0];
	snprintf(m.image[1].name, sizeof(m.image[1].name), "initrd");
	for (int i = 0; i < 2; i++) {
		const char *of = i == 0 ? "a" : "b";

		name_part(i, "boot", strf("/dev/vda1:/%s/vmlinuz", of));
		name_part(i, "initrd", strf("/dev/vda1:/%s/initrd", of));
		folder_run("mkdir -p loader/entries");
		folder_put(strf("loader/entries/%s.conf", of), strf(text, of, of));
	}
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

/* Of files as partitions. */
static void has_roots(void)
{
	job.slot[0].nparts = job.slot[1].nparts = 0;
	snprintf(m.image[0].name, sizeof(m.image[0].name), "root");
	folder_blank("root-a", SIZE);
	folder_blank("root-b", SIZE);
	folder_blank("data", SIZE);
	name_part(0, "root", folder_at("root-a"));
	name_part(1, "root", folder_at("root-b"));
}

static void is_refused_as(const char *of)
{
	FAILS(open_it(), KB_EBUSY);
	EQUAL((job.blame, INSTALL_BLAME_TARGET));
	assert_why("root of slot b (");
	assert_why(strf(") is that of %s, too (", of));
	apply_target_close(&target);
}

TEST(partition_of_another_slot_is_never_the_target_by_whatever_name)
{
	static const char *const makes[] = { "ln -s root-a root-b", "ln root-a root-b" };

	has_roots();
	OK(open_it());
	apply_target_close(&target);
	for (unsigned i = 0; i < KB_ARRAY_LEN(makes); i++) {
		folder_run("rm root-b");
		folder_run("%s", makes[i]);
		is_refused_as("slot a");
	}
	job.slot[1].nparts = 0;
	name_part(1, "root", strf("%s//root-a", folder));
	is_refused_as("slot a");
	assert_why(strf(" too (%s)", folder_at("root-a")));
}

TEST(partition_that_is_no_slots_is_never_the_target_by_whatever_name)
{
	struct apply_others others = { 0 };

	has_roots();
	apply_apart_add(&others, "nothing", "");
	apply_apart_add(&others, "the state", "/nowhere/state");
	apply_apart_add(&others, "data", folder_at("data"));
	job.others = &others;
	EQUAL((others.n, 2));
	OK(open_it());
	apply_target_close(&target);
	folder_run("ln -sf data root-b");
	is_refused_as("data");
	job.others = NULL;
	OK(open_it());
}

TEST(class_that_is_another_one_of_its_slot_is_never_the_target)
{
	has_roots();
	folder_run("ln -s root-b app-b");
	name_part(1, "app", folder_at("app-b"));
	is_refused_as("its app");
}

/* The whole of it would be overwritten, and the files of the others with it. */
TEST(partition_with_a_file_of_another_slot_is_never_the_target)
{
	has_roots();
	name_part(0, "boot", strf("%s:/EFI/Linux/a.efi", folder_at("root-b")));
	is_refused_as("slot a");
}

TEST(file_in_the_partition_of_a_slot_is_never_the_target)
{
	has_roots();
	job.slot[1].nparts = 0;
	folder_run("ln -s root-a esp");
	snprintf(m.image[0].name, sizeof(m.image[0].name), "boot");
	name_part(1, "boot", strf("%s:/EFI/Linux/b.efi", folder_at("esp")));
	FAILS(open_it(), KB_EBUSY);
	assert_why("is that of slot a, too");
	EQUAL((reads, 0), (writes, 0));
}

static void note_progress(void *ctx, enum install_phase phase, uint64_t done, uint64_t total)
{
	EQUAL((ctx == &job, true), (phase, INSTALL_COMPARE), (total, m.image[0].size));
	assert_true(done < total);
	compared++;
}

/* Process 1 takes who says nothing for one that hangs. */
TEST(old_file_is_compared_with_progress)
{
	job.progress = note_progress;
	job.ctx = &job;
	m.image[0].size = 4u << 20;
	folder_put("EFI/Linux/b.efi", "");
	assert_int_equal(truncate(folder_at("EFI/Linux/b.efi"), 4 << 20), 0);
	compared = 0;
	OK(open_it());
	assert_int_equal(compared, 4);
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

/* The seal writes to it, and the root would be half written by then. */
TEST(so_is_a_file_in_it_that_holds_the_image)
{
	fixed = true;
	folder_bytes("EFI/Linux/b.efi", image, SIZE);
	FAILS(open_it(), KB_EBUSY);
	assert_why("its partition is mounted read-only: unmount it");
}

TEST(bundle_without_the_image_is_refused)
{
	m.nimages = 0;
	FAILS(open_it(), KB_ECOMPAT);
	assert_why("the bundle has no image for boot");
	EQUAL((job.blame, INSTALL_BLAME_BUNDLE));
}

/* ---------------------------------------------------------------- files of one entry */

/* As an install does: what is behind the head, then the head. */
static void write_file(unsigned i)
{
	OK(bdev_write(in.part[i].dev, BDEV_ALIGN, image + BDEV_ALIGN, SIZE - BDEV_ALIGN));
	OK(bdev_flush(in.part[i].dev));
	OK(bdev_write(in.part[i].dev, 0, image, BDEV_ALIGN));
	OK(bdev_flush(in.part[i].dev));
}

static off_t length_of(const char *name)
{
	struct stat st;

	return stat(folder_at(name), &st) == 0 ? st.st_size : -1;
}

TEST(kernel_and_initramfs_of_the_target_are_written_and_no_other)
{
	has_texts();
	OK(open_it());
	EQUAL((in.nparts, 2), (writes, 0), (in.part[0].is_listed, true));
	write_file(0);
	write_file(1);
	EQUAL((length_of("b/vmlinuz"), SIZE), (length_of("b/initrd"), SIZE), (length_of("a"), -1));
	apply_target_close(&target);
	EQUAL((returns, 1));
}

/* Linux mounts the FAT anew, to be written, only if nothing of it is open. */
TEST(file_that_is_kept_is_open_again_once_the_other_is_written)
{
	static uint8_t is[SIZE] __attribute__((aligned(BDEV_ALIGN)));

	for (unsigned kept = 0; kept < 2; kept++) {
		has_texts();
		folder_run("rm -rf b; mkdir b");
		folder_bytes(kept == 0 ? "b/vmlinuz" : "b/initrd", image, SIZE);
		writes = 0;
		OK(open_it());
		closed_at_write = true;
		write_file(1 - kept);
		closed_at_write = false;
		EQUAL((writes, 2));
		OK(bdev_read(in.part[kept].dev, 0, is, sizeof(is)));
		assert_memory_equal(is, image, sizeof(is));
		write_file(kept);
		EQUAL((length_of("b/vmlinuz"), SIZE), (length_of("b/initrd"), SIZE));
		apply_target_close(&target);
	}
}

static struct {
	pthread_t id;
	bool ended, ok, early;
} reader;

static void *read_kept(void *arg)
{
	static uint8_t is[SIZE] __attribute__((aligned(BDEV_ALIGN)));

	(void)arg;
	reader.ok = bdev_read(in.part[0].dev, 0, is, sizeof(is)) == KB_OK &&
		    memcmp(is, image, sizeof(is)) == 0;
	__atomic_store_n(&reader.ended, true, __ATOMIC_SEQ_CST);
	return NULL;
}

static void start_reader(void)
{
	OK(pthread_create(&reader.id, NULL, read_kept, NULL));
	usleep(100000);
	reader.early = __atomic_load_n(&reader.ended, __ATOMIC_SEQ_CST);
}

/* The thread that reads back has no descriptor of its own. */
TEST(file_that_is_kept_is_read_back_once_it_is_open_again)
{
	has_texts();
	folder_run("mkdir -p b");
	folder_bytes("b/vmlinuz", image, SIZE);
	OK(open_it());
	while_asking = start_reader;
	write_file(1);
	OK(pthread_join(reader.id, NULL));
	EQUAL((reader.early, false), (reader.ok, true));
}

TEST(room_is_for_all_files_together)
{
	has_texts();
	blocks_free = 2 * (SIZE / 512 + 8);
	OK(open_it());
	apply_target_close(&target);
	blocks_free--;
	FAILS(open_it(), KB_ENOSPC);
	assert_why("/b/initrd: the image takes 68 KiB, but there is room for 67 KiB");
	apply_target_close(&target);
	/* What a small one leaves is another's only once it is written. */
	folder_run("mkdir b");
	folder_bytes("b/vmlinuz", image, SIZE - 1);
	blocks_free = SIZE / 512 + 16;
	OK(open_it());
	EQUAL((writes, 0));
}

TEST(files_of_one_slot_are_in_one_partition)
{
	has_texts();
	snprintf(job.slot[1].part[1].path, sizeof(job.slot[1].part[1].path), "/dev/vdb1:/b/initrd");
	FAILS(open_it(), KB_EINVAL);
	assert_why("/dev/vdb1:/b/initrd: the slot has another file in /dev/vda1");
}

static void is_refused(const char *text)
{
	FAILS(open_it(), KB_EBUSY);
	assert_why(text);
	EQUAL((writes, 0), (job.blame, INSTALL_BLAME_TARGET));
	apply_target_close(&target);
}

/* What it starts once would be another kernel, and count as this one. */
TEST(text_that_names_other_files_is_refused)
{
	static const char *const texts[] = {
		"initrd /b/initrd\n",
		"linux /a/vmlinuz\ninitrd /b/initrd\n",
		"linux /b/vmlinuz\nlinux /a/vmlinuz\ninitrd /b/initrd\n",
	};

	has_texts();
	for (unsigned i = 0; i < KB_ARRAY_LEN(texts); i++) {
		folder_put("loader/entries/b.conf", texts[i]);
		is_refused("/dev/vda1:/loader/entries/b.conf lacks the line \"linux /b/vmlinuz\"");
	}
	folder_put("loader/entries/b.conf", "linux /b/vmlinuz\ninitrd /a/initrd\n");
	is_refused("/dev/vda1:/loader/entries/b.conf lacks the line \"initrd /b/initrd\""
		   ", or \"devicetree\" with it");
	folder_put("loader/entries/b.conf", "linux /b/vmlinuz\ninitrd /b/initrd\n");
	OK(open_it());
}

TEST(text_that_is_missing_or_too_long_is_refused)
{
	static char text[4097];

	has_texts();
	folder_run("rm loader/entries/b.conf");
	is_refused("systemd-boot would not start it: /loader/entries/b.conf is missing");
	memset(text, '#', sizeof(text) - 1);
	folder_put("loader/entries/b.conf", text);
	FAILS(open_it(), KB_EFORMAT);
	assert_why("/dev/vda1:/loader/entries/b.conf is too long: 4095 bytes are the most");
	apply_target_close(&target);
	folder_run("rm -r loader");
	is_refused("/loader/entries/b.conf is missing");
}

/* What is written would be what the boot loader falls back to. */
TEST(text_of_another_slot_that_names_the_target_is_refused)
{
	has_texts();
	folder_put("loader/entries/a.conf", "linux /a/vmlinuz\ninitrd /b/initrd\n");
	is_refused("/loader/entries/a.conf is of slot a, and names /b/initrd of slot b");
	folder_put("loader/entries/a.conf", "linux \\B\\VMLINUZ\n");
	is_refused("/loader/entries/a.conf is of slot a, and names /b/vmlinuz of slot b");
	folder_run("rm loader/entries/a.conf");
	OK(open_it());
}

TEST(text_that_is_counted_in_is_refused)
{
	has_texts();
	folder_put("loader/entries/b+3.conf", "linux /b/vmlinuz\n");
	is_refused("b+3.conf beside it is the same entry for systemd-boot, which counts");
	folder_run("cd loader/entries && mv b+3.conf B+0-3.CONF && rm b.conf");
	is_refused("B+0-3.CONF beside it is the same entry");
}

/* A text starts one slot, and an image the other: it may start both. */
TEST(text_of_another_slot_that_names_the_image_is_refused)
{
	has_texts();
	job.slot[1].nparts = 0;
	m.nimages = 1;
	name_part(1, "boot", "/dev/vda1:/EFI/Linux/b.efi");
	OK(open_it());
	apply_target_close(&target);
	folder_put("loader/entries/a.conf", "efi /EFI/Linux/b.efi\n");
	is_refused("/loader/entries/a.conf is of slot a, and names /EFI/Linux/b.efi of slot b");
	folder_run("rm -r loader");
	OK(open_it());
}

/* It is no failure of the storage, which would be counted: nothing was written. */
TEST(text_that_a_damaged_fat_does_not_give_is_refused)
{
	static const char *const texts[] = { "/loader/entries/b.conf", "/loader/entries/a.conf" };

	has_texts();
	for (unsigned i = 0; i < KB_ARRAY_LEN(texts); i++) {
		unread = texts[i];
		FAILS(open_it(), KB_EFORMAT);
		assert_why(strf("/dev/vda1:%s: its file system is damaged", texts[i]));
		EQUAL((writes, 0));
		apply_target_close(&target);
	}
	unread = NULL;
	OK(open_it());
}

/* What is behind may be the same entry. */
TEST(folder_that_a_damaged_fat_does_not_list_is_refused)
{
	unlisted = true;
	FAILS(open_it(), KB_EFORMAT);
	assert_why("/dev/vda1:/EFI/Linux: its file system is damaged");
	apply_target_close(&target);
	has_texts();
	FAILS(open_it(), KB_EFORMAT);
	assert_why("/dev/vda1:/loader/entries: its file system is damaged");
	EQUAL((writes, 0));
}

TEST_MAIN("apply_target", .set_up = set_up, .tear_down = tear_down, .quiet = true)
