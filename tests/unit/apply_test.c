/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keelboot-apply as a process, on files: each source `usb:NAME` is a raw bundle. Mounts are tested
 * in QEMU.
 */
#include "tests/unit/trusted_key.h"
#include "tests/unit/child.h"
#include "tests/unit/hurry.h"
#include "tests/unit/partial.h"
#include "initramfs/progress.h"
#include "lib/conf.h"
#include "lib/os.h"
#include "lib/os_mounts.h"
#include "lib/os_processor.h"
#include "selector/store_internal.h"
#include "update/decoder/decoder_main.h"
#include "update/apply/apply.h"
#include "update/apply/media.h"

#include <sys/mount.h>

#define KIB  1024u
#define SIZE (768 * KIB)
#define PART (2048 * KIB)

static uint8_t image[SIZE], got[SIZE];
static char logged[65536];
static struct state state;
static struct progress heard;
static unsigned moves;

/* What stands in system.conf besides the device's name. */
static void configure(const char *more)
{
	folder_put("etc/keelboot/system.conf", strf("[system]\ncompatible = box\n%s", more));
}

/* ---------------------------------------------------------------- the device */

static struct bdev_file state_file;
static struct store store;
static uint64_t saved_seq; /* of the state that the test saved */

/* Until close_store(). */
static struct state open_store(enum store_finding want)
{
	enum store_finding found;
	struct state is;

	OK(bdev_file_open(&state_file, folder_at("state"), BDEV_FILE_WRITE));
	OK(store_load(&store, &state_file.bdev, &is, &found));
	assert_int_equal(found, want);
	return is;
}

static void close_store(void)
{
	bdev_file_close(&state_file);
}

static void load_state(void)
{
	state = open_store(STORE_FOUND);
	close_store();
}

static void save_state(void)
{
	open_store(STORE_FOUND);
	OK(store_save(&store, &state));
	saved_seq = state.seq;
	close_store();
}

/* Slot a good with sequence 1, slot b empty. */
static void set_up(void)
{
	folder_blank("state", STORE_MIN_SIZE);
	folder_blank("a", PART);
	folder_blank("b", PART);
	configure("");
	open_store(STORE_BLANK);
	state_init(&state, 2);
	state.slot[0].st = STATE_GOOD;
	state.slot[0].ever_good = state.slot[0].has_release = true;
	state.slot[0].sequence = 1;
	state_set_text(state.slot[0].version, "1.0");
	state.last = 0;
	OK(store_save(&store, &state));
	saved_seq = state.seq;
	close_store();
}

static uint64_t floor_of_bundles;
static const char *processor_of_bundles;
static const uint8_t *seed_of_bundles; /* they have what differs from it, and nothing else */

static void make_bundle(const char *name, uint64_t sequence, const char *compatible,
			const struct key_file *k)
{
	struct fixture_image im = { "root", image, SIZE, 64 * KIB, false };
	struct fixture_bundle b = { .image = &im,
				    .nimages = 1,
				    .compatible = compatible,
				    .sequence = sequence,
				    .key = k,
				    .floor = floor_of_bundles,
				    .processor = processor_of_bundles,
				    .seed = seed_of_bundles,
				    .seed_only = seed_of_bundles != NULL };
	static uint8_t bytes[2 * SIZE];
	ssize_t len;
	int fd;

	b.version = strf("%u.0", (unsigned)sequence);
	image[1000] = (uint8_t)sequence;
	fd = fixture_make(&b);
	len = pread(fd, bytes, sizeof(bytes), 0);
	assert_in_range(len, 1, sizeof(bytes) - 1);
	close(fd);
	folder_bytes(name, bytes, (size_t)len);
}

/* That fits. */
static void bundle(const char *name, uint64_t sequence)
{
	make_bundle(name, sequence, "box", &key);
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
static bool unread_a; /* apply gets an error for each read of slot a */

static bool is_slot_a(int fd)
{
	struct stat is, a;

	return fstat(fd, &is) == 0 && stat(folder_at("a"), &a) == 0 && is.st_ino == a.st_ino;
}

ssize_t pread64(int fd, void *buf, size_t len, off64_t off)
{
	static unsigned reads;
	ssize_t n = in_apply ? raw_pread(fd, buf, len, off) : raw_pread_given(fd, buf, len, off);
	bool bundle = in_apply && !(fcntl(fd, F_GETFL) & O_ACCMODE) && len % BDEV_ALIGN != 0;

	if (in_apply)
		pull(fd);
	if (in_apply && unread_a && is_slot_a(fd)) {
		errno = EIO;
		return -1;
	}
	/* Of a copy, the place in the seed comes last. */
	if (bundle && ++reads == wrong_read && n > 0)
		((char *)buf)[n < 8 ? n - 1 : n / 2] ^= 1;
	return n;
}

ssize_t __pread64_chk(int fd, void *buf, size_t len, off64_t off, size_t size);
ssize_t __pread64_chk(int fd, void *buf, size_t len, off64_t off, size_t size)
{
	return pread64(fd, buf, len < size ? len : size, off);
}

static bool unread_stage; /* the folder of apply's staged copy is damaged */

/* In front of the C library's. No file is made by it here. */
int openat64(int at, const char *name, int flags, ...)
{
	if (in_apply && unread_stage && strcmp(name, "keelboot") == 0) {
		errno = EUCLEAN;
		return -1;
	}
	return TEST_REAL(openat64)(at, name, flags);
}

static bool data_mounts;
static bool lacks_b; /* no partition of slot b is found */

static void child(int out, const char *const *more)
{
	const char *argv[64] = { "keelboot-apply",   "--root",	    folder, "--state",
				 folder_at("state"), "--mountable", "1" };
	int n = 7, log = open(folder_at("log"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
	char slot[2][600];

	for (int i = 0; i < (lacks_b ? 1 : 2); i++) {
		snprintf(slot[i], sizeof(slot[0]), "%c:root=%s", 'a' + i, folder_at(i ? "b" : "a"));
		argv[n++] = "--slot";
		argv[n++] = slot[i];
	}
	while (*more != NULL)
		argv[n++] = *more++;
	dup2(log, 2);
	dup2(out, 3);
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
	int fd = open(folder_at("log"), O_RDONLY | O_CLOEXEC);

	memset(logged, 0, sizeof(logged));
	assert_true(read(fd, logged, sizeof(logged) - 1) >= 0);
	close(fd);
}

/* The exit code with these options; NULL ends them. */
static int apply_with(const char *const *more)
{
	int fds[2], code;
	pid_t pid = fork_with_pipe(fds);

	if (pid == 0)
		child(fds[1], more);
	hear(fds[0]);
	close(fds[0]);
	code = test_exit_code(pid);
	read_log();
	return code;
}

/* KIND:NAME stands for a source, any other word for itself. The state is then what it left. */
static int apply(const char *words)
{
	static char text[512], source[20][600];
	const char *more[64] = { NULL };
	unsigned n = 0, sources = 0;
	int rc;

	snprintf(text, sizeof(text), "%s", words);
	for (char *word = strtok(text, " "); word != NULL; word = strtok(NULL, " ")) {
		char *name = strchr(word, ':');

		if (name == NULL) {
			more[n++] = word;
			continue;
		}
		*name++ = '\0';
		snprintf(source[sources], sizeof(source[0]), "%s:%s", word, folder_at(name));
		more[n++] = "--source";
		more[n++] = source[sources++];
	}
	rc = apply_with(more);
	load_state();
	return rc;
}

static void assert_logged(const char *text)
{
	if (strstr(logged, text) == NULL)
		fail_msg("not in the log: %s\n%s", text, logged);
}

static void assert_slot_b(uint64_t sequence)
{
	int fd = open(folder_at("b"), O_RDONLY | O_CLOEXEC);

	EQUAL((state.slot[1].st, STATE_TRIAL), (state.slot[1].sequence, sequence));
	image[1000] = (uint8_t)sequence;
	assert_int_equal(pread(fd, got, SIZE, 0), SIZE);
	assert_memory_equal(got, image, SIZE);
	close(fd);
}

static void installs(const char *words, uint64_t sequence)
{
	assert_int_equal(apply(words), APPLY_INSTALLED);
	assert_slot_b(sequence);
}

static void ends(const char *words, int result, const char *why)
{
	assert_int_equal(apply(words), result);
	assert_logged(why);
}

static bool count_lacking(void *n, const struct history_event *e)
{
	*(unsigned *)n +=
		e->kind == HISTORY_REFUSED && strcmp(e->detail, PARTIAL_FORM_DROPPED) == 0;
	return true;
}

static bool count_event(void *n, __attribute__((unused)) const struct history_event *e)
{
	++*(unsigned *)n;
	return true;
}

static unsigned count_events(bool (*count)(void *n, const struct history_event *e))
{
	unsigned n = 0;

	open_store(STORE_FOUND);
	OK(store_history_read(&store, 0, count, &n));
	close_store();
	return n;
}

static unsigned events(void)
{
	return count_events(count_event);
}

/* Since the state was saved last. */
static void assert_nothing_written(void)
{
	int fd = open(folder_at("b"), O_RDONLY | O_CLOEXEC);

	EQUAL((state.seq, saved_seq), (state.slot[1].st, STATE_EMPTY));
	assert_int_equal(lseek(fd, 0, SEEK_DATA), -1); /* still one hole */
	close(fd);
}

static void flip(const char *name, off_t from_end)
{
	int fd = open(folder_at(name), O_RDWR | O_CLOEXEC);

	fixture_flip(fd, (uint64_t)(lseek(fd, 0, SEEK_END) - from_end));
	close(fd);
}

/* ---------------------------------------------------------------- tests */

TEST(installs_the_newest_and_names_the_others)
{
	bundle("two", 2);
	bundle("five", 5);
	bundle("three", 3);
	installs("usb:two usb:five usb:three", 5);
	assert_logged("two: raw bundle: version 2.0: ignored: another bundle is newer");
	assert_logged("three: raw bundle: version 3.0: ignored");
	assert_logged("slot b holds version 5.0 on trial");
	EQUAL((events(), 1), (moves > 1, true));
	/* The stick is left in. */
	assert_int_equal(apply("usb:two usb:five usb:three"), APPLY_NOTHING);
	assert_slot_b(5);
	assert_int_equal(events(), 1);
}

TEST(same_release_twice_is_named_as_that)
{
	bundle("five", 5);
	bundle("copy", 5);
	installs("usb:five usb:copy", 5);
	assert_logged("copy: raw bundle: version 5.0: ignored: the same release comes from ");
	assert_logged("five: raw bundle");
}

/* What can be opened, but takes no write; with the same content. */
static int make_refuse(const char *name)
{
	int fd = memfd_create(name, MFD_ALLOW_SEALING | MFD_CLOEXEC);

	assert_true(fd >= 0);
	folder_run("cat %s >/proc/%d/fd/%d", name, (int)getpid(), fd);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
	folder_run("ln -sf /proc/%d/fd/%d %s", (int)getpid(), fd, name);
	return fd;
}

TEST(slot_that_cannot_be_written_is_left_alone_after_three_times)
{
	int fd = make_refuse("b");
	uint64_t seq;

	bundle("five", 5);
	for (unsigned i = 1; i <= STATE_FAILS_LIMIT; i++) {
		EQUAL((apply("usb:five"), APPLY_FAILED), (state.slot[1].st, STATE_WRITING));
		EQUAL((state.nunwritable, 1), (state.unwritable[0].count, i));
	}
	seq = state.seq;
	ends("usb:five", APPLY_NOTHING,
	     "version 5.0: skipped: writing it to its slot failed three times");
	assert_int_equal(state.seq, seq);
	/* Another release is another try. */
	bundle("six", 6);
	EQUAL((apply("usb:five usb:six"), APPLY_FAILED), (state.nunwritable, 2));
	/* A device that cannot boot has nothing to lose; and its storage may have recovered. */
	unlink(folder_at("b"));
	folder_blank("b", PART);
	EQUAL((apply("--rescue usb:five"), APPLY_INSTALLED), (state.nunwritable, 1));
	assert_slot_b(5);
	close(fd);
}

/* ---- rescue, and a state that nobody signed */

/* The manifest of the slot is that of this bundle. */
static void put_cell(int slot, const char *from)
{
	static uint8_t blob[STORE_MANIFEST_MAX] __attribute__((aligned(BDEV_ALIGN)));
	static struct reader r;
	struct store_manifest cell = { .sequence = 1 };
	int fd = open(folder_at(from), O_RDONLY | O_CLOEXEC);

	OK(reader_open(&r, fd, false, (uint64_t)lseek(fd, 0, SEEK_END), NULL));
	cell.len = (size_t)r.h.manifest_off + r.h.manifest_len;
	assert_int_equal(pread(fd, blob, cell.len, 0), (ssize_t)cell.len);
	reader_close(&r);
	close(fd);
	open_store(STORE_FOUND);
	OK(store_manifest_write(&store, slot, &cell, blob));
	close_store();
}

/* Slot a holds what this key signed, of floor 3, and the state claims another floor. */
static void rescue_world(uint64_t of_state, const char *compatible, const struct key_file *k)
{
	set_up();
	floor_of_bundles = 3;
	make_bundle("own", 3, compatible, k);
	floor_of_bundles = 0;
	put_cell(0, "own");
	state.floor = of_state;
	save_state();
	bundle("two", 2);
	bundle("five", 5);
}

/* Threats 16, 34: a floor that somebody forged keeps no repair out; one that is signed holds there
 * as well. */
TEST(rescue_goes_by_the_floor_that_is_signed)
{
	rescue_world(1000, "box", &key);
	ends("usb:five", APPLY_NOTHING, "below this device's rollback floor");
	ends("--rescue usb:two", APPLY_NOTHING,
	     "the state's floor (1000) is above every signed sequence in the slots; the rescue uses 3");
	assert_logged("below this device's rollback floor");
	assert_nothing_written();
	installs("--rescue usb:five", 5);
	assert_int_equal(state.floor, 3);
}

TEST(rescue_heeds_no_floor_that_others_signed)
{
	rescue_world(1000, "box", &stranger);
	assert_int_equal(apply("--rescue usb:two"), APPLY_INSTALLED);
	rescue_world(1000, "box", NULL);
	assert_int_equal(apply("--rescue usb:two"), APPLY_INSTALLED);
	rescue_world(1000, "fridge", &key);
	installs("--rescue usb:two", 2);
	assert_int_equal(state.floor, 0);
}

/* Nor by that, in a rescue or behind one. */
TEST(rescue_forgets_what_good_slots_held_back)
{
	rescue_world(1, "box", &key);
	state.slot[0].st = STATE_BAD;
	state.back = 1000;
	save_state();
	assert_int_equal(apply("usb:five"), APPLY_NOTHING);
	installs("--rescue usb:two", 2);
	assert_int_equal(state.back, 0);
}

/* The floor of a release that nobody has marked good yet. */
TEST(rescue_raises_no_floor)
{
	rescue_world(1, "box", &key);
	installs("--rescue usb:two", 2);
	assert_int_equal(state.floor, 1);
}

/* The manifest of slot b is all there, in both copies, and neither was written to its end. */
static void damage_cell(void)
{
	static uint8_t first[BDEV_ALIGN] __attribute__((aligned(BDEV_ALIGN)));

	open_store(STORE_FOUND);
	for (int copy = 0; copy < 2; copy++) {
		uint64_t off = STORE_MANIFEST(copy, 1);

		OK(bdev_read(store.dev, off, first, sizeof(first)));
		first[sizeof(first) - 1] ^= 1;
		OK(bdev_write(store.dev, off, first, sizeof(first)));
	}
	close_store();
}

TEST(rescue_heeds_no_floor_of_a_damaged_cell)
{
	rescue_world(1000, "box", &key);
	floor_of_bundles = 5;
	bundle("next", 5);
	floor_of_bundles = 0;
	put_cell(1, "next");
	damage_cell();
	bundle("four", 4);
	ends("--rescue usb:four", APPLY_INSTALLED,
	     "above every signed sequence in the slots; the rescue uses 3");
	assert_slot_b(4);
}

/* Floor 10, and two slots with what came later, which need not repeat it. */
static void put_two_good(void)
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
	save_state();
}

static void two_good_world(void)
{
	static const char *const names[] = { "twelve", "eleven", "ten", "nine", "two" };
	static const unsigned sequences[] = { 12, 11, 10, 9, 2 };

	set_up();
	for (unsigned i = 0; i < 5; i++)
		bundle(names[i], sequences[i]);
	for (int slot = 0; slot < 2; slot++)
		put_cell(slot, names[slot]);
	put_two_good();
}

TEST(rescue_keeps_a_floor_that_later_releases_do_not_name)
{
	two_good_world();
	ends("--rescue usb:nine", APPLY_NOTHING, "below this device's rollback floor");
	installs("--rescue usb:ten", 10);
	assert_int_equal(state.floor, 10);
}

/* Threat 16: power cuts alone bring a last resort about, while both slots would boot. */
TEST(a_last_resort_goes_back_to_what_is_there_and_no_further)
{
	two_good_world();
	ends("--last-resort --mountable 3 usb:ten", APPLY_NOTHING,
	     "ten: raw bundle: version 10.0: skipped: older than every good slot, or than the last one that was overwritten, and not signed for a downgrade; use one of these releases, a newer one, or one signed with --allow-downgrade");
	ends("--last-resort --mountable 3 usb:nine", APPLY_NOTHING,
	     "below this device's rollback floor");
	installs("--last-resort --mountable 3 usb:eleven", 11);
	assert_int_equal(state.floor, 10);
}

/* The install of the newer release was broken off: its manifest is gone, and bounds no floor. */
TEST(a_last_resort_believes_the_floor)
{
	two_good_world();
	state.slot[0] = (struct state_slot){ .st = STATE_WRITING };
	state.slot[1].sequence = 9;
	save_state();
	for (int slot = 0; slot < 2; slot++)
		put_cell(slot, "nine");
	ends("--last-resort --mountable 3 usb:nine", APPLY_NOTHING,
	     "below this device's rollback floor");
	assert_int_equal(state.floor, 10);
	assert_int_equal(apply("--rescue usb:nine"), APPLY_INSTALLED);
}

/* Threat 16: a factory that names the release alone leaves a slot without a manifest. */
TEST(what_has_no_manifest_holds_back_as_well)
{
	set_up();
	bundle("ten", 10);
	bundle("eleven", 11);
	put_two_good();
	ends("--last-resort --mountable 3 usb:ten", APPLY_NOTHING, "older than every good slot");
	EQUAL((apply("--last-resort --mountable 3 usb:eleven"), APPLY_INSTALLED), (state.back, 11));
}

/* Threat 16: an install of which each byte is there already takes the good slot away all the same.
 */
TEST(a_release_with_the_same_image_lets_nothing_older_come)
{
	two_good_world();
	bundle("thirteen", 13);
	folder_bytes("b", image, SIZE);
	assert_int_equal(truncate(folder_at("b"), PART), 0);
	state.floor = 1;
	state.slot[0].st = STATE_BAD;
	state.slot[0].sequence = 11;
	state.slot[1].sequence = 12;
	save_state();
	assert_int_equal(apply("--last-resort --mountable 3 usb:ten"), APPLY_NOTHING);
	installs("--last-resort --mountable 3 usb:thirteen", 13);
	assert_logged("0 KiB written");
	assert_int_equal(state.back, 12);
	state.slot[1].st = STATE_BAD;
	state.slot[1].tries = 0;
	save_state();
	assert_int_equal(apply("--last-resort --mountable 3 usb:ten"), APPLY_NOTHING);
}

/* Threat 17: what mounts may be believed about how far a sequence may jump. */
TEST(a_last_resort_takes_no_sequence_that_is_far)
{
	two_good_world();
	bundle("far", UINT64_C(1000000000000000));
	ends("--last-resort --mountable 3 usb:far", APPLY_NOTHING,
	     "too far ahead of what proved itself here");
}

/* Nobody signed that lower floor for anything that was installed. */
TEST(a_rescue_that_installs_nothing_lowers_no_floor)
{
	rescue_world(1000, "box", &key);
	state.staged.source = STATE_SRC_DATA;
	save_state();
	assert_int_not_equal(apply("--rescue data:two"), APPLY_INSTALLED);
	assert_int_equal(state.floor, 1000);
}

/* Threat 34: slots that only a forged state has, and that would all be taken before those that are
 * there. */
TEST(no_slot_that_only_the_state_knows_is_the_target)
{
	static const char *const ways[] = { "--rescue usb:five", "usb:five" };

	for (unsigned i = 0; i < 2; i++) {
		rescue_world(0, "box", &key);
		state.nslots = STATE_SLOTS_MAX;
		state.slot[0].st = state.slot[1].st = STATE_BAD;
		save_state();
		assert_int_equal(apply(ways[i]), APPLY_INSTALLED);
		assert_slot_b(5);
	}
}

/* What was installed in this rescue, or before, did not mount: the next best gets its turn at once.
 */
TEST(rescue_goes_on_behind_what_is_there_already)
{
	rescue_world(1, "box", &key);
	installs("--rescue usb:five", 5);
	ends("--rescue usb:five", APPLY_FAILED, "this release is installed, or was before");
	assert_slot_b(5);
	installs("--rescue usb:five usb:two", 2);
}

/* Threat 17: what proved itself here is only what the state says; the end of the numbers is not. */
TEST(rescue_takes_a_sequence_that_is_far_from_what_the_state_says)
{
	const uint64_t far = UINT64_C(1000000000000000);

	bundle("far", far);
	ends("usb:far", APPLY_NOTHING, "too far ahead");
	bundle("end", INT64_MAX);
	ends("--rescue usb:end", APPLY_NOTHING, "too far ahead");
	installs("--rescue usb:far", far);
}

/* Pulled out, or cut off: the release is as good as before. */
TEST(medium_that_ends_in_the_middle_costs_nothing)
{
	configure("[source.media]\nverify-first = no\n");
	for (int i = 0; i < STATE_FAILS_LIMIT + 1; i++) {
		bundle("five", 5);
		flip("five", 100);
		assert_int_equal(apply("usb:five"), APPLY_FAILED);
	}
	EQUAL((state.slot[1].st, STATE_WRITING), (state.nunwritable, 0));
	bundle("five", 5);
	assert_int_equal(apply("usb:five"), APPLY_INSTALLED);
}

TEST(what_is_not_for_us_is_named_and_costs_no_write)
{
	make_bundle("foreign", 7, "fridge", &key);
	make_bundle("unsigned", 8, "box", NULL);
	make_bundle("stranger", 9, "box", &stranger);
	ends("usb:foreign usb:unsigned usb:stranger", APPLY_NOTHING,
	     "made for \"fridge\", but this device is \"box\"");
	assert_logged("unsigned: raw bundle: refused: not signed by the one trusted key");
	assert_logged("stranger: raw bundle: refused: not signed");
	assert_nothing_written();
}

/* Of a name that no device has. */
TEST(a_release_for_another_processor_is_refused)
{
	processor_of_bundles = "hexagon";
	bundle("two", 2);
	ends("usb:two", APPLY_NOTHING,
	     "two: raw bundle: version 2.0: skipped: made for processor hexagon, but this device is ");
	assert_nothing_written();
	processor_of_bundles = os_processor_program();
	bundle("three", 3);
	processor_of_bundles = NULL;
	installs("usb:two usb:three", 3);
}

TEST(older_releases_are_refused)
{
	bundle("one", 1);
	ends("usb:one", APPLY_NOTHING,
	     "skipped: not newer than what is installed; to go back: keelboot install FILE");
	assert_nothing_written();
}

/* A release with the last number there is would be the last one: it makes room for one in bounds.
 */
TEST(a_release_too_far_ahead_is_refused)
{
	bundle("last", INT64_MAX);
	ends("usb:last", APPLY_NOTHING, "too far ahead of what proved itself here");
	assert_nothing_written();
	bundle("two", 2);
	installs("usb:last usb:two", 2);
	set_up();
	configure("[install]\nmax-sequence-jump=none\n");
	installs("usb:last", INT64_MAX);
}

TEST(rubbish_and_absent_media_are_harmless)
{
	folder_put("rubbish", "KEEL");
	folder_blank("zeroes", 64 * KIB);
	ends("usb:rubbish usb:zeroes usb:nowhere", APPLY_NOTHING, "nowhere: empty");
	assert_nothing_written();
}

TEST(every_truncation_is_refused)
{
	struct stat st;

	bundle("cut", 2);
	assert_int_equal(stat(folder_at("cut"), &st), 0);
	for (off_t len = st.st_size - 1; len > 0; len = len * 2 / 3) {
		assert_int_equal(truncate(folder_at("cut"), len), 0);
		assert_int_equal(apply("usb:cut"), APPLY_NOTHING);
	}
	assert_nothing_written();
}

TEST(a_damaged_one_makes_room_for_the_next)
{
	bundle("five", 5);
	bundle("two", 2);
	flip("five", 50);
	installs("usb:two usb:five", 2);
	assert_logged("five: raw bundle: version 5.0: not installed");
}

TEST(a_damaged_one_alone_fails_and_is_told_once)
{
	bundle("five", 5);
	flip("five", 50);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(apply("usb:five"), APPLY_FAILED);
		assert_nothing_written();
		assert_int_equal(events(), 1);
	}
}

TEST(many_damaged_ones_are_told_in_few_lines)
{
	char words[128] = "";

	for (unsigned i = 0; i < 9; i++) {
		const char *name = strf("m%u", i);

		bundle(name, i + 2);
		flip(name, 50);
		strcat(strcat(words, " usb:"), name);
	}
	for (unsigned boot = 0; boot < 3; boot++) {
		assert_int_equal(apply(words), APPLY_FAILED);
		assert_nothing_written();
		assert_int_equal(events(), 5); /* the newest four, and one for the other five */
	}
}

/* Pulled out after the look, while another stick is in that would do. */
TEST(a_stick_that_is_gone_makes_room_for_the_next)
{
	bundle("five", 5);
	bundle("two", 2);
	snprintf(pulled[0], sizeof(pulled[0]), "%s", folder_at("five"));
	snprintf(pulled[1], sizeof(pulled[1]), "%s", folder_at("two"));
	assert_int_equal(apply("usb:five usb:two"), APPLY_INSTALLED);
	pulled[0][0] = '\0';
	assert_logged("five: cannot be opened again");
	assert_slot_b(2);
}

TEST(bytes_behind_a_raw_bundle_are_ignored)
{
	int fd;

	bundle("two", 2);
	fd = open(folder_at("two"), O_WRONLY | O_APPEND | O_CLOEXEC);
	assert_int_equal(write(fd, image, 5000), 5000);
	close(fd);
	installs("usb:two", 2);
}

TEST(a_state_that_is_blank_or_lost_stops_it)
{
	const char *const two[] = { "--source", strf("usb:%s", folder_at("two")), NULL };

	bundle("two", 2);
	folder_blank("state", STORE_MIN_SIZE);
	assert_int_equal(apply_with(two), APPLY_FAILED);
	assert_logged("blank");
	folder_put("state", "");
	assert_int_equal(apply_with(two), APPLY_FAILED);
}

/* Somebody who holds the lock, and has another word for the state before it is given back. */
static pid_t hold_lock(unsigned ms)
{
	int ready[2];
	pid_t pid = fork_with_pipe(ready);
	char c;

	if (pid == 0) {
		struct bdev_file file;
		struct store st;
		enum store_finding found;
		struct state s;

		if (bdev_file_open(&file, folder_at("state"), BDEV_FILE_WRITE) != KB_OK ||
		    store_lock(file.fd, 0) != KB_OK || write(ready[1], "", 1) != 1)
			_exit(1);
		usleep(ms * 1000);
		if (store_load(&st, &file.bdev, &s, &found) != KB_OK)
			_exit(1);
		s.installs = STATE_INSTALLS_LIMIT;
		_exit(store_save(&st, &s) == KB_OK ? 0 : 1);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	return pid;
}

TEST(state_is_read_under_its_lock)
{
	pid_t pid;

	bundle("two", 2);
	pid = hold_lock(700);
	ends("usb:two", APPLY_NOTHING, "too many updates");
	assert_int_equal(test_exit_code(pid), 0);
}

TEST(without_the_lock_nothing_is_installed)
{
	pid_t pid;

	bundle("two", 2);
	pid = hold_lock(600 * 1000);
	hurry = true;
	assert_int_equal(apply("usb:two"), APPLY_FAILED);
	hurry = false;
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_nothing_written();
}

TEST(without_a_name_no_update_is_for_this_device)
{
	bundle("two", 2);
	folder_put("etc/keelboot/system.conf", "[system]\ntimeout = 30\n");
	ends("usb:two", APPLY_FAILED, "no compatible= in it");
}

/* Neither bundle is at fault when the slot is: the second one is not tried. */
TEST(a_slot_that_cannot_be_opened_is_no_bundles_fault)
{
	const char *at;

	bundle("two", 2);
	bundle("three", 3);
	assert_int_equal(unlink(folder_at("b")), 0);
	assert_int_equal(apply("usb:two usb:three"), APPLY_FAILED);
	at = strstr(logged, "cannot be opened");
	assert_non_null(at);
	assert_null(strstr(at + 1, "cannot be opened"));
	assert_null(strstr(logged, "no such partition"));
}

TEST(a_slot_that_is_not_there_is_no_bundles_fault)
{
	bundle("two", 2);
	lacks_b = true;
	assert_int_equal(apply("usb:two"), APPLY_FAILED);
	lacks_b = false;
	assert_logged("slot b has no partition");
}

TEST(without_keys_nothing_is_installed)
{
	bundle("two", 2);
	configure("[keyring]\npath = /nowhere\n");
	ends("usb:two", APPLY_FAILED, "no usable public key");
	assert_nothing_written();
}

/* Of several keys: one that is retired, and how many have to sign. */
TEST(what_the_keyring_asks_for_is_asked_for)
{
	bundle("two", 2);
	configure("[keyring]\nsignatures-required=2\n");
	ends("usb:two", APPLY_FAILED,
	     "signatures-required=2, but only 1 key: no bundle can be verified");
	folder_run("cp s.pem etc/keelboot/keys/second.pem");
	ends("usb:two", APPLY_NOTHING, "signed by 1 trusted key (k), but 2 must sign");
	configure("[keyring]\nsignatures-required=1\n");
	folder_run("cd etc/keelboot/keys && mkdir retired.d && cp k.pem retired.d/vendor-2020.pem");
	ends("usb:two", APPLY_NOTHING,
	     "signed by the retired key \"vendor-2020\", which this device no longer trusts");
	folder_run("cd etc/keelboot/keys && rm -r retired.d second.pem");
	installs("usb:two", 2);
}

TEST(a_staged_copy_that_cannot_be_read_is_given_up)
{
	folder_blank("data", 64 * KIB);
	assert_int_equal(apply("data:data"), APPLY_NOTHING); /* nothing is staged */
	state.staged.source = STATE_SRC_DATA;
	memset(state.staged.release, 0x42, STATE_ID_LEN);
	save_state();
	for (unsigned i = 1; i < STATE_FAILS_LIMIT; i++)
		EQUAL((apply("data:data"), APPLY_FAILED), (state.staged.fails, i));
	EQUAL((apply("data:data"), APPLY_FAILED), (state.staged.source, STATE_SRC_NONE));
	assert_logged("stage it again");
}

/* It looks at the start, and for each medium that comes, all in one boot. */
TEST(a_rescue_counts_no_failure_of_a_staged_copy)
{
	folder_blank("data", 64 * KIB);
	state.staged.source = STATE_SRC_DATA;
	memset(state.staged.release, 0x42, STATE_ID_LEN);
	save_state();
	for (unsigned look = 0; look <= STATE_FAILS_LIMIT; look++) {
		assert_int_equal(apply("--rescue data:data"), APPLY_FAILED);
		assert_logged("staged update: the data partition cannot be mounted");
		EQUAL((state.staged.source, STATE_SRC_DATA), (state.staged.fails, 0));
	}
	assert_nothing_written();
	EQUAL((apply("data:data"), APPLY_FAILED), (state.staged.fails, 1));
}

static bool begins_with_bundle(const char *name)
{
	int fd = open(folder_at(name), O_RDONLY | O_CLOEXEC);
	char magic[8];

	assert_int_equal(pread(fd, magic, sizeof(magic), 0), sizeof(magic));
	close(fd);
	return memcmp(magic, "KEELBNDL", sizeof(magic)) == 0;
}

TEST(a_raw_partition_is_erased_once_its_release_is_proven)
{
	bundle("stage", 4);
	installs("raw:stage", 4);
	assert_int_equal(heard.phase, PROGRESS_READ_BACK);
	/* On trial it stays: the slot may yet fail, and the state may yet be lost. */
	EQUAL((apply("raw:stage"), APPLY_NOTHING), (begins_with_bundle("stage"), true));
	state_add_applied(&state, state.slot[1].release);
	state.slot[1].st = STATE_GOOD;
	state.last = 1;
	save_state();
	ends("raw:stage", APPLY_NOTHING, "the bundle is erased");
	assert_false(begins_with_bundle("stage"));
	assert_int_equal(apply("raw:stage"), APPLY_NOTHING);
}

TEST(a_raw_bundle_that_is_damaged_is_erased_and_told_once)
{
	bundle("stage", 4);
	flip("stage", 1000);
	EQUAL((apply("raw:stage"), APPLY_FAILED), (begins_with_bundle("stage"), false));
	assert_nothing_written();      /* it was verified first */
	assert_int_equal(events(), 2); /* the install that failed, and the end of its bundle */
	EQUAL((apply("raw:stage"), APPLY_NOTHING), (events(), 2));
}

/* Every read of the bundle that apply makes is wrong once, and right the next time. */
TEST(a_raw_bundle_that_is_read_wrong_once_is_installed)
{
	for (wrong_read = 1;; wrong_read += 5) {
		set_up();
		bundle("stage", 4);
		apply("raw:stage");
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
	EQUAL((apply("raw:stage"), APPLY_NOTHING), (begins_with_bundle("stage"), false));
	assert_null(strstr(logged, "reading it once more")); /* it was read right */
	make_bundle("stage", 4, "box", &stranger);
	EQUAL((apply("raw:stage"), APPLY_FAILED), (begins_with_bundle("stage"), false));
	bundle("stage", 1);
	EQUAL((apply("raw:stage"), APPLY_NOTHING), (begins_with_bundle("stage"), false));
}

TEST(a_raw_bundle_that_cannot_be_erased_is_told)
{
	int fd;

	make_bundle("stage", 4, "toaster", &key);
	fd = make_refuse("stage");
	ends("raw:stage", APPLY_NOTHING, "the bundle cannot be erased: ");
	close(fd);
	folder_run("rm stage");
}

TEST(a_raw_bundle_for_which_there_is_no_slot_now_stays)
{
	bundle("stage", 4);
	assert_int_equal(apply("raw:stage"), APPLY_INSTALLED);
	bundle("stage", 3);
	assert_int_equal(apply("raw:stage"), APPLY_NOTHING); /* b is on trial, and newer */
	assert_true(begins_with_bundle("stage"));
}

TEST(a_card_is_looked_at_like_a_stick)
{
	bundle("card", 4);
	installs("sd:card", 4);
	assert_true(begins_with_bundle("card"));
}

/* Without it the first bytes are written before the flip is found. */
TEST(verify_first_is_a_choice_for_each_kind)
{
	static const struct {
		const char *conf, *source;
		bool writes;
	} row[] = {
		{ "[source.media]", "usb:x", true },  { "[source.media]", "sd:x", true },
		{ "[source.media]", "raw:x", false }, { "[source.raw]", "raw:x", true },
		{ "[source.raw]", "usb:x", false },
	};

	for (unsigned i = 0; i < KB_ARRAY_LEN(row); i++) {
		set_up();
		configure(strf("%s\nverify-first = no\n", row[i].conf));
		bundle("x", 4);
		flip("x", 1000);
		assert_int_equal(apply(row[i].source), APPLY_FAILED);
		assert_int_equal(state.slot[1].st, row[i].writes ? STATE_WRITING : STATE_EMPTY);
	}
}

/* Process 1 would take its check, and the bytes that it writes, for a step back. */
TEST(the_bundle_behind_a_damaged_one_is_heard)
{
	configure("[source.media]\nverify-first = no\n");
	bundle("five", 5);
	bundle("two", 2);
	flip("five", 1000);
	installs("usb:five usb:two", 2);
	EQUAL((heard.candidate, 2), (heard.phase, PROGRESS_READ_BACK), (heard.done, heard.total));
}

TEST(of_many_acceptable_bundles_the_newest_is_kept)
{
	char words[512] = "";

	for (unsigned i = 0; i < 20; i++) {
		const char *name = strf("many%u", i);

		/* The newest comes last but one, behind more than there is room for. */
		bundle(name, i == 18 ? 99 : 30 - i);
		strcat(strcat(words, " usb:"), name);
	}
	installs(words, 99);
	assert_logged("ignored: 16 newer ones are there");
}

/* ---------------------------------------------------------------- the staged copy */

/* The data partition is a folder here, and its mount a bind: instead of os_root.c's. */
enum kb_err os_mount(const char *source, const char *target, const char *fstype,
		     unsigned long flags, const char *options)
{
	if (source == NULL)
		return mount(NULL, target, NULL, flags, options) == 0 ? KB_OK : KB_EMOUNT;
	fprintf(stderr, "asked to mount %s\n", source);
	if (!data_mounts || strcmp(source, folder_at("data")) != 0)
		return KB_EMOUNT;
	return mount(folder_at("mnt"), target, NULL, MS_BIND, NULL) == 0 ? KB_OK : KB_EMOUNT;
}

enum kb_err os_umount(const char *target)
{
	return umount2(target, MNT_DETACH) == 0 ? KB_OK : KB_EIO;
}

static uint8_t staged_id[STATE_ID_LEN];

/* Threat 25: raw bundles only, for those who want no kernel file system on a stranger's stick. */
TEST(with_filesystems_none_no_stick_is_mounted)
{
	folder_blank("stick", 65536);
	ends("usb:stick", APPLY_NOTHING, "asked to mount");
	configure("[source.media]\nfilesystems = none\n");
	assert_int_equal(apply("usb:stick"), APPLY_NOTHING);
	assert_null(strstr(logged, "asked to mount"));
	assert_logged("stick: ignored: no raw bundle, and none is mounted (filesystems=none)");
	bundle("two", 2);
	assert_int_equal(apply("usb:stick usb:two"), APPLY_INSTALLED);
	assert_null(strstr(logged, "asked to mount"));
	assert_slot_b(2);
}

/* `name` lies where the release that is staged belongs; that is its own, or the one of `as`. */
static const char *put_staged(const char *name, const char *as)
{
	static struct reader r;
	static char file[64];
	struct stat st;
	int fd = open(folder_at(as), O_RDONLY | O_CLOEXEC);

	assert_int_equal(fstat(fd, &st), 0);
	OK(reader_open(&r, fd, false, (uint64_t)st.st_size, NULL));
	memcpy(staged_id, r.release.id, sizeof(staged_id));
	reader_close(&r);
	close(fd);
	mkdir(folder_at("mnt"), 0700);
	mkdir(folder_at("mnt/keelboot"), 0700);
	memcpy(file, "mnt/keelboot/", 13);
	bytes_hex(file + 13, staged_id, 8);
	memcpy(file + 13 + 16, ".keel", 6);
	assert_int_equal(rename(folder_at(name), folder_at(file)), 0);
	state.staged = (struct state_staged){ .source = STATE_SRC_DATA };
	memcpy(state.staged.release, staged_id, STATE_ID_LEN);
	save_state();
	return file;
}

static int apply_staged(void)
{
	int rc;

	folder_blank("data", 4096);
	data_mounts = true;
	rc = apply("data:data");
	data_mounts = false;
	return rc;
}

/* Not in every container. */
static bool may_mount(void)
{
	return IN_CHILD(unshare(CLONE_NEWNS) < 0 ||
			mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) == 0;
}

static void use_stage_folder(void)
{
	if (!may_mount())
		skip();
	configure("[source.data]\nstage = keelboot\n");
}

/* The usual. */
static void stage_two(void)
{
	use_stage_folder();
	bundle("two", 2);
	put_staged("two", "two");
}

TEST(a_staged_copy_is_installed)
{
	stage_two();
	assert_int_equal(apply_staged(), APPLY_INSTALLED);
	assert_slot_b(2);
	/* It stays until its trial is marked good, and is not installed again. */
	assert_int_equal(apply_staged(), APPLY_NOTHING);
	EQUAL((state.staged.source, STATE_SRC_DATA), (state.staged.fails, 0));
}

TEST(a_staged_copy_that_fails_costs_the_copy)
{
	const char *file;

	use_stage_folder();
	bundle("two", 2);
	bundle("three", 3);
	file = put_staged("three", "two"); /* another release under its name */
	assert_int_equal(apply_staged(), APPLY_FAILED);
	assert_logged("another release");
	EQUAL((state.staged.fails, 1), (state.slot[1].st, STATE_EMPTY), (events(), 1));
	unlink(folder_at(file));
	assert_int_equal(apply_staged(), APPLY_FAILED);
	assert_logged("its file is missing");
	EQUAL((state.staged.fails, 2), (events(), 2), (state.nrejected, 0));
	bundle("two", 2);
	flip("two", 1);
	put_staged("two", "two");
	EQUAL((apply_staged(), APPLY_FAILED), (state.staged.fails, 1), (state.nrejected, 0));
}

TEST(a_stage_folder_that_is_gone_costs_the_copy)
{
	stage_two();
	assert_int_equal(rename(folder_at("mnt/keelboot"), folder_at("mnt/elsewhere")), 0);
	assert_int_equal(apply_staged(), APPLY_FAILED);
	assert_int_equal(rename(folder_at("mnt/elsewhere"), folder_at("mnt/keelboot")), 0);
	assert_logged("the stage folder is missing");
	assert_int_equal(state.staged.fails, 1);
	assert_int_equal(apply_staged(), APPLY_INSTALLED);
}

/* Each boot mounts data for it, and writes the state twice. */
TEST(a_stage_folder_that_cannot_be_read_has_three_boots)
{
	stage_two();
	unread_stage = true;
	for (unsigned boot = 1; boot < STATE_FAILS_LIMIT; boot++) {
		assert_int_equal(apply_staged(), APPLY_FAILED);
		assert_logged("the data partition cannot be read: input/output error");
		EQUAL((state.staged.source, STATE_SRC_DATA), (state.staged.fails, boot));
	}
	assert_int_equal(apply_staged(), APPLY_FAILED);
	unread_stage = false;
	EQUAL((state.staged.source, STATE_SRC_NONE), (state.slot[1].st, STATE_EMPTY));
	assert_logged("stage it again");
}

/* It is there, and the copy is on it. */
TEST(a_data_partition_that_cannot_be_opened_costs_the_copy)
{
	stage_two();
	folder_run("rm -f data; ln -s data data");
	ends("data:data", APPLY_FAILED, "the data partition cannot be read: input/output error");
	EQUAL((state.staged.source, STATE_SRC_DATA), (state.staged.fails, 1), (events(), 1));
	folder_run("rm data");
	assert_int_equal(apply_staged(), APPLY_INSTALLED);
}

/* `stage` verified it; what the medium made of it since is found before the fallback is touched. */
TEST(a_staged_copy_that_decayed_costs_no_slot)
{
	use_stage_folder();
	bundle("two", 2);
	flip("two", 1000);
	put_staged("two", "two");
	assert_int_equal(apply_staged(), APPLY_FAILED);
	EQUAL((state.staged.fails, 1), (state.slot[1].st, STATE_EMPTY));
	configure("[source.data]\nstage = keelboot\nverify-first = no\n");
	EQUAL((apply_staged(), APPLY_FAILED), (state.slot[1].st, STATE_WRITING));
}

/* The copy cannot be blamed: it was not looked at. */
TEST(a_data_partition_that_is_absent_costs_nothing)
{
	stage_two();
	unlink(folder_at("data"));
	ends("data:data", APPLY_FAILED, "cannot be opened");
	EQUAL((state.staged.source, STATE_SRC_DATA), (state.staged.fails, 0));
	assert_int_equal(state.slot[1].st, STATE_EMPTY);
}

TEST(a_trial_of_another_release_keeps_no_copy)
{
	stage_two();
	memcpy(state.slot[0].release, staged_id, STATE_ID_LEN);
	state.slot[1].st = STATE_TRIAL;
	state.slot[1].tries = 2;
	state.slot[1].has_release = true;
	memset(state.slot[1].release, 0x5a, STATE_ID_LEN);
	state_set_text(state.slot[1].version, "9.0");
	save_state();
	assert_int_equal(apply_staged(), APPLY_NOTHING);
	EQUAL((state.staged.source, STATE_SRC_NONE), (state.slot[1].st, STATE_TRIAL));
}

TEST(a_staged_copy_that_can_never_be_taken_is_unstaged)
{
	stage_two();
	state_add_rejected(&state, staged_id);
	save_state();
	EQUAL((apply_staged(), APPLY_NOTHING), (state.staged.source, STATE_SRC_NONE));
	make_bundle("two", 2, "another-box", &key);
	put_staged("two", "two");
	assert_int_equal(apply_staged(), APPLY_NOTHING);
	EQUAL((state.staged.source, STATE_SRC_NONE), (state.slot[1].st, STATE_EMPTY));
}

static bool count_foreign(void *n, const struct history_event *e)
{
	*(unsigned *)n += strstr(e->reason, "made for processor hexagon, but") != NULL;
	return true;
}

TEST(a_staged_copy_for_another_processor_is_unstaged_and_says_why)
{
	use_stage_folder();
	processor_of_bundles = "hexagon";
	bundle("two", 2);
	processor_of_bundles = NULL;
	put_staged("two", "two");
	assert_int_equal(apply_staged(), APPLY_NOTHING);
	EQUAL((state.staged.source, STATE_SRC_NONE), (state.slot[1].st, STATE_EMPTY));
	assert_int_equal(count_events(count_foreign), 1);
}

/* Of the bundle only what is signed; slot a has the image. */
static void cut_to_index(const char *name)
{
	static struct partial_form form;
	static struct reader whole;
	static uint8_t bytes[65536];
	struct stat st;
	int fd = open(folder_at(name), O_RDONLY | O_CLOEXEC), part;
	ssize_t len;

	assert_int_equal(fstat(fd, &st), 0);
	OK(reader_open(&whole, fd, false, (uint64_t)st.st_size, NULL));
	partial_begin(&form, &whole);
	part = partial_make(&form, &whole);
	len = pread(part, bytes, sizeof(bytes), 0);
	assert_in_range(len, 1, sizeof(bytes) - 1);
	reader_close(&whole);
	close(fd);
	close(part);
	unlink(folder_at(name));
	folder_bytes(name, bytes, (size_t)len);
}

static void write_to_slot(const char *name, off_t at, const void *p, size_t len)
{
	int fd = open(folder_at(name), O_WRONLY | O_CLOEXEC);

	assert_int_equal(pwrite(fd, p, len, at), (ssize_t)len);
	close(fd);
}

TEST(a_staged_part_is_installed_with_what_a_slot_has)
{
	use_stage_folder();
	bundle("two", 2);
	cut_to_index("two");
	put_staged("two", "two");
	write_to_slot("a", 0, image, SIZE);
	assert_int_equal(apply_staged(), APPLY_INSTALLED);
	assert_slot_b(2);
}

/* A slot that changed does not change back: no boot need look again. */
TEST(a_staged_part_whose_rest_is_gone_is_forgotten_and_costs_no_slot)
{
	use_stage_folder();
	bundle("two", 2);
	cut_to_index("two");
	put_staged("two", "two");
	write_to_slot("a", 0, image, SIZE);
	write_to_slot("a", SIZE - 100, "x", 1);
	assert_int_equal(apply_staged(), APPLY_NOTHING);
	EQUAL((state.staged.source, STATE_SRC_NONE), (state.slot[1].st, STATE_EMPTY));
	assert_logged("is neither in the partial bundle nor in a slot");
	assert_int_equal(events(), 2);
	/* Whoever fetched it looks for that. */
	assert_int_equal(count_events(count_lacking), 1);
}

/* It may be readable at the next boot. */
static void assert_three_boots(void)
{
	use_stage_folder();
	bundle("two", 2);
	cut_to_index("two");
	put_staged("two", "two");
	for (unsigned boot = 1; boot < STATE_FAILS_LIMIT; boot++) {
		assert_int_equal(apply_staged(), APPLY_FAILED);
		assert_logged("is in a slot that cannot be read");
		EQUAL((state.staged.source, STATE_SRC_DATA), (state.staged.fails, boot));
	}
	assert_int_equal(count_events(count_lacking), 0);
	assert_int_equal(apply_staged(), APPLY_FAILED);
	assert_int_equal(state.staged.source, STATE_SRC_NONE);
	/* Whoever fetched it fetches it again. */
	assert_int_equal(count_events(count_lacking), 1);
}

TEST(a_staged_part_beside_a_slot_that_cannot_be_read_has_three_boots)
{
	write_to_slot("a", 0, image, SIZE);
	unread_a = true;
	assert_three_boots();
	unread_a = false;
}

TEST(a_staged_part_beside_a_slot_that_cannot_be_opened_has_three_boots)
{
	folder_run("rm a; ln -s a a");
	assert_three_boots();
	folder_run("rm a");
}

/* ---------------------------------------------------------------- deltas, and nothing else */

static uint8_t older[SIZE];

/* Of bundle two only what differs from release 1, which slot a has; its cell says so if `named`. */
static void delta_world(const char *conf, bool named)
{
	set_up();
	configure(conf);
	bundle("own", 1);
	memcpy(older, image, SIZE);
	write_to_slot("a", 0, older, SIZE);
	if (named)
		put_cell(0, "own");
	seed_of_bundles = older;
	bundle("two", 2);
	seed_of_bundles = NULL;
}

/* One byte of it is another, behind what differs. */
static void rot_older(void)
{
	write_to_slot("a", SIZE - 100, "x", 1);
}

TEST(a_delta_is_installed_from_the_slot_that_has_the_older_image)
{
	delta_world("", true);
	installs("usb:two", 2);
	assert_logged("that differ from slot a; the bundle has nothing else");
}

/* Whatever verify-first= says, else each boot with the stick would begin to write the slot anew. */
TEST(a_delta_on_a_stick_whose_seed_changed_writes_nothing)
{
	static const char *const conf[] = { "", "[source.media]\nverify-first = no\n" };

	for (unsigned i = 0; i < KB_ARRAY_LEN(conf); i++) {
		delta_world(conf[i], true);
		rot_older();
		for (unsigned boot = 0; boot < 2; boot++) {
			assert_int_equal(apply("usb:two"), APPLY_FAILED);
			assert_nothing_written();
			EQUAL((events(), 1), (begins_with_bundle("two"), true));
		}
		assert_logged("it needs the signed version 1.0; use a full bundle");
	}
}

/* A slot that changed does not change back: no boot need decode it again. */
TEST(a_raw_delta_whose_seed_changed_is_erased_and_costs_no_slot)
{
	static const char *const conf[] = { "", "[source.raw]\nverify-first = no\n" };

	for (unsigned i = 0; i < KB_ARRAY_LEN(conf); i++) {
		delta_world(conf[i], true);
		rot_older();
		EQUAL((apply("raw:two"), APPLY_NOTHING), (begins_with_bundle("two"), false));
		assert_logged("it needs the signed version 1.0; use a full bundle");
		assert_nothing_written();
		assert_int_equal(events(), 2);
	}
}

/* Each read of the bundle is wrong once, and right the next time. */
TEST(a_delta_that_is_read_wrong_once_is_not_given_up)
{
	for (wrong_read = 1; wrong_read < 40; wrong_read += 2) {
		delta_world("[source.raw]\nverify-first = no\n", true);
		apply("raw:two");
		if (!begins_with_bundle("two"))
			fail_msg("read %u: erased:\n%s", wrong_read, logged);
		if (wrong_read > 1)
			assert_slot_b(2);
	}
	wrong_read = 0;
}

TEST(a_raw_delta_whose_seed_is_absent_stays_and_nothing_is_written)
{
	delta_world("", false);
	for (unsigned boot = 0; boot < 2; boot++) {
		ends("raw:two", APPLY_NOTHING,
		     "not installed yet: image root: the bundle has only");
		assert_null(strstr(logged, "reading it once more"));
		assert_nothing_written();
		EQUAL((events(), 1), (begins_with_bundle("two"), true));
	}
	put_cell(0, "own"); /* at a later boot a slot has it */
	installs("raw:two", 2);
}

TEST(a_staged_delta_whose_seed_changed_is_forgotten_and_costs_no_slot)
{
	static const char *const conf[] = { "", "verify-first = no\n" };

	use_stage_folder();
	for (unsigned i = 0; i < KB_ARRAY_LEN(conf); i++) {
		delta_world(strf("[source.data]\nstage = keelboot\n%s", conf[i]), true);
		put_staged("two", "two");
		rot_older();
		assert_int_equal(apply_staged(), APPLY_NOTHING);
		EQUAL((state.staged.source, STATE_SRC_NONE), (state.slot[1].st, STATE_EMPTY));
		assert_logged("it needs the signed version 1.0; use a full bundle");
		EQUAL((events(), 2), (count_events(count_lacking), 0));
	}
}

/* Each boot writes the state for it, so there are not many. */
TEST(a_staged_delta_whose_seed_is_absent_has_three_boots)
{
	use_stage_folder();
	delta_world("[source.data]\nstage = keelboot\n", false);
	put_staged("two", "two");
	for (unsigned boot = 1; boot < 3; boot++) {
		assert_int_equal(apply_staged(), APPLY_FAILED);
		assert_logged("image root: the bundle has only");
		EQUAL((state.staged.source, STATE_SRC_DATA), (state.staged.fails, boot));
	}
	put_cell(0, "own");
	assert_int_equal(apply_staged(), APPLY_INSTALLED);
	assert_slot_b(2);
}

/* Of the format, with all sums right. */
static void make_newer(const char *name)
{
	uint8_t raw[READER_HEADER_LEN];
	int fd = open(folder_at(name), O_RDWR | O_CLOEXEC);

	assert_int_equal(pread(fd, raw, sizeof(raw), 0), sizeof(raw));
	raw[10] = 2; /* the least reader */
	bytes_put32(raw + sizeof(raw) - 4, bytes_crc32c(0, raw, sizeof(raw) - 4));
	assert_int_equal(pwrite(fd, raw, sizeof(raw), 0), sizeof(raw));
	close(fd);
}

/* Its Keelboot may be in what is installed next, from elsewhere. */
TEST(a_bundle_for_a_newer_keelboot_stays_raw_and_has_three_boots_staged)
{
	bundle("stage", 4);
	make_newer("stage");
	ends("raw:stage", APPLY_NOTHING, "not installed yet: made for a newer Keelboot");
	assert_null(strstr(logged, "reading it once more"));
	EQUAL((begins_with_bundle("stage"), true), (events(), 0));
	use_stage_folder();
	bundle("two", 2);
	make_newer(put_staged("two", "two"));
	assert_int_equal(apply_staged(), APPLY_FAILED);
	assert_logged("made for a newer Keelboot");
	EQUAL((state.staged.source, STATE_SRC_DATA), (state.staged.fails, 1));
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

static void make_world(void)
{
	make_keys();
	assert_int_equal(setenv("KEELBOOT_HELPER", TEST_SELF, 1), 0);
	for (size_t i = 0; i < SIZE; i++)
		image[i] = (uint8_t)(i * i >> 7 | 1);
}

TEST_MAIN("apply", .set_up = set_up, .first = make_world, .last = remove_keys, .quiet = true,
	  .decoder = decoder_main)
