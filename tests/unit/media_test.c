/* SPDX-License-Identifier: Apache-2.0 */
/* What needs a mount is tested in QEMU, with real sticks. */
#include "tests/sim/os_sim_here.h"

#include "update/apply/media.h"
#include "update/bundle/reader.h"
#include "tests/unit/folder.h"
#include "tests/unit/raw.h"

#include <sys/sysmacros.h>

static const char *const fstypes[] = { "vfat", "exfat", NULL };
static struct media m;

/* As it is after a mount. */
static void open_folder(struct media *to)
{
	memset(to, 0, sizeof(*to));
	to->dev = -1;
	to->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(to->folder >= 0);
}

TEST(takes_only_names_of_bundles)
{
	EQUAL((media_is_bundle("acme-2.0.keel"), true), (media_is_bundle("ACME.KEEL"), true));
	EQUAL((media_is_bundle("._acme-2.0.keel"), false), (media_is_bundle(".keel"), false));
	EQUAL((media_is_bundle("keel"), false), (media_is_bundle("acme.keel.part"), false));
	EQUAL((media_is_bundle("acme.keel~"), false), (media_is_bundle(""), false));
}

TEST(lists_every_name_once)
{
	static bool seen[500];
	char name[MEDIA_NAME_MAX + 1];
	unsigned n = 0;

	for (unsigned i = 0; i < 500; i++)
		folder_bytes(strf("%03u-%0100d.keel", i, 0), "x", 1);
	open_folder(&m);
	while (media_next(&m, name) == KB_OK) {
		unsigned i = (unsigned)atoi(name);

		assert_true(i < 500 && !seen[i]);
		seen[i] = true;
		n++;
		unlinkat(m.folder, name, 0);
	}
	assert_int_equal(n, 500);
	media_close(&m);
}

TEST(opens_regular_files_only)
{
	int fd = -1;

	folder_bytes("a.keel", "x", 1);
	folder_run("ln -s /etc/passwd link.keel; mkdir dir.keel; mkfifo fifo.keel");
	open_folder(&m);
	OK(media_file(&m, "a.keel", &fd));
	close(fd);
	FAILS(media_file(&m, "link.keel", &fd), KB_EINVAL);
	FAILS(media_file(&m, "dir.keel", &fd), KB_EINVAL);
	FAILS(media_file(&m, "fifo.keel", &fd), KB_EINVAL);
	FAILS(media_file(&m, "none.keel", &fd), KB_ENOENT);
	media_close(&m);
}

/* Whoever wrote to the file system elsewhere would lead us out of it, root's commands too. */
TEST(goes_down_a_path_and_follows_no_link)
{
	const char *rest = "a//b/";
	char name[MEDIA_NAME_MAX + 1], longer[MEDIA_NAME_MAX + 2];
	int base, at;

	folder_run("mkdir -p a/b; ln -s a link");
	folder_bytes("file", "x", 1);
	base = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	at = openat(base, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	FAILS(os_file_enter(&at, "none"), KB_ENOENT);
	FAILS(os_file_enter(&at, "link"), KB_EINVAL);
	FAILS(os_file_enter(&at, "file"), KB_EINVAL);
	for (unsigned i = 0; i < 2; i++) {
		EQUAL((util_path_part(&rest, name, sizeof(name)), true),
		      (name, i == 0 ? "a" : "b"));
		OK(os_file_enter(&at, name));
	}
	assert_false(util_path_part(&rest, name, sizeof(name)));
	assert_int_equal(fcntl(at, F_GETFD), FD_CLOEXEC);
	close(at);
	memset(longer, 'x', sizeof(longer));
	longer[MEDIA_NAME_MAX] = '\0';
	rest = longer;
	EQUAL((util_path_part(&rest, name, sizeof(name)), true), (strlen(name), MEDIA_NAME_MAX));
	close(base);
}

static bool lies; /* what is asked for by name is a regular file, whatever it is */

/* In front of the C library's: by it media_file() looks before it opens. */
int fstatat(int at, const char *name, struct stat *st, int flags)
{
	int rc = raw_stat(at, name, st, flags);

	if (rc == 0 && lies)
		st->st_mode = (st->st_mode & ~(mode_t)S_IFMT) | S_IFREG;
	return rc;
}

/* A file system made by a stranger may answer as it likes, and a folder may change under us. */
TEST(what_is_no_file_once_it_is_open_is_refused)
{
	enum kb_err fifo, sub;
	int fd = -1;

	folder_run("mkfifo fifo.keel; mkdir dir.keel");
	open_folder(&m);
	lies = true;
	fifo = media_file(&m, "fifo.keel", &fd);
	sub = media_file(&m, "dir.keel", &fd);
	lies = false;
	EQUAL((fifo, KB_EINVAL), (sub, KB_EINVAL), (fd, -1));
	media_close(&m);
}

TEST(takes_a_raw_bundle_without_a_mount)
{
	static uint8_t raw[8192];
	struct reader_header h = { .sig_cap = 512, .manifest_len = 1, .manifest_off = 1024 };
	int fd = -1;

	reader_header_write(&h, raw);
	folder_bytes("raw", raw, sizeof(raw));
	OK(media_open(&m, folder_at("raw"), true, fstypes, "keelboot"));
	EQUAL((m.raw, true), (m.mounted, false));
	OK(media_file(&m, "", &fd));
	close(fd);
	media_close(&m);
	assert_int_equal(m.dev, -1);
}

/* Whatever is on it: nothing of a stick is written, run, or a device. */
TEST(mounts_read_only_and_believes_nothing)
{
	static const char *const one[][2] = { { "vfat" }, { "exfat" }, { "ext4" } };

	folder_bytes("stick", "x", 1);
	for (unsigned i = 0; i < 3; i++) {
		os_sim_reset();
		/* The mount is simulated, so nothing is in it. */
		FAILS(media_open(&m, folder_at("stick"), true, one[i], "x"), KB_ENOENT);
		assert_non_null(
			strstr(os_sim_trace(),
			       strf(" " MEDIA_MOUNT " %s ro,nosuid,nodev,noexec,nosymfollow\n",
				    one[i][0])));
		assert_int_equal(os_sim_count("umount"), 1);
	}
}

/* What is our own partition's may have links. */
TEST(links_of_the_data_partition_are_its_own)
{
	static const char *const ext4[] = { "ext4", NULL };

	folder_bytes("part", "x", 1);
	os_sim_reset();
	FAILS(media_open(&m, folder_at("part"), false, ext4, "x"), KB_ENOENT);
	assert_non_null(strstr(os_sim_trace(), " ext4 ro,nosuid,nodev,noexec\n"));
}

TEST(with_an_empty_list_nothing_is_mounted)
{
	static const char *const none[] = { NULL };
	static uint8_t raw[8192];
	struct reader_header h = { .sig_cap = 512, .manifest_len = 1, .manifest_off = 1024 };

	folder_bytes("stick", "x", 1);
	os_sim_reset();
	FAILS(media_open(&m, folder_at("stick"), true, none, "x"), KB_EMOUNT);
	EQUAL((os_sim_count("mount"), 0), (os_sim_count("mkdir"), 0));
	reader_header_write(&h, raw);
	folder_bytes("stick", raw, sizeof(raw));
	OK(media_open(&m, folder_at("stick"), true, none, "x"));
	assert_true(m.raw);
	media_close(&m);
	assert_int_equal(os_sim_count("mount"), 0);
}

/* A device whose driver would be heard of: there is none with this number. */
TEST(devices_are_not_even_opened)
{
	int fd = -1;

	if (mknod(folder_at("device.keel"), S_IFCHR | 0600, makedev(4095, 4095)) < 0 ||
	    mknod(folder_at("disk.keel"), S_IFBLK | 0600, makedev(4095, 4095)) < 0)
		skip();
	open_folder(&m);
	FAILS(media_file(&m, "device.keel", &fd), KB_EINVAL);
	FAILS(media_file(&m, "disk.keel", &fd), KB_EINVAL);
	media_close(&m);
}

TEST(says_what_is_not_there)
{
	FAILS(media_open(&m, folder_at("none"), true, fstypes, "keelboot"), KB_ENODEV);
	folder_bytes("short", "KEEL", 4);
	assert_true(media_open(&m, folder_at("short"), true, fstypes, "keelboot") != KB_OK);
	EQUAL((m.dev, -1), (m.folder, -1));
}

TEST_MAIN("media", .set_up = folder_make, .tear_down = folder_remove)
