/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keelboot-apply as a process, on files: each `--source usb:` is a raw bundle. Mounts are tested in
 * QEMU.
 */
#include "tests/unit/install_fixture.h"
#include "initramfs/progress.h"
#include "lib/conf.h"
#include "lib/log.h"
#include "lib/os.h"
#include "lib/os_mounts.h"
#include "selector/store_internal.h"
#include "update/decoder/decoder_main.h"
#include "update/apply/apply.h"
#include "update/apply/media.h"
#include "tests/unit/test.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define KIB  1024u
#define SIZE (768 * KIB)
#define PART (2048 * KIB)

static char self[4096], dir[] = "/tmp/keelboot-apply-XXXXXX";
static struct key_file key, stranger;
static uint8_t image[SIZE], got[SIZE];
static char logged[65536];
static struct state state;
static struct progress heard;
static unsigned moves;

static const char *path(const char *name)
{
	static char p[8][512];
	static unsigned n;

	n = (n + 1) % 8;
	snprintf(p[n], sizeof(p[0]), "%s/%s", dir, name);
	return p[n];
}

static void make_file(const char *name, uint64_t size)
{
	int fd = open(path(name), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	close(fd);
}

static void write_text(const char *name, const char *text)
{
	FILE *f = fopen(path(name), "we");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

/* ---------------------------------------------------------------- the device */

static void with_store(void (*fn)(struct store *st), bool fresh)
{
	enum store_finding found;
	struct bdev_file dev;
	struct store st;

	OK(bdev_file_open(&dev, path("state"), BDEV_FILE_WRITE));
	OK(store_load(&st, &dev.bdev, &state, &found));
	if (!fresh)
		assert_int_equal(found, STORE_FOUND);
	if (fn != NULL)
		fn(&st);
	bdev_file_close(&dev);
}

static void save(struct store *st)
{
	OK(store_save(st, &state));
}

/* Slot a good with sequence 1, slot b empty. */
static void begin(struct store *st)
{
	state_init(&state, 2);
	state.slot[0].st = STATE_GOOD;
	state.slot[0].ever_good = state.slot[0].has_release = true;
	state.slot[0].sequence = 1;
	state_set_text(state.slot[0].version, "1.0");
	state.last = 0;
	save(st);
}

static int set_up(void **ctx)
{
	(void)ctx;
	make_file("state", STORE_MIN_SIZE);
	make_file("a", PART);
	make_file("b", PART);
	write_text("etc/keelboot/system.conf", "[system]\ncompatible = box\n");
	with_store(begin, true);
	return 0;
}

static uint64_t floor_of_bundles;

static void make_bundle(const char *name, uint64_t sequence, const char *compatible,
			const struct key_file *k)
{
	struct fixture_image im = { "root", image, SIZE, 64 * KIB, false };
	struct fixture_bundle b = { .image = &im,
				    .nimages = 1,
				    .compatible = compatible,
				    .sequence = sequence,
				    .key = k,
				    .floor = floor_of_bundles };
	char version[16];
	int fd, out = open(path(name), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ssize_t n;
	static uint8_t buf[65536];

	snprintf(version, sizeof(version), "%u.0", (unsigned)sequence);
	b.version = version;
	image[1000] = (uint8_t)sequence;
	fd = fixture_make(&b);
	lseek(fd, 0, SEEK_SET);
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		assert_int_equal(write(out, buf, (size_t)n), n);
	close(fd);
	close(out);
}

/* ---------------------------------------------------------------- running it */

static unsigned wrong_read; /* this one of apply's, from 1, gives other bytes; 0: none */
static bool in_apply;

/* The first of these is removed when the second is read; "": none. */
static char pulled[2][600];

static void pull(int fd)
{
	struct stat is, second;

	if (pulled[0][0] != '\0' && fstat(fd, &is) == 0 && stat(pulled[1], &second) == 0 &&
	    is.st_ino == second.st_ino)
		unlink(pulled[0]);
}

/* In front of the C library's: apply reads bundles by it, and, in this test, its devices. */
ssize_t pread64(int fd, void *buf, size_t len, off64_t off)
{
	static unsigned reads;
	ssize_t n = syscall(SYS_pread64, fd, buf, len, off);
	bool bundle = in_apply && !(fcntl(fd, F_GETFL) & O_ACCMODE) && len % BDEV_ALIGN != 0;

	if (in_apply)
		pull(fd);
	if (bundle && ++reads == wrong_read && n > 0)
		((char *)buf)[n / 2] = (char)(((char *)buf)[n / 2] ^ 1);
	return n;
}

ssize_t __pread64_chk(int fd, void *buf, size_t len, off64_t off, size_t size);
ssize_t __pread64_chk(int fd, void *buf, size_t len, off64_t off, size_t size)
{
	return pread64(fd, buf, len < size ? len : size, off);
}

static bool data_mounts;
static bool lacks_b; /* no partition of slot b is found */

static void child(const int *pipe_fd, const char *const *more)
{
	const char *argv[64] = { "keelboot-apply", "--root",	  dir, "--state",
				 path("state"),	   "--mountable", "1" };
	int n = 7, log = open(path("log"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
	char slot[2][600];

	for (int i = 0; i < (lacks_b ? 1 : 2); i++) {
		snprintf(slot[i], sizeof(slot[0]), "%c:root=%s", 'a' + i, path(i ? "b" : "a"));
		argv[n++] = "--slot";
		argv[n++] = slot[i];
	}
	while (*more != NULL)
		argv[n++] = *more++;
	dup2(log, 2);
	dup2(pipe_fd[1], 3);
	log_set_level(LOG_LEVEL_INFO);
	if (os_mounts_own() != KB_OK)
		data_mounts = false;
	in_apply = true;
	exit(apply_main(n, (char **)argv));
}

static void hear(int fd)
{
	char buf[256];
	ssize_t n;

	memset(&heard, 0, sizeof(heard));
	moves = 0;
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		moves += progress_take(&heard, buf, (size_t)n);
}

static void read_log(void)
{
	FILE *f = fopen(path("log"), "re");

	memset(logged, 0, sizeof(logged));
	assert_non_null(f);
	if (fread(logged, 1, sizeof(logged) - 1, f) == 0)
		logged[0] = '\0';
	fclose(f);
}

/* The exit code with these sources; NULL ends them. */
static int apply_with(const char *const *more)
{
	int fds[2], status;
	pid_t pid;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0)
		child(fds, more);
	close(fds[1]);
	hear(fds[0]);
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	read_log();
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int apply_usb(const char *one, const char *two, const char *three)
{
	const char *names[] = { one, two, three };
	static char source[3][600];
	const char *more[8] = { NULL };
	unsigned n = 0;

	for (unsigned i = 0; i < 3 && names[i] != NULL; i++) {
		snprintf(source[i], sizeof(source[0]), "usb:%s", path(names[i]));
		more[n++] = "--source";
		more[n++] = source[i];
	}
	return apply_with(more);
}

/* As when nothing mounts. other: or NULL. */
static int apply_rescue_of(const char *name, const char *other)
{
	static char source[2][600];
	const char *more[] = { "--rescue", "--source", source[0], NULL, NULL, NULL };

	snprintf(source[0], sizeof(source[0]), "usb:%s", path(name));
	if (other != NULL) {
		snprintf(source[1], sizeof(source[1]), "usb:%s", path(other));
		more[3] = "--source";
		more[4] = source[1];
	}
	return apply_with(more);
}

static int apply_rescue(const char *name)
{
	return apply_rescue_of(name, NULL);
}

static void assert_logged(const char *text)
{
	if (strstr(logged, text) == NULL)
		fail_msg("not in the log: %s\n%s", text, logged);
}

static void assert_slot_b(uint64_t sequence)
{
	int fd = open(path("b"), O_RDONLY | O_CLOEXEC);

	with_store(NULL, false);
	assert_int_equal(state.slot[1].st, STATE_TRIAL);
	assert_int_equal(state.slot[1].sequence, sequence);
	image[1000] = (uint8_t)sequence;
	assert_int_equal(pread(fd, got, SIZE, 0), SIZE);
	assert_memory_equal(got, image, SIZE);
	close(fd);
}

static unsigned events;

static bool count_event(void *ctx, const struct history_event *e)
{
	(void)ctx;
	(void)e;
	events++;
	return true;
}

static void count_events(struct store *st)
{
	events = 0;
	OK(store_history_read(st, 0, count_event, NULL));
}

static void assert_nothing_written(uint64_t seq)
{
	int fd = open(path("b"), O_RDONLY | O_CLOEXEC);

	with_store(NULL, false);
	assert_int_equal(state.seq, seq);
	assert_int_equal(state.slot[1].st, STATE_EMPTY);
	assert_int_equal(lseek(fd, 0, SEEK_DATA), -1); /* still one hole */
	close(fd);
}

static uint64_t sequence_of_state(void)
{
	with_store(NULL, false);
	return state.seq;
}

static void flip(const char *name, off_t from_end)
{
	int fd = open(path(name), O_RDWR | O_CLOEXEC);

	fixture_flip(fd, (uint64_t)(lseek(fd, 0, SEEK_END) - from_end));
	close(fd);
}

/* ---------------------------------------------------------------- tests */

TEST(installs_the_newest_and_names_the_others)
{
	make_bundle("two", 2, "box", &key);
	make_bundle("five", 5, "box", &key);
	make_bundle("three", 3, "box", &key);
	assert_int_equal(apply_usb("two", "five", "three"), APPLY_INSTALLED);
	assert_slot_b(5);
	assert_logged("two: raw bundle: version 2.0: ignored: another bundle is newer");
	assert_logged("three: raw bundle: version 3.0: ignored");
	assert_logged("slot b holds version 5.0 on trial");
	with_store(count_events, false);
	assert_int_equal(events, 1);
	assert_true(moves > 1);
	/* The stick is left in. */
	assert_int_equal(apply_usb("two", "five", "three"), APPLY_NOTHING);
	assert_slot_b(5);
	with_store(count_events, false);
	assert_int_equal(events, 1);
}

TEST(same_release_twice_is_named_as_that)
{
	make_bundle("five", 5, "box", &key);
	make_bundle("copy", 5, "box", &key);
	assert_int_equal(apply_usb("five", "copy", NULL), APPLY_INSTALLED);
	assert_slot_b(5);
	assert_logged("copy: raw bundle: version 5.0: ignored: the same release comes from ");
	assert_logged("five: raw bundle");
}

/* A slot that can be opened, but takes no write. */
static int make_slot_b_refuse(void)
{
	char link[64];
	int fd = memfd_create("slot", MFD_ALLOW_SEALING | MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, PART), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
	snprintf(link, sizeof(link), "/proc/%d/fd/%d", (int)getpid(), fd);
	unlink(path("b"));
	assert_int_equal(symlink(link, path("b")), 0);
	return fd;
}

TEST(slot_that_cannot_be_written_is_left_alone_after_three_times)
{
	int fd = make_slot_b_refuse();
	uint64_t seq;

	make_bundle("five", 5, "box", &key);
	for (unsigned i = 1; i <= STATE_FAILS_LIMIT; i++) {
		assert_int_equal(apply_usb("five", NULL, NULL), APPLY_FAILED);
		with_store(NULL, false);
		assert_int_equal(state.nunwritable, 1);
		assert_int_equal(state.unwritable[0].count, i);
		assert_int_equal(state.slot[1].st, STATE_WRITING);
	}
	seq = state.seq;
	assert_int_equal(apply_usb("five", NULL, NULL), APPLY_NOTHING);
	assert_logged("version 5.0: skipped: its slot's storage failed each time");
	assert_int_equal(sequence_of_state(), seq);
	/* Another release is another try. */
	make_bundle("six", 6, "box", &key);
	assert_int_equal(apply_usb("five", "six", NULL), APPLY_FAILED);
	with_store(NULL, false);
	assert_int_equal(state.nunwritable, 2);
	/* A device that cannot boot has nothing to lose; and its storage may have recovered. */
	unlink(path("b"));
	make_file("b", PART);
	assert_int_equal(apply_rescue("five"), APPLY_INSTALLED);
	with_store(NULL, false);
	assert_int_equal(state.nunwritable, 1);
	assert_slot_b(5);
	close(fd);
}

/* ---- rescue, and a state that nobody signed */

static uint64_t floor_of_state;

static void put_floor(struct store *st)
{
	state.floor = floor_of_state;
	save(st);
}

static const char *cell_from;
static int cell_slot;

/* The manifest of cell_slot is that of this bundle. */
static void put_cell(struct store *st)
{
	static uint8_t blob[STORE_MANIFEST_MAX] __attribute__((aligned(BDEV_ALIGN)));
	static struct reader r;
	struct store_manifest cell = { .sequence = 1 };
	int fd = open(path(cell_from), O_RDONLY | O_CLOEXEC);

	OK(reader_open(&r, fd, false, (uint64_t)lseek(fd, 0, SEEK_END), NULL));
	cell.len = (size_t)r.h.manifest_off + r.h.manifest_len;
	assert_int_equal(pread(fd, blob, cell.len, 0), (ssize_t)cell.len);
	reader_close(&r);
	close(fd);
	OK(store_manifest_write(st, cell_slot, &cell, blob));
}

static void rescue_world(uint64_t of_state, const char *compatible, const struct key_file *k)
{
	set_up(NULL);
	floor_of_bundles = 3;
	make_bundle("own", 3, compatible, k);
	floor_of_bundles = 0;
	cell_from = "own";
	with_store(put_cell, false);
	floor_of_state = of_state;
	with_store(put_floor, false);
	make_bundle("two", 2, "box", &key);
	make_bundle("five", 5, "box", &key);
}

/* Threats 16, 34: a floor that somebody forged keeps no repair out; one that is signed holds there
 * as well. */
TEST(rescue_goes_by_the_floor_that_is_signed)
{
	uint64_t seq;

	rescue_world(1000, "box", &key);
	assert_int_equal(apply_usb("five", NULL, NULL), APPLY_NOTHING);
	assert_logged("below this device's rollback floor");
	seq = sequence_of_state();
	assert_int_equal(apply_rescue("two"), APPLY_NOTHING);
	assert_logged(
		"the state has the floor 1000, and no signed manifest of a slot a sequence above 3: the rescue uses that bound");
	assert_logged("below this device's rollback floor");
	assert_nothing_written(seq);
	assert_int_equal(apply_rescue("five"), APPLY_INSTALLED);
	assert_slot_b(5);
	assert_int_equal(state.floor, 3);
}

TEST(rescue_heeds_no_floor_that_others_signed)
{
	rescue_world(1000, "box", &stranger);
	assert_int_equal(apply_rescue("two"), APPLY_INSTALLED);
	rescue_world(1000, "box", NULL);
	assert_int_equal(apply_rescue("two"), APPLY_INSTALLED);
	rescue_world(1000, "fridge", &key);
	assert_int_equal(apply_rescue("two"), APPLY_INSTALLED);
	assert_slot_b(2);
	assert_int_equal(state.floor, 0);
}

static void put_back(struct store *st)
{
	state.slot[0].st = STATE_BAD;
	state.back = 1000;
	save(st);
}

/* Nor by that, in a rescue or behind one. */
TEST(rescue_forgets_what_good_slots_held_back)
{
	rescue_world(1, "box", &key);
	with_store(put_back, false);
	assert_int_equal(apply_usb("five", NULL, NULL), APPLY_NOTHING);
	assert_int_equal(apply_rescue("two"), APPLY_INSTALLED);
	assert_slot_b(2);
	assert_int_equal(state.back, 0);
}

/* The floor of a release that nobody has marked good yet. */
TEST(rescue_raises_no_floor)
{
	rescue_world(1, "box", &key);
	assert_int_equal(apply_rescue("two"), APPLY_INSTALLED);
	assert_slot_b(2);
	assert_int_equal(state.floor, 1);
}

/* Its manifest is all there, in both copies, and neither is one that was written to its end. */
static void damage_cell(struct store *st)
{
	static uint8_t first[BDEV_ALIGN] __attribute__((aligned(BDEV_ALIGN)));

	for (int copy = 0; copy < 2; copy++) {
		uint64_t off = STORE_MANIFEST(copy, cell_slot);

		OK(bdev_read(st->dev, off, first, sizeof(first)));
		first[sizeof(first) - 1] ^= 1;
		OK(bdev_write(st->dev, off, first, sizeof(first)));
	}
}

TEST(rescue_heeds_no_floor_of_a_damaged_cell)
{
	rescue_world(1000, "box", &key);
	floor_of_bundles = 5;
	make_bundle("next", 5, "box", &key);
	floor_of_bundles = 0;
	cell_from = "next";
	cell_slot = 1;
	with_store(put_cell, false);
	with_store(damage_cell, false);
	cell_slot = 0;
	make_bundle("four", 4, "box", &key);
	assert_int_equal(apply_rescue("four"), APPLY_INSTALLED);
	assert_logged("no signed manifest of a slot a sequence above 3");
	assert_slot_b(4);
}

/* Floor 10, and two slots with what came later, which need not repeat it. */
static void put_two_good(struct store *st)
{
	state.floor = 10;
	for (unsigned i = 0; i < 2; i++) {
		state.slot[i] = (struct state_slot){ .st = STATE_GOOD,
						     .ever_good = true,
						     .has_release = true,
						     .sequence = 12 - i,
						     .streak = STATE_STREAK_LIMIT };
		memset(state.slot[i].release, 0xa0 + (int)i, STATE_ID_LEN);
	}
	state.lr = 0;
	save(st);
}

static void two_good_world(void)
{
	static const char *const names[] = { "twelve", "eleven", "ten", "nine", "two" };
	static const unsigned sequences[] = { 12, 11, 10, 9, 2 };

	set_up(NULL);
	for (unsigned i = 0; i < 5; i++)
		make_bundle(names[i], sequences[i], "box", &key);
	for (cell_slot = 0; cell_slot < 2; cell_slot++) {
		cell_from = names[cell_slot];
		with_store(put_cell, false);
	}
	cell_slot = 0;
	with_store(put_two_good, false);
}

TEST(rescue_keeps_a_floor_that_later_releases_do_not_name)
{
	two_good_world();
	assert_int_equal(apply_rescue("nine"), APPLY_NOTHING);
	assert_logged("below this device's rollback floor");
	assert_int_equal(apply_rescue("ten"), APPLY_INSTALLED);
	assert_slot_b(10);
	assert_int_equal(state.floor, 10);
}

/* As before a last resort: both slots can be mounted. */
static int apply_last_resort(const char *name)
{
	static char source[600];
	const char *more[] = { "--last-resort", "--mountable", "3", "--source", source, NULL };

	snprintf(source, sizeof(source), "usb:%s", path(name));
	return apply_with(more);
}

/* Threat 16: power cuts alone bring a last resort about, while both slots would boot. */
TEST(a_last_resort_goes_back_to_what_is_there_and_no_further)
{
	two_good_world();
	assert_int_equal(apply_last_resort("ten"), APPLY_NOTHING);
	assert_logged(
		"ten: raw bundle: version 10.0: skipped: older than every good slot, or than the last one that was overwritten, and not signed for a downgrade; bring the release of one of these slots, or a newer one");
	assert_int_equal(apply_last_resort("nine"), APPLY_NOTHING);
	assert_logged("below this device's rollback floor");
	assert_int_equal(apply_last_resort("eleven"), APPLY_INSTALLED);
	assert_slot_b(11);
	assert_int_equal(state.floor, 10);
}

/* The install of the newer release was broken off: its manifest is gone, and bounds no floor. */
static void put_broken_off(struct store *st)
{
	state.slot[0] = (struct state_slot){ .st = STATE_WRITING };
	state.slot[1].sequence = 9;
	save(st);
}

TEST(a_last_resort_believes_the_floor)
{
	two_good_world();
	with_store(put_broken_off, false);
	cell_from = "nine";
	for (cell_slot = 0; cell_slot < 2; cell_slot++)
		with_store(put_cell, false);
	cell_slot = 0;
	assert_int_equal(apply_last_resort("nine"), APPLY_NOTHING);
	assert_logged("below this device's rollback floor");
	with_store(NULL, false);
	assert_int_equal(state.floor, 10);
	assert_int_equal(apply_rescue("nine"), APPLY_INSTALLED);
}

/* Threat 16: a factory that names the release alone leaves a slot without a manifest. */
TEST(what_has_no_manifest_holds_back_as_well)
{
	set_up(NULL);
	make_bundle("ten", 10, "box", &key);
	make_bundle("eleven", 11, "box", &key);
	with_store(put_two_good, false);
	assert_int_equal(apply_last_resort("ten"), APPLY_NOTHING);
	assert_logged("older than every good slot");
	assert_int_equal(apply_last_resort("eleven"), APPLY_INSTALLED);
	with_store(NULL, false);
	assert_int_equal(state.back, 11);
}

static void write_image_of(unsigned sequence, const char *part)
{
	int fd = open(path(part), O_WRONLY | O_CLOEXEC);

	image[1000] = (uint8_t)sequence;
	assert_int_equal(pwrite(fd, image, SIZE, 0), SIZE);
	close(fd);
}

static void put_bad_eleven(struct store *st)
{
	state.floor = 1;
	state.slot[0].st = STATE_BAD;
	state.slot[0].sequence = 11;
	state.slot[1].sequence = 12;
	save(st);
}

static void put_failed_trial(struct store *st)
{
	assert_int_equal(state.slot[1].st, STATE_TRIAL);
	assert_int_equal(state.slot[1].sequence, 13);
	state.slot[1].st = STATE_BAD;
	state.slot[1].tries = 0;
	save(st);
}

/* Threat 16: an install of which each byte is there already takes the good slot away all the same.
 */
TEST(a_release_with_the_same_image_lets_nothing_older_come)
{
	two_good_world();
	make_bundle("thirteen", 13, "box", &key);
	write_image_of(13, "b");
	with_store(put_bad_eleven, false);
	assert_int_equal(apply_last_resort("ten"), APPLY_NOTHING);
	assert_int_equal(apply_last_resort("thirteen"), APPLY_INSTALLED);
	assert_logged("0 KiB written");
	with_store(put_failed_trial, false);
	assert_int_equal(state.back, 12);
	assert_int_equal(apply_last_resort("ten"), APPLY_NOTHING);
}

/* Threat 17: what mounts may be believed about how far a sequence may jump. */
TEST(a_last_resort_takes_no_sequence_that_is_far)
{
	two_good_world();
	make_bundle("far", UINT64_C(1000000000000000), "box", &key);
	assert_int_equal(apply_last_resort("far"), APPLY_NOTHING);
	assert_logged("too far ahead of what proved itself here");
}

/* Nobody signed that lower floor for anything that was installed. */
static void put_staged_nowhere(struct store *st)
{
	state.floor = 1000;
	state.staged.source = STATE_SRC_DATA;
	save(st);
}

TEST(a_rescue_that_installs_nothing_lowers_no_floor)
{
	static char source[600];
	const char *more[] = { "--rescue", "--source", source, NULL };

	rescue_world(1000, "box", &key);
	with_store(put_staged_nowhere, false);
	snprintf(source, sizeof(source), "data:%s", path("two"));
	assert_int_not_equal(apply_with(more), APPLY_INSTALLED);
	with_store(NULL, false);
	assert_int_equal(state.floor, 1000);
}

/* Threat 34: slots that only a forged state has, and that would all be taken before those that are
 * there. */
static void put_slots_that_are_not_there(struct store *st)
{
	state.nslots = STATE_SLOTS_MAX;
	state.slot[0].st = state.slot[1].st = STATE_BAD;
	save(st);
}

TEST(no_slot_that_only_the_state_knows_is_the_target)
{
	rescue_world(0, "box", &key);
	with_store(put_slots_that_are_not_there, false);
	assert_int_equal(apply_rescue("five"), APPLY_INSTALLED);
	assert_slot_b(5);
	rescue_world(0, "box", &key);
	with_store(put_slots_that_are_not_there, false);
	assert_int_equal(apply_usb("five", NULL, NULL), APPLY_INSTALLED);
	assert_slot_b(5);
}

/* What was installed in this rescue, or before, did not mount: the next best gets its turn at once.
 */
TEST(rescue_goes_on_behind_what_is_there_already)
{
	rescue_world(1, "box", &key);
	assert_int_equal(apply_rescue("five"), APPLY_INSTALLED);
	assert_slot_b(5);
	assert_int_equal(apply_rescue("five"), APPLY_FAILED);
	assert_logged("this release is installed, or was before");
	assert_slot_b(5);
	assert_int_equal(apply_rescue_of("five", "two"), APPLY_INSTALLED);
	assert_slot_b(2);
}

/* Threat 17: what proved itself here is only what the state says; the end of the numbers is not. */
TEST(rescue_takes_a_sequence_that_is_far_from_what_the_state_says)
{
	const uint64_t far = UINT64_C(1000000000000000);

	make_bundle("far", far, "box", &key);
	assert_int_equal(apply_usb("far", NULL, NULL), APPLY_NOTHING);
	assert_logged("too far ahead");
	make_bundle("end", INT64_MAX, "box", &key);
	assert_int_equal(apply_rescue("end"), APPLY_NOTHING);
	assert_logged("too far ahead");
	assert_int_equal(apply_rescue("far"), APPLY_INSTALLED);
	assert_slot_b(far);
}

/* Pulled out, or cut off: the release is as good as before. */
TEST(medium_that_ends_in_the_middle_costs_nothing)
{
	write_text("etc/keelboot/system.conf",
		   "[system]\ncompatible = box\n[source.usb]\nverify-first = no\n");
	for (int i = 0; i < STATE_FAILS_LIMIT + 1; i++) {
		make_bundle("five", 5, "box", &key);
		flip("five", 100);
		assert_int_equal(apply_usb("five", NULL, NULL), APPLY_FAILED);
	}
	with_store(NULL, false);
	assert_int_equal(state.slot[1].st, STATE_WRITING);
	assert_int_equal(state.nunwritable, 0);
	make_bundle("five", 5, "box", &key);
	assert_int_equal(apply_usb("five", NULL, NULL), APPLY_INSTALLED);
}

TEST(what_is_not_for_us_is_named_and_costs_no_write)
{
	uint64_t seq = sequence_of_state();

	make_bundle("foreign", 7, "fridge", &key);
	make_bundle("unsigned", 8, "box", NULL);
	make_bundle("stranger", 9, "box", &stranger);
	assert_int_equal(apply_usb("foreign", "unsigned", "stranger"), APPLY_NOTHING);
	assert_logged("it is for fridge, but this device is box");
	assert_logged("unsigned: raw bundle: refused: not signed by the one trusted key");
	assert_logged("stranger: raw bundle: refused: not signed");
	assert_nothing_written(seq);
}

TEST(older_releases_are_refused)
{
	uint64_t seq = sequence_of_state();

	make_bundle("one", 1, "box", &key);
	assert_int_equal(apply_usb("one", NULL, NULL), APPLY_NOTHING);
	assert_logged(
		"skipped: not newer than what is installed; to go back: keelboot install FILE");
	assert_nothing_written(seq);
}

/* A release with the last number there is would be the last one: it makes room for one in bounds.
 */
TEST(a_release_too_far_ahead_is_refused)
{
	uint64_t seq = sequence_of_state();

	make_bundle("last", INT64_MAX, "box", &key);
	assert_int_equal(apply_usb("last", NULL, NULL), APPLY_NOTHING);
	assert_logged("too far ahead of what proved itself here");
	assert_nothing_written(seq);
	make_bundle("two", 2, "box", &key);
	assert_int_equal(apply_usb("last", "two", NULL), APPLY_INSTALLED);
	assert_slot_b(2);
	set_up(NULL);
	write_text("etc/keelboot/system.conf",
		   "[system]\ncompatible = box\n[install]\nmax-sequence-jump=none\n");
	assert_int_equal(apply_usb("last", NULL, NULL), APPLY_INSTALLED);
	assert_slot_b(INT64_MAX);
}

TEST(rubbish_and_absent_media_are_harmless)
{
	uint64_t seq = sequence_of_state();

	write_text("rubbish", "KEEL");
	make_file("zeroes", 64 * KIB);
	assert_int_equal(apply_usb("rubbish", "zeroes", "nowhere"), APPLY_NOTHING);
	assert_logged("nowhere: empty");
	assert_nothing_written(seq);
}

TEST(every_truncation_is_refused)
{
	uint64_t seq = sequence_of_state();
	struct stat st;

	make_bundle("cut", 2, "box", &key);
	assert_int_equal(stat(path("cut"), &st), 0);
	for (off_t len = st.st_size - 1; len > 0; len = len * 2 / 3) {
		assert_int_equal(truncate(path("cut"), len), 0);
		assert_int_equal(apply_usb("cut", NULL, NULL), APPLY_NOTHING);
	}
	assert_nothing_written(seq);
}

TEST(a_damaged_one_makes_room_for_the_next)
{
	make_bundle("five", 5, "box", &key);
	make_bundle("two", 2, "box", &key);
	flip("five", 50);
	assert_int_equal(apply_usb("two", "five", NULL), APPLY_INSTALLED);
	assert_slot_b(2);
	assert_logged("five: raw bundle: version 5.0: not installed");
}

TEST(a_damaged_one_alone_fails_and_is_told_once)
{
	uint64_t seq = sequence_of_state();

	make_bundle("five", 5, "box", &key);
	flip("five", 50);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(apply_usb("five", NULL, NULL), APPLY_FAILED);
		assert_nothing_written(seq);
		with_store(count_events, false);
		assert_int_equal(events, 1);
	}
}

TEST(many_damaged_ones_are_told_in_few_lines)
{
	static char source[9][600];
	const char *more[32] = { NULL };
	uint64_t seq = sequence_of_state();
	char name[16];

	for (unsigned i = 0; i < 9; i++) {
		snprintf(name, sizeof(name), "m%u", i);
		make_bundle(name, i + 2, "box", &key);
		flip(name, 50);
		snprintf(source[i], sizeof(source[0]), "usb:%s", path(name));
		more[2 * i] = "--source";
		more[2 * i + 1] = source[i];
	}
	for (unsigned boot = 0; boot < 3; boot++) {
		assert_int_equal(apply_with(more), APPLY_FAILED);
		assert_nothing_written(seq);
		with_store(count_events, false);
		assert_int_equal(events, 5); /* the newest four, and one for the other five */
	}
}

/* Pulled out after the look, while another stick is in that would do. */
TEST(a_stick_that_is_gone_makes_room_for_the_next)
{
	make_bundle("five", 5, "box", &key);
	make_bundle("two", 2, "box", &key);
	snprintf(pulled[0], sizeof(pulled[0]), "%s", path("five"));
	snprintf(pulled[1], sizeof(pulled[1]), "%s", path("two"));
	assert_int_equal(apply_usb("five", "two", NULL), APPLY_INSTALLED);
	pulled[0][0] = '\0';
	assert_logged("five: cannot be opened again");
	assert_slot_b(2);
}

TEST(bytes_behind_a_raw_bundle_are_ignored)
{
	int fd;

	make_bundle("two", 2, "box", &key);
	fd = open(path("two"), O_WRONLY | O_APPEND | O_CLOEXEC);
	assert_int_equal(write(fd, image, 5000), 5000);
	close(fd);
	assert_int_equal(apply_usb("two", NULL, NULL), APPLY_INSTALLED);
	assert_slot_b(2);
}

TEST(a_state_that_is_blank_or_lost_stops_it)
{
	make_bundle("two", 2, "box", &key);
	make_file("state", STORE_MIN_SIZE);
	assert_int_equal(apply_usb("two", NULL, NULL), APPLY_FAILED);
	assert_logged("blank");
	write_text("state", "");
	assert_int_equal(apply_usb("two", NULL, NULL), APPLY_FAILED);
}

/* Somebody who holds the lock, and has another word for the state before it is given back. */
static pid_t hold_lock(unsigned ms)
{
	int ready[2];
	pid_t pid;
	char c;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		struct bdev_file file;
		struct store st;
		enum store_finding found;
		struct state s;

		if (bdev_file_open(&file, path("state"), BDEV_FILE_WRITE) != KB_OK ||
		    store_lock(file.fd, 0) != KB_OK || write(ready[1], "", 1) != 1)
			_exit(1);
		usleep(ms * 1000);
		if (store_load(&st, &file.bdev, &s, &found) != KB_OK)
			_exit(1);
		s.installs = STATE_INSTALLS_LIMIT;
		_exit(store_save(&st, &s) == KB_OK ? 0 : 1);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	return pid;
}

TEST(state_is_read_under_its_lock)
{
	int status;
	pid_t pid;

	make_bundle("two", 2, "box", &key);
	pid = hold_lock(700);
	assert_int_equal(apply_usb("two", NULL, NULL), APPLY_NOTHING);
	assert_logged("too many updates");
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST(without_the_lock_nothing_is_installed)
{
	uint64_t seq = sequence_of_state();
	pid_t pid;

	make_bundle("two", 2, "box", &key);
	pid = hold_lock(600 * 1000);
	assert_int_equal(apply_usb("two", NULL, NULL), APPLY_FAILED);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_nothing_written(seq);
}

TEST(without_a_name_no_update_is_for_this_device)
{
	make_bundle("two", 2, "box", &key);
	write_text("etc/keelboot/system.conf", "[system]\ntimeout = 30\n");
	assert_int_equal(apply_usb("two", NULL, NULL), APPLY_FAILED);
	assert_logged("no compatible= in it");
}

/* Neither bundle is at fault when the slot is: the second one is not tried. */
TEST(a_slot_that_cannot_be_opened_is_no_bundles_fault)
{
	const char *at;

	make_bundle("two", 2, "box", &key);
	make_bundle("three", 3, "box", &key);
	assert_int_equal(unlink(path("b")), 0);
	assert_int_equal(apply_usb("two", "three", NULL), APPLY_FAILED);
	at = strstr(logged, "cannot be opened");
	assert_non_null(at);
	assert_null(strstr(at + 1, "cannot be opened"));
	assert_null(strstr(logged, "no such partition"));
}

TEST(a_slot_that_is_not_there_is_no_bundles_fault)
{
	make_bundle("two", 2, "box", &key);
	lacks_b = true;
	assert_int_equal(apply_usb("two", NULL, NULL), APPLY_FAILED);
	lacks_b = false;
	assert_logged("slot b has no partition");
}

TEST(without_keys_nothing_is_installed)
{
	uint64_t seq = sequence_of_state();

	make_bundle("two", 2, "box", &key);
	write_text("etc/keelboot/system.conf",
		   "[system]\ncompatible = box\n[keyring]\npath = /nowhere\n");
	assert_int_equal(apply_usb("two", NULL, NULL), APPLY_FAILED);
	assert_logged("no usable public key");
	assert_nothing_written(seq);
}

static void stage(struct store *st)
{
	state.staged.source = STATE_SRC_DATA;
	memset(state.staged.release, 0x42, STATE_ID_LEN);
	save(st);
}

/* Of several keys: one that is retired, and how many have to sign. */
TEST(what_the_keyring_asks_for_is_asked_for)
{
	static const char conf[] =
		"[system]\ncompatible = box\n[keyring]\nsignatures-required=%s\n";
	char text[128], cmd[1024];

	make_bundle("two", 2, "box", &key);
	snprintf(text, sizeof(text), conf, "2");
	write_text("etc/keelboot/system.conf", text);
	assert_int_equal(apply_usb("two", NULL, NULL), APPLY_FAILED);
	assert_logged("signatures-required=2, but only 1 key: no bundle can be verified");
	snprintf(cmd, sizeof(cmd), "cp %s %s", path("s.pem"), path("etc/keelboot/keys/second.pem"));
	assert_int_equal(system(cmd), 0);
	assert_int_equal(apply_usb("two", NULL, NULL), APPLY_NOTHING);
	assert_logged("signed by 1 trusted key (k), but 2 must sign");
	snprintf(text, sizeof(text), conf, "1");
	write_text("etc/keelboot/system.conf", text);
	assert_int_equal(mkdir(path("etc/keelboot/keys/retired.d"), 0755), 0);
	snprintf(cmd, sizeof(cmd), "cp %s %s", path("etc/keelboot/keys/k.pem"),
		 path("etc/keelboot/keys/retired.d/vendor-2020.pem"));
	assert_int_equal(system(cmd), 0);
	assert_int_equal(apply_usb("two", NULL, NULL), APPLY_NOTHING);
	assert_logged(
		"signed by the retired key \"vendor-2020\", which this device no longer trusts");
	snprintf(cmd, sizeof(cmd), "rm -r %s %s", path("etc/keelboot/keys/retired.d"),
		 path("etc/keelboot/keys/second.pem"));
	assert_int_equal(system(cmd), 0);
	assert_int_equal(apply_usb("two", NULL, NULL), APPLY_INSTALLED);
	assert_slot_b(2);
}

TEST(a_staged_copy_that_cannot_be_read_is_given_up)
{
	char source[600];
	const char *const more[] = { "--source", source, NULL };

	make_file("data", 64 * KIB);
	snprintf(source, sizeof(source), "data:%s", path("data"));
	assert_int_equal(apply_with(more), APPLY_NOTHING); /* nothing is staged */
	with_store(stage, false);
	for (unsigned i = 1; i < STATE_FAILS_LIMIT; i++) {
		assert_int_equal(apply_with(more), APPLY_FAILED);
		with_store(NULL, false);
		assert_int_equal(state.staged.fails, i);
	}
	assert_int_equal(apply_with(more), APPLY_FAILED);
	with_store(NULL, false);
	assert_int_equal(state.staged.source, STATE_SRC_NONE);
	assert_logged("stage it again");
}

static int apply_one(const char *kind, const char *name)
{
	char source[600];
	const char *const more[] = { "--source", source, NULL };

	snprintf(source, sizeof(source), "%s:%s", kind, path(name));
	return apply_with(more);
}

static bool begins_with_bundle(const char *name)
{
	int fd = open(path(name), O_RDONLY | O_CLOEXEC);
	char magic[8];

	assert_int_equal(pread(fd, magic, sizeof(magic), 0), sizeof(magic));
	close(fd);
	return memcmp(magic, "KEELBNDL", sizeof(magic)) == 0;
}

static void commit(struct store *st)
{
	state_add_applied(&state, state.slot[1].release);
	state.slot[1].st = STATE_GOOD;
	state.last = 1;
	save(st);
}

TEST(a_raw_partition_is_erased_once_its_release_is_proven)
{
	make_bundle("stage", 4, "box", &key);
	assert_int_equal(apply_one("raw", "stage"), APPLY_INSTALLED);
	assert_slot_b(4);
	assert_int_equal(heard.phase, PROGRESS_READ_BACK);
	/* On trial it stays: the slot may yet fail, and the state may yet be lost. */
	assert_int_equal(apply_one("raw", "stage"), APPLY_NOTHING);
	assert_true(begins_with_bundle("stage"));
	with_store(commit, false);
	assert_int_equal(apply_one("raw", "stage"), APPLY_NOTHING);
	assert_logged("the bundle is erased");
	assert_false(begins_with_bundle("stage"));
	assert_int_equal(apply_one("raw", "stage"), APPLY_NOTHING);
}

TEST(a_raw_bundle_that_is_damaged_is_erased_and_told_once)
{
	uint64_t seq = sequence_of_state();

	make_bundle("stage", 4, "box", &key);
	flip("stage", 1000);
	assert_int_equal(apply_one("raw", "stage"), APPLY_FAILED);
	assert_false(begins_with_bundle("stage"));
	assert_nothing_written(seq); /* it was verified first */
	with_store(count_events, false);
	assert_int_equal(events, 2); /* the install that failed, and the end of its bundle */
	assert_int_equal(apply_one("raw", "stage"), APPLY_NOTHING);
	with_store(count_events, false);
	assert_int_equal(events, 2);
}

/* Every read of the bundle that apply makes is wrong once, and right the next time. */
TEST(a_raw_bundle_that_is_read_wrong_once_is_installed)
{
	for (wrong_read = 1;; wrong_read += 5) {
		set_up(NULL);
		make_bundle("stage", 4, "box", &key);
		apply_one("raw", "stage");
		if (strstr(logged, "reading it once more") == NULL && wrong_read > 30)
			break;
		if (!begins_with_bundle("stage"))
			fail_msg("read %u: erased:\n%s", wrong_read, logged);
		if (wrong_read > 1) /* else it is no bundle, this time */
			assert_slot_b(4);
	}
	wrong_read = 0;
}

TEST(raw_bundles_that_are_not_for_us_are_erased)
{
	make_bundle("stage", 4, "toaster", &key);
	assert_int_equal(apply_one("raw", "stage"), APPLY_NOTHING);
	assert_false(begins_with_bundle("stage"));
	assert_null(strstr(logged, "reading it once more")); /* it was read right */
	make_bundle("stage", 4, "box", &stranger);
	assert_int_equal(apply_one("raw", "stage"), APPLY_FAILED);
	assert_false(begins_with_bundle("stage"));
	make_bundle("stage", 1, "box", &key);
	assert_int_equal(apply_one("raw", "stage"), APPLY_NOTHING);
	assert_false(begins_with_bundle("stage"));
}

TEST(a_raw_bundle_for_which_there_is_no_slot_now_stays)
{
	make_bundle("stage", 4, "box", &key);
	assert_int_equal(apply_one("raw", "stage"), APPLY_INSTALLED);
	make_bundle("stage", 3, "box", &key);
	assert_int_equal(apply_one("raw", "stage"), APPLY_NOTHING); /* b is on trial, and newer */
	assert_true(begins_with_bundle("stage"));
}

TEST(a_card_is_looked_at_like_a_stick)
{
	make_bundle("card", 4, "box", &key);
	assert_int_equal(apply_one("sd", "card"), APPLY_INSTALLED);
	assert_slot_b(4);
	assert_true(begins_with_bundle("card"));
}

/* Without it the first bytes are written before the flip is found. */
TEST(verify_first_is_a_choice_for_each_kind)
{
	static const char off[] = "[system]\ncompatible = box\n[source.usb]\nverify-first = no\n";
	uint64_t seq = sequence_of_state();

	write_text("etc/keelboot/system.conf", off);
	make_bundle("x", 4, "box", &key);
	flip("x", 1000);
	assert_int_equal(apply_one("sd", "x"), APPLY_FAILED);
	assert_nothing_written(seq);
	assert_int_equal(apply_one("usb", "x"), APPLY_FAILED);
	with_store(NULL, false);
	assert_int_equal(state.slot[1].st, STATE_WRITING);
	assert_true(begins_with_bundle("x"));
	set_up(NULL);
	write_text("etc/keelboot/system.conf",
		   "[system]\ncompatible = box\n[source.raw]\nverify-first = no\n");
	assert_int_equal(apply_one("raw", "x"), APPLY_FAILED);
	with_store(NULL, false);
	assert_int_equal(state.slot[1].st, STATE_WRITING);
}

/* Process 1 would take its check, and the bytes that it writes, for a step back. */
TEST(the_bundle_behind_a_damaged_one_is_heard)
{
	write_text("etc/keelboot/system.conf",
		   "[system]\ncompatible = box\n[source.usb]\nverify-first = no\n");
	make_bundle("five", 5, "box", &key);
	make_bundle("two", 2, "box", &key);
	flip("five", 1000);
	assert_int_equal(apply_usb("five", "two", NULL), APPLY_INSTALLED);
	assert_slot_b(2);
	assert_int_equal(heard.candidate, 2);
	assert_int_equal(heard.phase, PROGRESS_READ_BACK);
	assert_int_equal(heard.done, heard.total);
}

TEST(of_many_acceptable_bundles_the_newest_is_kept)
{
	static char source[20][600];
	const char *more[64] = { NULL };
	unsigned n = 0;

	for (unsigned i = 0; i < 20; i++) {
		char name[16];

		snprintf(name, sizeof(name), "many%u", i);
		/* The newest comes last but one, behind more than there is room for. */
		make_bundle(name, i == 18 ? 99 : 30 - i, "box", &key);
		snprintf(source[i], sizeof(source[0]), "usb:%s", path(name));
		more[n++] = "--source";
		more[n++] = source[i];
	}
	assert_int_equal(apply_with(more), APPLY_INSTALLED);
	assert_slot_b(99);
	assert_logged("ignored: 16 newer ones are there");
}

/* ---------------------------------------------------------------- the staged copy */

/* The data partition is a folder here, and its mount a bind: instead of os_root.c's. */
enum kb_err os_mount(const char *source, const char *target, const char *fstype,
		     unsigned long flags, const char *options)
{
	(void)fstype;
	if (source == NULL)
		return mount(NULL, target, NULL, flags, options) == 0 ? KB_OK : KB_EMOUNT;
	fprintf(stderr, "asked to mount %s\n", source);
	if (!data_mounts || strcmp(source, path("data")) != 0)
		return KB_EMOUNT;
	return mount(path("mnt"), target, NULL, MS_BIND, NULL) == 0 ? KB_OK : KB_EMOUNT;
}

enum kb_err os_umount(const char *target)
{
	return umount2(target, MNT_DETACH) == 0 ? KB_OK : KB_EIO;
}

static uint8_t staged_id[STATE_ID_LEN];

/* Threat 25: raw bundles only, for those who want no kernel file system on a stranger's stick. */
TEST(with_filesystems_none_no_stick_is_mounted)
{
	make_file("stick", 65536);
	assert_int_equal(apply_usb("stick", NULL, NULL), APPLY_NOTHING);
	assert_logged("asked to mount");
	write_text("etc/keelboot/system.conf",
		   "[system]\ncompatible = box\n[source.usb]\nfilesystems = none\n");
	assert_int_equal(apply_usb("stick", NULL, NULL), APPLY_NOTHING);
	assert_null(strstr(logged, "asked to mount"));
	assert_logged("stick: ignored: no raw bundle, and none is mounted (filesystems=none)");
	make_bundle("two", 2, "box", &key);
	assert_int_equal(apply_usb("stick", "two", NULL), APPLY_INSTALLED);
	assert_null(strstr(logged, "asked to mount"));
	assert_slot_b(2);
}

static void stage_id(struct store *st)
{
	state.staged = (struct state_staged){ .source = STATE_SRC_DATA };
	memcpy(state.staged.release, staged_id, STATE_ID_LEN);
	save(st);
}

/* `name` lies where the release that is staged belongs; that is its own, or the one of `as`. */
static const char *put_staged(const char *name, const char *as)
{
	static struct reader r;
	static char file[64];
	struct stat st;
	int fd = open(path(as), O_RDONLY | O_CLOEXEC);

	assert_int_equal(fstat(fd, &st), 0);
	OK(reader_open(&r, fd, false, (uint64_t)st.st_size, NULL));
	memcpy(staged_id, r.release.id, sizeof(staged_id));
	reader_close(&r);
	close(fd);
	mkdir(path("mnt"), 0700);
	mkdir(path("mnt/keelboot"), 0700);
	memcpy(file, "mnt/keelboot/", 13);
	bytes_hex(file + 13, staged_id, 8);
	memcpy(file + 13 + 16, ".keel", 6);
	assert_int_equal(rename(path(name), path(file)), 0);
	with_store(stage_id, false);
	return file;
}

static int apply_staged(void)
{
	int rc;

	make_file("data", 4096);
	data_mounts = true;
	rc = apply_one("data", "data");
	data_mounts = false;
	with_store(NULL, false);
	return rc;
}

/* Not in every container. */
static bool may_mount(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(unshare(CLONE_NEWNS) < 0 ||
		      mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0);
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void use_stage_folder(void)
{
	if (!may_mount())
		skip();
	write_text("etc/keelboot/system.conf",
		   "[system]\ncompatible = box\n[source.data]\nstage = keelboot\n");
}

TEST(a_staged_copy_is_installed)
{
	use_stage_folder();
	make_bundle("two", 2, "box", &key);
	put_staged("two", "two");
	assert_int_equal(apply_staged(), APPLY_INSTALLED);
	assert_slot_b(2);
	/* It stays until its trial is marked good, and is not installed again. */
	assert_int_equal(apply_staged(), APPLY_NOTHING);
	assert_int_equal(state.staged.source, STATE_SRC_DATA);
	assert_int_equal(state.staged.fails, 0);
}

TEST(a_staged_copy_that_fails_costs_the_copy)
{
	const char *file;

	use_stage_folder();
	make_bundle("two", 2, "box", &key);
	make_bundle("three", 3, "box", &key);
	file = put_staged("three", "two"); /* another release under its name */
	assert_int_equal(apply_staged(), APPLY_FAILED);
	assert_logged("another release");
	assert_int_equal(state.staged.fails, 1);
	assert_int_equal(state.slot[1].st, STATE_EMPTY);
	with_store(count_events, false);
	assert_int_equal(events, 1);
	unlink(path(file));
	assert_int_equal(apply_staged(), APPLY_FAILED);
	assert_logged("its file is missing");
	assert_int_equal(state.staged.fails, 2);
	with_store(count_events, false);
	assert_int_equal(events, 2);
	assert_int_equal(state.nrejected, 0);
	make_bundle("two", 2, "box", &key);
	flip("two", 1);
	put_staged("two", "two");
	assert_int_equal(apply_staged(), APPLY_FAILED);
	assert_int_equal(state.staged.fails, 1);
	assert_int_equal(state.nrejected, 0);
}

TEST(a_stage_folder_that_is_gone_costs_the_copy)
{
	use_stage_folder();
	make_bundle("two", 2, "box", &key);
	put_staged("two", "two");
	assert_int_equal(rename(path("mnt/keelboot"), path("mnt/elsewhere")), 0);
	assert_int_equal(apply_staged(), APPLY_FAILED);
	assert_int_equal(rename(path("mnt/elsewhere"), path("mnt/keelboot")), 0);
	assert_logged("the stage folder is missing");
	assert_int_equal(state.staged.fails, 1);
	assert_int_equal(apply_staged(), APPLY_INSTALLED);
}

/* `stage` verified it; what the medium made of it since is found before the fallback is touched. */
TEST(a_staged_copy_that_decayed_costs_no_slot)
{
	use_stage_folder();
	make_bundle("two", 2, "box", &key);
	flip("two", 1000);
	put_staged("two", "two");
	assert_int_equal(apply_staged(), APPLY_FAILED);
	assert_int_equal(state.staged.fails, 1);
	assert_int_equal(state.slot[1].st, STATE_EMPTY);
	write_text("etc/keelboot/system.conf", "[system]\ncompatible = box\n[source.data]\n"
					       "stage = keelboot\nverify-first = no\n");
	assert_int_equal(apply_staged(), APPLY_FAILED);
	assert_int_equal(state.slot[1].st, STATE_WRITING);
}

/* The copy cannot be blamed: it was not looked at. */
TEST(a_data_partition_that_is_absent_costs_nothing)
{
	use_stage_folder();
	make_bundle("two", 2, "box", &key);
	put_staged("two", "two");
	unlink(path("data"));
	assert_int_equal(apply_one("data", "data"), APPLY_FAILED);
	assert_logged("cannot be opened");
	with_store(NULL, false);
	assert_int_equal(state.staged.source, STATE_SRC_DATA);
	assert_int_equal(state.staged.fails, 0);
	assert_int_equal(state.slot[1].st, STATE_EMPTY);
}

/* Slot a has what is staged, slot b something else. */
static void hold_staged(struct store *st)
{
	memcpy(state.slot[0].release, staged_id, STATE_ID_LEN);
	state.slot[1].st = STATE_TRIAL;
	state.slot[1].tries = 2;
	state.slot[1].has_release = true;
	memset(state.slot[1].release, 0x5a, STATE_ID_LEN);
	state_set_text(state.slot[1].version, "9.0");
	save(st);
}

TEST(a_trial_of_another_release_keeps_no_copy)
{
	use_stage_folder();
	make_bundle("two", 2, "box", &key);
	put_staged("two", "two");
	with_store(hold_staged, false);
	assert_int_equal(apply_staged(), APPLY_NOTHING);
	assert_int_equal(state.staged.source, STATE_SRC_NONE);
	assert_int_equal(state.slot[1].st, STATE_TRIAL);
}

static void reject_staged(struct store *st)
{
	state_add_rejected(&state, staged_id);
	save(st);
}

TEST(a_staged_copy_that_can_never_be_taken_is_unstaged)
{
	use_stage_folder();
	make_bundle("two", 2, "box", &key);
	put_staged("two", "two");
	with_store(reject_staged, false);
	assert_int_equal(apply_staged(), APPLY_NOTHING);
	assert_int_equal(state.staged.source, STATE_SRC_NONE);
	make_bundle("two", 2, "another-box", &key);
	put_staged("two", "two");
	assert_int_equal(apply_staged(), APPLY_NOTHING);
	assert_int_equal(state.staged.source, STATE_SRC_NONE);
	assert_int_equal(state.slot[1].st, STATE_EMPTY);
}

#define LONG_CLASS \
	"a:a-class-whose-name-is-longer-than-there-is-room-for-in-the-name-of-a-class=/dev/x"

/* With what a run needs beside them: it is for them that it is refused. */
static void assert_refused(const char *const *options)
{
	const char *more[2 * CONF_CLASSES_MAX + 3] = { "--source", "usb:/nowhere" };

	for (unsigned i = 0; options[i] != NULL; i++)
		more[2 + i] = options[i];
	assert_int_equal(apply_with(more), APPLY_USAGE);
	assert_null(strstr(logged, "usage:"));
}

TEST(refuses_options_that_make_no_sense)
{
	const char *many[2 * CONF_CLASSES_MAX + 1] = { NULL }; /* beside the one that is there */
	static const char *const bad[][4] = {
		{ "--slot", "z:root=/dev/x", NULL }, { "--slot", "a", NULL },
		{ "--slot", "A:root=/dev/x", NULL }, { "--slot", "a-root=/dev/x", NULL },
		{ "--slot", "a:root", NULL },	     { "--slot", "a:=/dev/x", NULL },
		{ "--slot", LONG_CLASS, NULL },	     { "--source", "floppy:/dev/fd0", NULL },
		{ "--source", "usb:", NULL },	     { "--mountable", "many", NULL },
		{ "--what", "ever", NULL },	     { "--state", NULL }
	};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_refused(bad[i]);
	for (unsigned i = 0; i < CONF_CLASSES_MAX; i++) {
		many[2 * i] = "--slot";
		many[2 * i + 1] = "a:more=/dev/x";
	}
	assert_refused(many);
	assert_int_equal(apply_with(&many[2 * CONF_CLASSES_MAX]), APPLY_USAGE);
	assert_logged("usage:");
}

/* ---------------------------------------------------------------- main */

static bool make_dirs(void)
{
	static const char *const dirs[] = { "etc", "etc/keelboot", "etc/keelboot/keys" };
	char pem[600];

	for (unsigned i = 0; i < 3; i++)
		if (mkdir(path(dirs[i]), 0700) < 0)
			return false;
	snprintf(pem, sizeof(pem), "%s", path("etc/keelboot/keys/k.pem"));
	return key_file_generate(path("k"), KEYRING_ED25519, &key) == KB_OK &&
	       key_file_generate(path("s"), KEYRING_ED25519, &stranger) == KB_OK &&
	       rename(path("k.pem"), pem) == 0;
}

static void remove_dir(void)
{
	char cmd[64];

	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	if (system(cmd) != 0)
		fprintf(stderr, "unable to remove %s\n", dir);
}

int main(int argc, char **argv)
{
	ssize_t n;
	int rc;

	if (argc > 0 && strcmp(argv[0], "keelboot-decoder") == 0)
		return decoder_main();
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n <= 0 || mkdtemp(dir) == NULL || setenv("KEELBOOT_HELPER", self, 1) < 0)
		return 1;
	log_set_level(0);
	for (size_t i = 0; i < SIZE; i++)
		image[i] = (uint8_t)(i * i >> 7 | 1);
	if (!make_dirs())
		return 1;
	rc = TEST_RUN("apply", .set_up = set_up);
	key_file_free(&key);
	key_file_free(&stranger);
	remove_dir();
	return rc;
}
