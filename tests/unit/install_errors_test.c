/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine where something fails at one point, for every point: the medium, SHA-256, a thread.
 * What is not known to have reached the slot is not believed, and what was not begun is not told.
 */
#include "tests/unit/faulty.h"
#include "tests/unit/install_slot.h"
#include "update/install/install_readback.h"

#include <dirent.h>
#include <openssl/evp.h>

#define CHUNK (16 * KIB)
#define IMAGE (640 * KIB)
#define BOOT  (256 * KIB)

static struct faulty dev, raw, boot; /* raw: root once more, for reading back */
static uint8_t image[IMAGE], other_image[IMAGE], boot_image[64 * KIB];

/* ---------------------------------------------------------------- what is made to fail */

static unsigned fail_new, fail_final; /* from now on the n-th call; 0: none */
static bool fail_thread;

EVP_MD_CTX *EVP_MD_CTX_new(void)
{
	__typeof__(EVP_MD_CTX_new) *real = TEST_REAL(EVP_MD_CTX_new);

	return fail_new != 0 && --fail_new == 0 ? NULL : real();
}

static enum install_phase phase, failed_phase;
static unsigned phases; /* a bit for each that was told */
static uint64_t total[INSTALL_DONE + 1];

/* Worst of all: the right hash is there, and the call says that it is not. */
int EVP_DigestFinal_ex(EVP_MD_CTX *ctx, unsigned char *md, unsigned int *s)
{
	__typeof__(EVP_DigestFinal_ex) *real = TEST_REAL(EVP_DigestFinal_ex);
	int rc = real(ctx, md, s);

	if (fail_final == 0 || --fail_final != 0)
		return rc;
	failed_phase = phase;
	return 0;
}

int pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*f)(void *), void *arg)
{
	__typeof__(pthread_create) *real = TEST_REAL(pthread_create);

	if (!fail_thread)
		return real(t, a, f, arg);
	*t = (pthread_t)4096; /* nothing that could be joined: the real one leaves what it freed */
	return EAGAIN;
}

/* ---------------------------------------------------------------- setting up */

/* Nothing is compressed: no decoder is needed. */
static int bundle_of(const uint8_t *root, unsigned nimages, uint64_t sequence)
{
	const struct fixture_image im[2] = { { "root", root, IMAGE, CHUNK, true },
					     { "boot", boot_image, sizeof(boot_image), CHUNK,
					       true } };
	const struct fixture_bundle b = {
		.image = im, .nimages = nimages, .version = "2.0", .sequence = sequence
	};

	return fixture_make(&b);
}

static void open_bundle(int fd)
{
	fixture_open(&reader, &bundle, fd);
}

static void progress(void *ctx, enum install_phase now, uint64_t done, uint64_t all)
{
	phase = now;
	phases |= 1u << now;
	total[now] = all;
}

static void new_install(void)
{
	set_up_state(&state_dev.bdev);
	put(&root_dev, 0, before, sizeof(before));
	put(&boot_dev, 0, before, BOOT);
	faulty_init(&dev, &root_dev.bdev);
	faulty_init(&raw, &root_dev.bdev);
	faulty_init(&boot, &boot_dev.bdev);
	set_up_install(1, "/nowhere");
	set_up_part(0, "root", &dev.bdev);
	set_up_part(1, "boot", &boot.bdev);
	in.progress = progress;
	phases = 0;
	phase = INSTALL_CHECK;
}

static void set_up(void)
{
	fixture_fill(image, IMAGE, 1);
	memset(image + 256 * KIB, 0, 128 * KIB);
	memcpy(other_image, image, IMAGE);
	other_image[200 * KIB] ^= 0x80;
	fixture_fill(before, sizeof(before), 9);
	fixture_fill(boot_image, sizeof(boot_image), 5);
	fixture_dev_init(&state_dev, &events, 0, STORE_MIN_SIZE);
	fixture_dev_init(&root_dev, &events, 1, PART);
	fixture_dev_init(&boot_dev, &events, 2, BOOT);
	new_install();
	open_bundle(bundle_of(image, 1, 2));
}

static void tear_down(void)
{
	fail_new = fail_final = 0;
	fail_thread = false;
	free_devices();
}

static void assert_untouched(void)
{
	EQUAL((dev.writes, 0), (in.bytes_written, 0));
	load();
	EQUAL((state.slot[TARGET].st, STATE_GOOD), (state.slot[TARGET].sequence, 1));
	assert_false(phases & 1u << INSTALL_DONE);
}

/* Before anything is written. */
static void refuses(enum kb_err err, enum install_blame blame)
{
	FAILS(install_run(&in), err);
	assert_int_equal(in.blame, blame);
	assert_untouched();
}

static void assert_installed(void)
{
	assert_memory_equal(content(&root_dev, 0, PART), image, IMAGE);
	assert_true(bytes_all(page + PART - INSTALL_TAIL, INSTALL_TAIL, 0));
	load();
	assert_int_equal(state.slot[TARGET].st, STATE_TRIAL);
	assert_memory_equal(state.slot[TARGET].release, reader.release.id, STATE_ID_LEN);
	EQUAL((in.blame, INSTALL_BLAME_NONE), (in.why, ""), (phases >> INSTALL_DONE & 1, true));
}

/* The slot failed: it was not begun, or no superblock is there (of those that begin at 0, and those
 * at 1024), and the state says so too. */
static void assert_slot_failed(enum kb_err err)
{
	EQUAL((err, KB_EIO), (in.blame, INSTALL_BLAME_TARGET));
	assert_non_null(strstr(in.why, "slot b: "));
	if (dev.writes == 0) {
		assert_untouched();
		return;
	}
	assert_true(bytes_all(content(&root_dev, 0, 4096), 512, 0));
	assert_true(bytes_all(page + 1024, 512, 0));
	load();
	EQUAL((state.slot[TARGET].st, STATE_WRITING), (phases & 1u << INSTALL_DONE, false));
}

/* ---------------------------------------------------------------- the slot's partitions */

/* The n-th call of a kind fails, for every n: how often that was. */
static unsigned each_fails(struct faulty_when *when, const unsigned *calls, bool threaded)
{
	unsigned n = 0;

	for (;;) {
		enum kb_err err;

		new_install();
		in.part[0].readback = threaded ? &raw.bdev : NULL;
		*when = (struct faulty_when){ ++n, 1 };
		err = install_run(&in);
		if (*calls < n) {
			assert_int_equal(err, KB_OK);
			assert_installed();
			return n - 1;
		}
		assert_slot_failed(err);
	}
}

TEST(any_write_flush_or_drop_that_fails_leaves_the_slot_sealed)
{
	assert_true(each_fails(&dev.fail_write, &dev.writes, false) > 5);
	assert_true(each_fails(&dev.fail_flush, &dev.flushes, false) > 5);
	assert_true(each_fails(&dev.fail_drop, &dev.drops, false) > 5);
}

/* Through raw nothing is read but what has to be there. */
TEST(whatever_cannot_be_read_back_by_the_thread_leaves_the_slot_sealed)
{
	assert_true(each_fails(&raw.fail_read, &raw.reads, true) > 5);
	assert_true(each_fails(&raw.flip_read, &raw.reads, true) > 5);
	assert_true(each_fails(&raw.fail_flush, &raw.flushes, true) > 0);
	assert_true(each_fails(&raw.fail_drop, &raw.drops, true) > 1);
}

TEST(any_read_that_fails_does_no_harm)
{
	unsigned n = 0;

	do {
		enum kb_err err;

		new_install();
		dev.fail_read = (struct faulty_when){ ++n, 1 };
		err = install_run(&in);
		if (err == KB_OK)
			assert_installed();
		else
			assert_slot_failed(err);
	} while (dev.reads >= n);
	assert_true(n > 20);
}

/* ---------------------------------------------------------------- what the bundle may not do */

TEST(an_image_without_a_partition_of_its_own_is_refused)
{
	open_bundle(bundle_of(image, 2, 2));
	refuses(KB_ECOMPAT, INSTALL_BLAME_BUNDLE);
}

TEST(an_image_in_no_known_encoding_needs_a_newer_keelboot)
{
	reader.m.encoding[0].kind = MANIFEST_ENC_UNKNOWN;
	refuses(KB_ENEWER, INSTALL_BLAME_BUNDLE);
}

/* The same blocks, and another name for them: the state has to have it. */
TEST(the_same_content_as_another_release_is_recorded)
{
	OK(install_run(&in));
	assert_installed();
	open_bundle(bundle_of(image, 1, 3));
	OK(install_run(&in));
	assert_installed();
	assert_int_equal(state.slot[TARGET].sequence, 3);
	FAILS(install_run(&in), KB_EAPPLIED);
}

/* Nor is it another release as long as the state does not have it: half of the new name could be
 * found beside half of the old one. */
TEST(another_name_that_cannot_be_written_is_none)
{
	static struct faulty disk;
	unsigned failed = 0, n = 0;

	do {
		enum store_finding found;
		enum kb_err err;

		new_install();
		open_bundle(bundle_of(image, 1, 2));
		OK(install_run(&in));
		open_bundle(bundle_of(image, 1, 3));
		faulty_init(&disk, &state_dev.bdev);
		OK(store_load(&store, &disk.bdev, &state, &found));
		disk.fail_write = (struct faulty_when){ ++n, 1 };
		err = install_run(&in);
		if (err == KB_OK) {
			assert_installed();
			continue;
		}
		failed++;
		assert_int_equal(in.blame, INSTALL_BLAME_STATE);
		load();
		assert_true(state.slot[TARGET].st != STATE_TRIAL ||
			    state.slot[TARGET].sequence == 2);
	} while (disk.writes >= n);
	assert_true(failed >= 2);
}

/* When the medium is exchanged. */
static enum install_phase exchanged_at;

/* The tables and the payload become those of another bundle, which nobody signed. */
static void exchange(void *ctx, enum install_phase now, uint64_t done, uint64_t all)
{
	static uint8_t tables[2 * IMAGE];
	uint64_t from = reader.h.tables_off;
	ssize_t len = (ssize_t)(reader.h.total_len - from);
	int fd;

	progress(ctx, now, done, all);
	if (now != exchanged_at || done != 0)
		return;
	fd = bundle_of(other_image, 1, 2);
	assert_int_equal(lseek(fd, 0, SEEK_END), reader.h.total_len);
	assert_int_equal(pread(fd, tables, sizeof(tables), (off_t)from), len);
	assert_int_equal(pwrite(bundle, tables, (size_t)len, (off_t)from), len);
	close(fd);
}

static void play_exchange(enum install_phase at, bool verify_first)
{
	open_bundle(bundle_of(image, 1, 2));
	new_install();
	in.verify_first = verify_first;
	in.progress = exchange;
	exchanged_at = at;
}

TEST(a_medium_that_is_exchanged_is_noticed)
{
	play_exchange(INSTALL_WRITE, false);
	refuses(KB_EDIGEST, INSTALL_BLAME_BUNDLE);
	play_exchange(INSTALL_CHECK, true);
	refuses(KB_EDIGEST, INSTALL_BLAME_BUNDLE);
}

/* Chunks before the first that differs are what was signed. */
TEST(a_medium_that_is_exchanged_behind_the_check_is_noticed)
{
	play_exchange(INSTALL_WRITE, true);
	FAILS(install_run(&in), KB_EDIGEST);
	assert_int_equal(in.blame, INSTALL_BLAME_BUNDLE);
	assert_true(bytes_all(content(&root_dev, 0, 4096), 4096, 0));
	load();
	EQUAL((state.slot[TARGET].st, STATE_WRITING), (phases & 1u << INSTALL_DONE, false));
}

/* ---------------------------------------------------------------- SHA-256 and the thread */

TEST(a_hash_that_fails_is_not_believed)
{
	unsigned checked = 0, looked = 0, n = 0;

	do {
		enum kb_err err;

		new_install();
		in.verify_first = true;
		fail_final = ++n;
		err = install_run(&in);
		if (fail_final != 0)
			break;
		if (err == KB_OK) {
			assert_installed(); /* it only looked for what need not be written */
			looked++;
		} else if (failed_phase <= INSTALL_CHECK) {
			assert_int_equal(err, KB_EIO);
			assert_untouched();
			checked++;
		} else {
			assert_int_equal(err, KB_EIO);
			load();
			EQUAL((state.slot[TARGET].st, dev.writes > 0 ? STATE_WRITING : STATE_GOOD));
		}
	} while (n < 1000);
	assert_true(checked > 4); /* lists, pages, a block of the payload and the digest over it */
	assert_int_equal(looked, 1); /* the first chunk: it is another */
	assert_true(n > checked + IMAGE / CHUNK && n < 1000);
	fail_final = 0;
	assert_installed();
}

/* Of the engine's contexts each: its own, and that of the read-back. */
TEST(without_memory_for_sha_256_nothing_begins)
{
	for (unsigned i = 0; i < 4; i++) {
		new_install();
		in.part[0].readback = i >= 2 ? &raw.bdev : NULL;
		fail_new = 1 + i % 2;
		FAILS(install_run(&in), KB_EIO);
		EQUAL((fail_new, 0), (in.blame, INSTALL_BLAME_NONE));
		assert_untouched();
	}
}

TEST(without_a_thread_nothing_begins)
{
	static struct install_readback rb;

	fail_thread = true;
	FAILS(install_readback_begin(&rb, true), KB_EIO);
	install_readback_end(&rb);
	in.part[0].readback = &raw.bdev;
	refuses(KB_EIO, INSTALL_BLAME_NONE);
}

static unsigned threads(void)
{
	DIR *d = opendir("/proc/self/task");
	unsigned n = 0;

	assert_non_null(d);
	for (const struct dirent *e = readdir(d); e != NULL; e = readdir(d))
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

/* One that was joined may be listed for a moment more. */
static void assert_threads(unsigned want)
{
	for (unsigned i = 0; i < 200 && threads() != want; i++)
		usleep(10000);
	assert_int_equal(threads(), want);
}

TEST(the_thread_ends_with_the_install)
{
	unsigned want = threads();

	for (unsigned i = 0; i < 2; i++) {
		new_install();
		in.part[0].readback = &raw.bdev;
		raw.fail_flush = (struct faulty_when){ i, 1 };
		assert_int_equal(install_run(&in), i == 0 ? KB_OK : KB_EIO);
		assert_threads(want);
	}
}

/* ---------------------------------------------------------------- reading back, by itself */

static struct install_readback rb;
static const uint8_t zeroes[PART];

static enum kb_err add(struct faulty *d, uint64_t off, bool zero)
{
	static const uint8_t wrong[DIGEST_LEN] = { 1 };

	return install_readback_add(&rb, &d->bdev, off, 4096, wrong, zero);
}

/* Where zeroes were read before, and where they are not: the buffer has them still. */
TEST(what_was_read_before_is_not_taken_for_what_cannot_be_read)
{
	put(&root_dev, 0, zeroes, PART);
	OK(install_readback_begin(&rb, false));
	OK(add(&dev, 0, true));
	OK(install_readback_push(&rb));
	dev.fail_read = (struct faulty_when){ dev.reads + 1, 1 };
	OK(add(&dev, 8192, true));
	FAILS(install_readback_push(&rb), KB_EIO);
	assert_ptr_equal(rb.err_dev, &dev.bdev);
	assert_int_equal(rb.err_off, 8192);
	install_readback_end(&rb);
}

TEST(a_right_hash_of_a_call_that_failed_is_not_believed)
{
	struct digest d;
	uint8_t hash[DIGEST_LEN];

	OK(digest_init(&d));
	OK(digest_buf(&d, before, 4096, hash));
	digest_free(&d);
	for (unsigned i = 0; i < 2; i++) {
		OK(install_readback_begin(&rb, false));
		OK(install_readback_add(&rb, &dev.bdev, 0, 4096, hash, false));
		fail_final = i;
		assert_int_equal(install_readback_push(&rb), i == 0 ? KB_OK : KB_EIO);
		install_readback_end(&rb);
	}
}

/* The first device's blocks are wrong, those at the same place of the other are right. */
TEST(each_device_answers_for_its_own_blocks)
{
	put(&boot_dev, 0, zeroes, BOOT);
	OK(install_readback_begin(&rb, false));
	OK(add(&dev, 4096, true));
	/* Told at once: there is no point in writing on. */
	FAILS(add(&boot, 4096, true), KB_EIO);
	FAILS(install_readback_push(&rb), KB_EIO);
	assert_ptr_equal(rb.err_dev, &dev.bdev);
	install_readback_end(&rb);
}

/* ---------------------------------------------------------------- what is flushed */

static struct {
	uint64_t from, len, out_from, out_len;
} seen;

static enum kb_err note_read(struct bdev *b, uint64_t off, void *buf, size_t len)
{
	memset(buf, 0, len);
	return KB_OK;
}

static enum kb_err note_flush(struct bdev *b, uint64_t off, uint64_t len)
{
	seen.from = off;
	seen.len = len;
	return len == 4096 ? KB_EIO : KB_OK;
}

static void note_out(struct bdev *b, uint64_t off, uint64_t len)
{
	seen.out_from = off;
	seen.out_len = len;
}

static struct bdev noted = {
	.ops = &(const struct bdev_ops){ .read = note_read,
					 .flush_range = note_flush,
					 .write_out = note_out },
	.size = PART,
};

/* Notes are given in any order. */
TEST(what_was_filled_is_on_its_way_and_then_flushed_from_end_to_end)
{
	static const uint64_t at[] = { 20480, 40960, 4096 };
	enum kb_err err;
	uint64_t done;

	OK(install_readback_begin(&rb, true));
	for (size_t i = 0; i < KB_ARRAY_LEN(at); i++)
		OK(install_readback_add(&rb, &noted, at[i], 4096, NULL, true));
	OK(install_readback_push(&rb));
	do
		err = install_readback_wait(&rb, 100, &done);
	while (err == KB_ETIMEDOUT);
	OK(err);
	install_readback_end(&rb);
	EQUAL((seen.out_from, 4096), (seen.out_len, 40960), (seen.from, 4096), (seen.len, 40960),
	      (done, 12288));
}

TEST(a_flush_that_fails_names_its_place)
{
	OK(install_readback_begin(&rb, false));
	OK(install_readback_add(&rb, &noted, 8192, 4096, NULL, true));
	FAILS(install_readback_push(&rb), KB_EIO);
	assert_ptr_equal(rb.err_dev, &noted);
	assert_int_equal(rb.err_off, 8192);
	install_readback_end(&rb);
}

TEST(a_segment_takes_what_it_has_room_for)
{
	uint64_t done;

	put(&root_dev, 0, zeroes, PART);
	OK(install_readback_begin(&rb, false));
	for (unsigned i = 0; i <= INSTALL_READBACK_ITEMS; i++) {
		assert_true(i == 0 || rb.seg[rb.filled].n <= INSTALL_READBACK_ITEMS);
		OK(add(&dev, i % 2 * 8192, true));
	}
	OK(install_readback_wait(&rb, 0, &done));
	assert_int_equal(done, INSTALL_READBACK_ITEMS * 4096);
	install_readback_end(&rb);
}

/* Bytes of the first segment of an image of that size. */
static uint64_t first_segment(uint64_t size)
{
	struct bdev large = noted;
	uint64_t bytes = 0;

	large.size = 1u << 30;
	OK(install_readback_begin(&rb, false));
	install_readback_image(&rb, size);
	for (uint64_t off = 0; rb.filled == 0; off += MANIFEST_CHUNK_MAX) {
		bytes = rb.seg[0].bytes;
		OK(install_readback_add(&rb, &large, off, MANIFEST_CHUNK_MAX, NULL, true));
	}
	install_readback_end(&rb);
	return bytes;
}

/* Else all of a kernel is written before any of it is read back. */
TEST(a_segment_is_an_eighth_of_a_small_image)
{
	assert_int_equal(first_segment(4096), 1u << 20);
	assert_int_equal(first_segment(24u << 20), 3u << 20);
	assert_int_equal(first_segment(UINT64_MAX), 16u << 20);
}

/* Boot was read back when root's turn came: at the end only the last part's tail is left. */
TEST(what_was_read_back_already_is_not_told_as_work_to_do)
{
	open_bundle(bundle_of(image, 2, 2));
	in.nparts = 2;
	OK(install_run(&in));
	assert_installed();
	assert_int_equal(total[INSTALL_READ_BACK], BOOT - sizeof(boot_image));
}

int main(void)
{
	log_set_level(0);
	alarm(600); /* one that is not there would be waited for without end */
	return TEST_RUN("install_errors", .set_up = set_up, .tear_down = tear_down);
}
