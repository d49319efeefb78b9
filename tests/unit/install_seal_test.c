/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is believed of a slot when its storage fails once, anywhere in an install. Nothing here is
 * compressed, so no decoder is needed. Boot is sound; root is what fails.
 */
#include "tests/unit/faulty.h"
#include "tests/unit/install_slot.h"
#include "selector/store_internal.h"

#define IMAGE (704 * KIB)
#define BOOT  (256 * KIB)

/* An image, and the slot that it goes to. */
struct scene {
	uint32_t chunk, size;
	uint64_t part;
	uint64_t zero_from, zero_to; /* of the image */
	bool no_superblock;	     /* where one would be in the image, there is nothing */
	bool tail_is_clean;
	bool head_is_clean;
};

static const struct scene scenes[] = {
	/* Two runs of zeroes that are zeroed as one piece each, the first put off until the next.
	 */
	{ .chunk = 64 * KIB, .size = IMAGE, .part = PART, .zero_from = 256 * KIB },
	{ .chunk = 16 * KIB, .size = 256 * KIB, .part = PART, .no_superblock = true },
	/* One chunk that begins under the seal, and nothing else to be written behind it. */
	{ .chunk = 512 * KIB,
	  .size = 512 * KIB,
	  .part = PART,
	  .zero_from = 128 * KIB,
	  .zero_to = 512 * KIB,
	  .tail_is_clean = true },
	/* Behind the image there is less than is worth zeroing. */
	{ .chunk = 16 * KIB, .size = 256 * KIB, .part = (256 + 32) * KIB },
	/* One chunk, and nothing behind it: only the check of the heads flushes what it has. */
	{ .chunk = 512 * KIB, .size = 512 * KIB, .part = 512 * KIB },
};

#define SCENES (sizeof(scenes) / sizeof(scenes[0]))
#define ACROSS (&scenes[2])

static struct faulty root, state_faulty;
static uint8_t image[IMAGE], boot_image[16 * KIB];

/* ---------------------------------------------------------------- setting up */

static void fill_images(const struct scene *s)
{
	fixture_fill(image, sizeof(image), 1);
	fixture_fill(boot_image, sizeof(boot_image), 5);
	fixture_fill(before, sizeof(before), 9);
	if (s->zero_to > 0) {
		memset(image + s->zero_from, 0, s->zero_to - s->zero_from);
	} else if (s->zero_from > 0) {
		memset(image + s->zero_from, 0, 128 * KIB);
		memset(image + s->zero_from + 256 * KIB, 0, 128 * KIB);
	}
	if (s->no_superblock) {
		memset(image, 0, 512);
		memset(image + 1024, 0, 512);
	}
	if (s->tail_is_clean)
		memset(before + s->size, 0, sizeof(before) - s->size);
	if (s->head_is_clean)
		memset(before, 0, INSTALL_SEAL_LEN);
}

/* twist: see the fixture; only for root. */
static void open_bundle(const struct scene *s, void (*twist)(struct fixture_chunk *))
{
	const struct fixture_image im[2] = {
		{ "boot", boot_image, sizeof(boot_image), 16 * KIB, true },
		{ "root", image, s->size, s->chunk, true },
	};
	const struct fixture_bundle b = {
		.image = im, .nimages = 2, .version = "2.0", .sequence = 2, .twist = twist
	};

	fixture_open(&reader, &bundle, fixture_make(&b));
}

static void new_install(void)
{
	set_up_install(2, "/nowhere");
	set_up_part(0, "boot", &boot_dev.bdev);
	set_up_part(1, "root", &root.bdev);
}

/* As it was before the install, with devices that do not fail yet. The bundle stays. */
static void begin(const struct scene *s)
{
	free_devices();
	fixture_dev_init(&state_dev, &events, 0, STORE_MIN_SIZE);
	fixture_dev_init(&root_dev, &events, 1, s->part);
	fixture_dev_init(&boot_dev, &events, 2, BOOT);
	forget_events();
	faulty_init(&state_faulty, &state_dev.bdev);
	set_up_state(&state_faulty.bdev);
	put(&root_dev, 0, before, s->part);
	put(&boot_dev, 0, before, BOOT);
	faulty_init(&state_faulty, &state_dev.bdev);
	faulty_init(&root, &root_dev.bdev);
	new_install();
	forget_events();
}

static void play(const struct scene *s)
{
	fill_images(s);
	open_bundle(s, NULL);
	begin(s);
}

/* How many operations the whole install is. */
static unsigned play_whole(const struct scene *s)
{
	play(s);
	OK(install_run(&in));
	return events.n;
}

static void set_up(void)
{
	play(&scenes[0]);
}

/* The power goes, and what was not flushed with it; then the state is what the medium has. */
static void cut_power(void)
{
	bdev_sim_cut(&state_dev.sim, 0);
	bdev_sim_cut(&root_dev.sim, 0);
	bdev_sim_cut(&boot_dev.sim, 0);
	forget_events();
	load();
}

static void assert_installed(const struct scene *s)
{
	struct store_manifest m;
	const uint8_t *now;

	cut_power();
	now = content(&root_dev, 0, s->part);
	assert_memory_equal(now, image, s->size);
	for (uint64_t i = s->part > INSTALL_TAIL ? s->part - INSTALL_TAIL : s->size; i < s->part;
	     i += BDEV_ALIGN)
		assert_true(bytes_all(now + i, BDEV_ALIGN, 0));
	assert_int_equal(state.slot[TARGET].st, STATE_TRIAL);
	assert_memory_equal(state.slot[TARGET].release, reader.release.id, STATE_ID_LEN);
	OK(store_manifest_read(&store, TARGET, &m, NULL, 0));
	assert_memory_equal(m.release, reader.release.id, STATE_ID_LEN);
}

static void assert_writing(void)
{
	struct store_manifest m;

	EQUAL((state.slot[TARGET].st, STATE_WRITING), (state.pref, 0));
	FAILS(store_manifest_read(&store, TARGET, &m, NULL, 0), KB_EBLANK);
}

/* The slot is to blame, and either is as it was, or nothing says that it can be booted. */
static void assert_given_up(const struct scene *s)
{
	bool touched = fixture_writes(&events, 1) > 0;
	const uint8_t *now;

	assert_int_equal(in.blame, INSTALL_BLAME_TARGET);
	cut_power();
	if (state.slot[TARGET].st == STATE_GOOD) {
		assert_false(touched);
		assert_memory_equal(content(&root_dev, 0, s->part), before, s->part);
		return;
	}
	assert_writing();
	now = content(&root_dev, 0, BDEV_ALIGN);
	EQUAL((bytes_all(now, 512, 0), true), (bytes_all(now + 1024, 512, 0), true));
}

/* ---------------------------------------------------------------- one failure */

/* Every operation of a kind is one that counts: none of them may fail unnoticed. */
static void any_of_them_ends_it(struct faulty_when *when, const unsigned *count)
{
	for (unsigned i = 0; i < SCENES; i++) {
		const struct scene *s = &scenes[i];
		unsigned n = 0;

		play_whole(s);
		for (unsigned total = *count; n < total;) {
			begin(s);
			*when = (struct faulty_when){ ++n, 1 };
			FAILS(install_run(&in), KB_EIO);
			assert_given_up(s);
		}
		assert_true(n > 0);
	}
}

TEST(a_write_that_fails_ends_it)
{
	any_of_them_ends_it(&root.fail_write, &root.writes);
}

TEST(a_write_that_is_lost_ends_it)
{
	any_of_them_ends_it(&root.lose_write, &root.writes);
}

/* After one that failed, the next says KB_OK of what was lost. */
TEST(a_flush_that_fails_ends_it)
{
	any_of_them_ends_it(&root.fail_flush, &root.flushes);
}

/* What is read then may be only what the cache has. */
TEST(a_cache_that_cannot_be_dropped_ends_it)
{
	any_of_them_ends_it(&root.fail_drop, &root.drops);
}

/* One read of an install goes wrong, each in turn: what is said to be installed is. */
static void any_of_the_reads_proves_nothing(struct faulty_when *when, size_t skip)
{
	for (unsigned i = 0; i < SCENES; i++) {
		const struct scene *s = &scenes[i];
		unsigned n = 0;

		play(s);
		do {
			begin(s);
			*when = (struct faulty_when){ ++n, 1 };
			root.blank_skip = skip;
			if (install_run(&in) == KB_OK)
				assert_installed(s);
			else
				assert_given_up(s);
		} while (root.reads >= n);
		assert_true(n > 10);
	}
}

/* A block that cannot be read may be written anew; what was written and cannot be read is not
 * there. */
TEST(a_read_that_fails_proves_nothing)
{
	any_of_the_reads_proves_nothing(&root.fail_read, 0);
}

/* As lazy cards do. What is to be zero is not zero because one read says so; nor is it sealed. */
TEST(a_read_that_comes_back_blank_proves_nothing)
{
	any_of_the_reads_proves_nothing(&root.blank_read, 0);
	any_of_the_reads_proves_nothing(&root.blank_read, BDEV_ALIGN);
}

/* Cut anywhere, where both copies of the state are lost as well, no old superblock stands before
 * anything new. */
TEST(a_slot_that_seems_to_be_sealed_is)
{
	const struct scene *s = &scenes[3];
	unsigned total = play_whole(s);

	for (unsigned n = 1; n <= 24; n++) {
		for (unsigned cut = 1; cut <= total; cut++) {
			begin(s);
			root.blank_read = (struct faulty_when){ n, 1 };
			events.cut_at = cut;
			if (install_run(&in) == KB_OK)
				break;
			bdev_sim_cut(&root_dev.sim, 1);
			content(&root_dev, 0, BDEV_ALIGN);
			if (memcmp(page + 1024, before + 1024, 512) != 0 &&
			    memcmp(page, before, 512) != 0)
				continue;
			content(&root_dev, 0, s->part);
			assert_memory_equal(page + BDEV_ALIGN, before + BDEV_ALIGN,
					    s->part - BDEV_ALIGN);
		}
	}
}

/* The read that would have found it out fails: a buffer may still have what was expected, from boot
 * or from the install before. */
TEST(a_write_that_is_lost_and_cannot_be_read_ends_it)
{
	unsigned writes, reads;

	play_whole(ACROSS);
	writes = root.writes;
	reads = root.reads;
	for (unsigned w = 1; w <= writes; w++) {
		for (unsigned n = 1; n <= reads; n++) {
			begin(ACROSS);
			OK(install_run(&in));
			begin(ACROSS);
			root.lose_write = (struct faulty_when){ w, 1 };
			root.fail_read = (struct faulty_when){ n, 1 };
			if (install_run(&in) == KB_OK) {
				/* That write was none of the seal, and either was not made, or was
				 * one of zeroes over zeroes, since the tail could not be read. */
				assert_true(w > 4);
				assert_installed(ACROSS);
				continue;
			}
			assert_int_equal(in.blame, INSTALL_BLAME_TARGET);
			cut_power();
			assert_writing();
		}
	}
}

/* The first flush is for looking at the slot; the second makes sure of its seal, although that
 * needs no write. */
TEST(a_seal_that_is_there_is_flushed_before_anything_is_written)
{
	struct scene s = scenes[0];

	s.head_is_clean = true;
	play(&s);
	root.fail_flush = (struct faulty_when){ 2, 1 };
	FAILS(install_run(&in), KB_EIO);
	EQUAL((in.why, "slot b: root cannot be flushed: the storage is failing"), (root.writes, 0));
	assert_given_up(&s);
}

/* ---------------------------------------------------------------- the first block */

/* Of the first block's superblock at `at`, when it stands there: only the other one may differ. */
static void assert_all_around(const uint8_t *now, const uint8_t *wanted)
{
	if (memcmp(now + 1024, wanted + 1024, 512) == 0)
		assert_memory_equal(now + 512, wanted + 512, BDEV_ALIGN - 512);
	if (memcmp(now, wanted, 512) == 0)
		assert_memory_equal(now, wanted, BDEV_ALIGN);
}

/* A cut may tear the block into sectors. The seal takes the superblock at 0 and then the one at
 * 1024 before all else; in the end all else is there before the one at 1024, and then that at 0. */
TEST(no_superblock_stands_before_the_rest_of_its_block)
{
	const struct scene *s = &scenes[3];
	unsigned total = play_whole(s);

	for (unsigned cut = 1; cut <= total; cut++) {
		for (unsigned seed = 5; seed < 21; seed++) {
			begin(s);
			events.cut_at = cut;
			assert_true(install_run(&in) != KB_OK || cut == total);
			bdev_sim_cut(&root_dev.sim, seed * 4 + 1); /* none torn inside */
			content(&root_dev, 0, BDEV_ALIGN);
			assert_all_around(page, image);
			assert_all_around(page, before);
		}
	}
}

/* The same when a write of it fails: what was missed does not come with the other superblock. */
TEST(no_superblock_follows_one_that_failed)
{
	const struct scene *s = &scenes[3];
	unsigned total = play_whole(s), writes = root.writes;

	for (unsigned w = writes - 2; w <= writes; w++) {
		for (unsigned cut = 1; cut <= total; cut++) {
			for (unsigned seed = 5; seed < 21; seed++) {
				begin(s);
				root.fail_write = (struct faulty_when){ w, 1 };
				events.cut_at = cut;
				FAILS(install_run(&in), KB_EIO);
				if (root.writes < w)
					break; /* as without the failure */
				bdev_sim_cut(&root_dev.sim, seed * 4 + 1);
				content(&root_dev, 0, BDEV_ALIGN);
				assert_all_around(page, image);
			}
		}
	}
}

/* ---------------------------------------------------------------- the state */

/* Of both copies, where the state is, but not the manifests. */
static void no_state_can_be_written(void)
{
	for (unsigned i = 0; i < 2; i++) {
		state_dev.sim.dead[i].from = STORE_REGION(i);
		state_dev.sim.dead[i].to = STORE_MANIFEST(i, 0);
		state_dev.sim.dead[i].writes = true;
	}
}

TEST(a_slot_that_cannot_be_said_to_be_written_is_left_alone)
{
	no_state_can_be_written();
	FAILS(install_run(&in), KB_EIO);
	EQUAL((in.blame, INSTALL_BLAME_STATE), (root.writes, 0), (fixture_writes(&events, 2), 0));
	assert_int_equal(state.slot[TARGET].st, STATE_GOOD);
}

/* The same when the image is right, and only an old superblock behind it has to go. */
TEST(a_tail_is_not_called_clean_when_the_seal_fails)
{
	OK(install_run(&in));
	put(&root_dev, PART - 64 * KIB, before, BDEV_ALIGN);
	faulty_init(&root, &root_dev.bdev);
	no_state_can_be_written();
	FAILS(install_run(&in), KB_EIO);
	EQUAL((in.blame, INSTALL_BLAME_STATE), (root.writes, 0));
}

#define AS_IT_IS "the state partition cannot be written, so the slot stays as it is"

/* As the medium has it. */
static void assert_untouched(void)
{
	EQUAL((in.blame, INSTALL_BLAME_STATE), (root.writes, 0), (fixture_writes(&events, 2), 0));
	assert_int_equal(state.slot[TARGET].st, STATE_GOOD);
	cut_power();
	assert_int_equal(state.slot[TARGET].st, STATE_GOOD);
	assert_string_equal(state.slot[TARGET].version, "1.0");
}

/* The state can be written, but not the cell of the manifest. */
TEST(a_slot_whose_manifest_cannot_be_cleared_is_good_on_the_medium_too)
{
	for (unsigned i = 0; i < 2; i++) {
		state_dev.sim.dead[i].from = STORE_MANIFEST(i, TARGET);
		state_dev.sim.dead[i].to = STORE_MANIFEST(i, TARGET + 1);
		state_dev.sim.dead[i].writes = true;
	}
	FAILS(install_run(&in), KB_EIO);
	assert_string_equal(in.why, AS_IT_IS);
	assert_untouched();
}

/* `writing` came to one region: both writes of the second save fail. */
TEST(a_slot_that_is_said_to_be_written_once_is_good_on_the_medium_again)
{
	state_faulty.fail_write = (struct faulty_when){ 2, 2 };
	FAILS(install_run(&in), KB_EIO);
	assert_string_equal(in.why, AS_IT_IS);
	assert_untouched();
}

TEST(a_state_that_cannot_be_written_back_is_named)
{
	state_faulty.fail_write = (struct faulty_when){ 2, UINT32_MAX };
	FAILS(install_run(&in), KB_EIO);
	EQUAL((in.blame, INSTALL_BLAME_STATE), (root.writes, 0));
	assert_string_equal(in.why, AS_IT_IS
			    "; but the state may have it as half written: then install again");
	cut_power();
	assert_int_equal(state.slot[TARGET].st, STATE_WRITING);
}

/* Two failures in a row cost a manifest both its copies: then it is not on trial without one. */
TEST(a_slot_is_on_trial_only_with_its_manifest)
{
	unsigned n = 0, failed = 0;

	do {
		begin(&scenes[0]);
		state_faulty.fail_write = (struct faulty_when){ ++n, 2 };
		if (install_run(&in) == KB_OK) {
			assert_installed(&scenes[0]);
			continue;
		}
		failed++;
		assert_int_equal(in.blame, INSTALL_BLAME_STATE);
		assert_true(state.slot[TARGET].st != STATE_TRIAL);
		cut_power();
		if (state.slot[TARGET].st == STATE_TRIAL)
			assert_installed(&scenes[0]);
	} while (state_faulty.writes >= n);
	assert_true(failed > 2);
}

/* ---------------------------------------------------------------- what is under the seal */

static void twist_stored_zeroes(struct fixture_chunk *c)
{
	if (c->image != 1 || c->index != 6)
		return;
	assert_int_equal(c->form, READER_ZERO);
	c->form = READER_RAW;
	c->nstored = c->len;
	memset(c->stored, 0, c->len);
}

/* The seal holds what such a chunk does, but it is none of the image. */
TEST(zeroes_that_are_stored_are_not_found_in_the_seal)
{
	const struct scene s = { .chunk = 16 * KIB,
				 .size = 256 * KIB,
				 .part = PART,
				 .zero_from = 96 * KIB,
				 .zero_to = 112 * KIB };

	fill_images(&s);
	open_bundle(&s, twist_stored_zeroes);
	begin(&s);
	OK(install_run(&in));
	assert_installed(&s);
}

TEST_MAIN("install_seal", .set_up = set_up, .tear_down = free_devices, .quiet = true)
