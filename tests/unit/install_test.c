/* SPDX-License-Identifier: Apache-2.0 */
/* The engine on simulated devices, and on files. This test is its own decoder. */
#include "lib/os_processor.h"
#include "lib/pe_machine.h"
#include "tests/unit/faulty.h"
#include "tests/unit/install_slot.h"
#include "tests/unit/folder.h"
#include "tests/unit/program.h"
#include "update/decoder/decoder_main.h"

#define CHUNK (16 * KIB)
#define IMAGE (640 * KIB)

/* Of UEFI's programs for a processor that this is not. */
#define PE_OTHER (pe_machine_fits(PE_AARCH64, os_processor()) ? PE_X86_64 : PE_AARCH64)

static uint8_t image[IMAGE], image2[IMAGE], boot_image[64 * KIB];

/* ---------------------------------------------------------------- setting up */

static void open_bundle(int next)
{
	fixture_open(&reader, &bundle, next);
}

static void make(const uint8_t *data, bool raw, void (*twist)(struct fixture_chunk *))
{
	const struct fixture_image im = { "root", data, IMAGE, CHUNK, raw };
	const struct fixture_bundle b = { .image = &im,
					  .nimages = 1,
					  .version = data == image ? "2.0" : "3.0",
					  .sequence = data == image ? 2 : 3,
					  .twist = twist };

	open_bundle(fixture_make(&b));
}

static void new_devices(void)
{
	fixture_dev_init(&state_dev, &events, 0, STORE_MIN_SIZE);
	fixture_dev_init(&root_dev, &events, 1, PART);
	fixture_dev_init(&boot_dev, &events, 2, 256 * KIB);
	forget_events();
	set_up_state(&state_dev.bdev);
	put(&root_dev, 0, before, sizeof(before));
	forget_events();
}

static void new_install(void)
{
	set_up_install(1, TEST_SELF);
	set_up_part(0, "root", &root_dev.bdev);
	in.part[0].path = "/dev/vda4";
}

/* As before the install. The bundle stays. */
static void begin(void)
{
	free_devices();
	new_devices();
	new_install();
}

static void set_up(void)
{
	fixture_fill(image, IMAGE, 1);
	memset(image + 256 * KIB, 0, 128 * KIB);
	memset(image + 500 * KIB, 0, 5 * KIB);
	memcpy(image2, image, IMAGE);
	fixture_fill(before, sizeof(before), 9);
	fixture_fill(boot_image, sizeof(boot_image), 5);
	begin();
	make(image, false, NULL);
	forget_events();
}

/* Slot b as it should be in the end, on the medium, and in the state that the medium has. */
static void assert_installed(const uint8_t *data)
{
	struct store_manifest m;

	assert_memory_equal(content(&root_dev, 0, IMAGE), data, IMAGE);
	assert_true(
		bytes_all(content(&root_dev, PART - INSTALL_TAIL, INSTALL_TAIL), INSTALL_TAIL, 0));
	load();
	assert_int_equal(state.slot[TARGET].st, STATE_TRIAL);
	assert_int_equal(state.slot[TARGET].sequence, reader.release.sequence);
	assert_memory_equal(state.slot[TARGET].release, reader.release.id, STATE_ID_LEN);
	assert_int_equal(state.pref, TARGET);
	OK(store_manifest_read(&store, TARGET, &m, page, sizeof(page)));
	assert_memory_equal(m.release, reader.release.id, STATE_ID_LEN);
	assert_int_equal(m.len, READER_HEADER_LEN + reader.h.sig_cap + reader.h.manifest_len);
	assert_memory_equal(page, reader.header, READER_HEADER_LEN);
	assert_memory_equal(page + READER_HEADER_LEN + reader.h.sig_cap, reader.text,
			    reader.h.manifest_len);
}

static void installs(const uint8_t *data)
{
	OK(install_run(&in));
	assert_installed(data);
}

/* It was begun, and nothing says that it is whole. */
static void assert_sealed(void)
{
	struct store_manifest m;

	assert_true(bytes_all(content(&root_dev, 0, INSTALL_SEAL_LEN), INSTALL_SEAL_LEN, 0));
	load();
	EQUAL((state.slot[TARGET].st, STATE_WRITING), (state.pref, 0));
	FAILS(store_manifest_read(&store, TARGET, &m, NULL, 0), KB_EBLANK);
}

static void assert_untouched(void)
{
	EQUAL((fixture_writes(&events, 0), 0), (fixture_writes(&events, 1), 0));
	assert_int_equal(in.bytes_written, 0);
}

/* Before anything is written. */
static void refuses(enum kb_err err, enum install_blame blame)
{
	FAILS(install_run(&in), err);
	assert_int_equal(in.blame, blame);
	assert_untouched();
}

/* ---------------------------------------------------------------- installs */

TEST(puts_a_release_on_trial)
{
	installs(image);
	assert_int_equal(state.slot[0].st, STATE_GOOD);
}

TEST(takes_chunks_that_are_not_compressed)
{
	make(image, true, NULL);
	in.helper = "/nowhere"; /* no decoder is needed */
	installs(image);
}

TEST(the_same_again_writes_nothing)
{
	OK(install_run(&in));
	forget_events();
	in.helper = "/nowhere";
	FAILS(install_run(&in), KB_EAPPLIED);
	assert_untouched();
	assert_int_equal(in.bytes_skipped, IMAGE);
	assert_installed(image);
}

/* Its bytes were not what made it crash, or they were: it goes on trial either way. */
TEST(the_same_again_in_a_slot_that_lost_its_trust_is_a_new_trial)
{
	struct state_slot *t = &state.slot[in.target];

	OK(install_run(&in));
	t->st = STATE_GOOD;
	t->tries = 0;
	t->streak = STATE_STREAK_LIMIT - 1;
	FAILS(install_run(&in), KB_EAPPLIED);
	state_add_crash(t);
	installs(image);
	assert_int_equal(in.bytes_written, 0);
}

TEST(a_slot_that_is_right_only_needs_its_record)
{
	OK(install_run(&in));
	state.slot[TARGET] = (struct state_slot){ .st = STATE_BAD };
	OK(store_save(&store, &state));
	forget_events();
	OK(install_run(&in));
	assert_int_equal(fixture_writes(&events, 1), 0);
	assert_installed(image);
}

TEST(only_blocks_that_differ_are_written)
{
	OK(install_run(&in));
	image2[200 * KIB + 5] ^= 1;
	image2[400 * KIB] ^= 1;
	image2[405 * KIB] ^= 1;
	fixture_fill(image2 + 300 * KIB, 20 * KIB, 3);
	memset(image2 + 452 * KIB, 0, 8 * KIB);
	make(image2, false, NULL);
	forget_events();
	installs(image2);
	/* 1 + 1 + 1 + 5 + 2 blocks, the head, and the seal. */
	assert_int_equal(in.bytes_written, 10 * 4096 + 2 * INSTALL_SEAL_LEN);
	assert_int_equal(in.bytes_skipped, IMAGE - 10 * 4096);
}

TEST(only_a_difference_in_the_head)
{
	OK(install_run(&in));
	image2[100 * KIB] ^= 1;
	make(image2, false, NULL);
	installs(image2);
	assert_int_equal(in.bytes_written, 2 * INSTALL_SEAL_LEN);
}

TEST(old_superblocks_behind_the_image_go)
{
	OK(install_run(&in));
	put(&root_dev, PART - 64 * KIB, before, 4096);
	state.slot[TARGET] = (struct state_slot){ .st = STATE_EMPTY };
	forget_events();
	installs(image);
	for (unsigned i = 0; i < events.n; i++)
		if (events.e[i].op == FIXTURE_DISCARD)
			assert_true(events.e[i].off >= IMAGE &&
				    events.e[i].off + events.e[i].len <= PART - INSTALL_TAIL);
}

TEST(a_partition_that_is_just_large_enough)
{
	cut_disk_free(&root_dev.sim);
	fixture_dev_init(&root_dev, &events, 1, IMAGE);
	make(image, false, NULL);
	OK(install_run(&in));
	assert_memory_equal(content(&root_dev, 0, IMAGE), image, IMAGE);
}

TEST(an_image_smaller_than_the_seal)
{
	open_bundle(fixture_root(boot_image, 20 * KIB, CHUNK, false));
	OK(install_run(&in));
	assert_memory_equal(content(&root_dev, 0, 20 * KIB), boot_image, 20 * KIB);
	load();
	assert_int_equal(state.slot[TARGET].st, STATE_TRIAL);
}

TEST(large_chunks_that_cross_the_seal)
{
	open_bundle(fixture_root(image, IMAGE, 512 * KIB, false));
	installs(image);
}

/* Its first writes to a partition seal it: those to its first block. */
/* The last chunk refers to the first, which the slot holds, but for the seal that came between. */
TEST(frames_refer_to_what_is_under_the_seal)
{
	const struct fixture_image im = { "root", image2, IMAGE, CHUNK, false };
	const struct fixture_bundle b = {
		.image = &im, .nimages = 1, .version = "3.0", .sequence = 3, .per_frame = 1
	};

	memcpy(image2 + IMAGE - CHUNK, image2 + CHUNK / 2, CHUNK);
	put(&root_dev, 0, image2, IMAGE);
	put(&root_dev, 256 * KIB, before, CHUNK);
	put(&root_dev, IMAGE - CHUNK, before, CHUNK);
	open_bundle(fixture_make(&b));
	forget_events();
	installs(image2);
	assert_int_equal(in.bytes_written, 2 * CHUNK + 2 * INSTALL_SEAL_LEN + INSTALL_TAIL);
}

static void assert_was_sealed(unsigned dev)
{
	for (unsigned i = 0; i < events.n; i++)
		if (events.e[i].dev == dev && events.e[i].op == FIXTURE_WRITE) {
			assert_int_equal(events.e[i].off, 0);
			if (events.e[i].zero)
				return;
		}
	fail_msg("device %u was not sealed", dev);
}

static void open_two_partitions(bool root_first)
{
	const struct fixture_image boot = { "boot", boot_image, sizeof(boot_image), CHUNK, false };
	const struct fixture_image root = { "root", image, IMAGE, CHUNK, false };
	const struct fixture_image im[2] = { root_first ? root : boot, root_first ? boot : root };
	const struct fixture_bundle b = {
		.image = im, .nimages = 2, .version = "2.0", .sequence = 2
	};

	in.nparts = 2;
	set_up_part(1, "boot", &boot_dev.bdev);
	/* boot is right already, and is behind the seal all the same while root is not. */
	put(&boot_dev, 0, boot_image, sizeof(boot_image));
	open_bundle(fixture_make(&b));
	forget_events();
}

TEST(slots_of_two_partitions)
{
	open_two_partitions(false);
	installs(image);
	assert_memory_equal(content(&boot_dev, 0, sizeof(boot_image)), boot_image,
			    sizeof(boot_image));
	assert_was_sealed(1);
	assert_was_sealed(2);
}

/* So that a root that mounts has whole partitions beside it, whatever a cut takes: in whichever
 * order the bundle and the slot name them. */
TEST(root_is_sealed_first_and_opened_last)
{
	for (unsigned order = 0; order < 2; order++) {
		unsigned first = 0, last = 0; /* which device is written */

		begin();
		open_two_partitions(order == 1);
		OK(install_run(&in));
		for (unsigned i = 0; i < events.n; i++)
			if (events.e[i].dev != 0 && events.e[i].op == FIXTURE_WRITE) {
				first = first == 0 ? events.e[i].dev : first;
				last = events.e[i].dev;
			}
		EQUAL((first, 1), (last, 1));
		assert_was_sealed(2);
	}
}

/* ---------------------------------------------------------------- refused before any write */

TEST(refuses_an_image_that_does_not_fit)
{
	root_dev.bdev.size = IMAGE - 4096;
	refuses(KB_ECOMPAT, INSTALL_BLAME_BUNDLE);
}

/* No kernel opens a tree whose blocks are smaller than a logical sector of the disk. */
TEST(refuses_verity_blocks_below_the_sector)
{
	static const struct {
		uint32_t data, hash, sector;
		enum kb_err result;
	} c[] = {
		{ 512, 4096, 4096, KB_ECOMPAT },
		{ 4096, 2048, 4096, KB_ECOMPAT },
		{ 4096, 4096, 4096, KB_OK },
		{ 512, 512, 512, KB_OK },
	};

	for (unsigned i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		make(image, false, NULL);
		reader.m.image[0].verity.present = true;
		reader.m.image[0].verity.data_block = c[i].data;
		reader.m.image[0].verity.hash_block = c[i].hash;
		root_dev.bdev.sector = c[i].sector;
		assert_int_equal(install_run(&in), c[i].result);
		if (c[i].result == KB_OK) {
			begin();
			continue;
		}
		assert_int_equal(in.blame, INSTALL_BLAME_BUNDLE);
		assert_non_null(strstr(in.why, "/dev/vda4 has sectors of 4096"));
		assert_untouched();
	}
}

TEST(refuses_other_classes)
{
	snprintf(in.part[0].cls, sizeof(in.part[0].cls), "boot");
	FAILS(install_run(&in), KB_ECOMPAT);
	snprintf(in.part[0].cls, sizeof(in.part[0].cls), "root");
	in.nparts = 2;
	set_up_part(1, "boot", &boot_dev.bdev);
	refuses(KB_ECOMPAT, INSTALL_BLAME_BUNDLE);
}

/* A unified kernel image. Without verify_first, too: no loader could start it. */
TEST(refuses_a_kernel_for_another_processor)
{
	if (os_processor() == 0)
		skip(); /* UEFI is not on this one */
	for (unsigned first = 0; first < 2; first++) {
		program_make(boot_image, sizeof(boot_image), 0, 0);
		bytes_put16(boot_image + PROGRAM_AT + 4, PE_OTHER);
		open_two_partitions(false);
		in.verify_first = first == 1;
		refuses(KB_ECOMPAT, INSTALL_BLAME_BUNDLE);
		assert_int_equal(fixture_writes(&events, 2), 0);
		assert_non_null(strstr(in.why, "image boot: its kernel is for "));
	}
}

TEST(takes_a_kernel_for_this_processor)
{
	program_make(boot_image, sizeof(boot_image), 0, 0);
	bytes_put16(boot_image + PROGRAM_AT + 4, os_processor());
	open_two_partitions(false);
	installs(image);
}

/* It would be started all the same, and the firmware is the end of that. */
TEST(refuses_what_is_no_program_where_the_loader_would_stop_at_it)
{
	if (os_processor() == 0)
		skip(); /* UEFI is not on this one */
	for (unsigned i = 0; i < 2; i++) {
		memset(boot_image, i == 0 ? 'x' : 0, sizeof(boot_image));
		open_two_partitions(false);
		in.part[1].is_listed = true;
		refuses(KB_ECOMPAT, INSTALL_BLAME_BUNDLE);
		assert_int_equal(fixture_writes(&events, 2), 0);
		assert_non_null(strstr(in.why, "image boot: it is no program of UEFI"));
	}
	program_make(boot_image, sizeof(boot_image), 0, 0);
	bytes_put16(boot_image + PROGRAM_AT + 4, os_processor());
	open_two_partitions(false);
	in.part[1].is_listed = true;
	installs(image);
}

static void flip_payload(void)
{
	fixture_flip(bundle, reader.h.payload_off + reader.h.payload_len - 100);
}

TEST(a_flipped_byte_is_found_before_the_first_write)
{
	enum kb_err err;

	flip_payload();
	in.verify_first = true;
	err = install_run(&in);
	EQUAL((err == KB_EDIGEST || err == KB_EFORMAT, true), (in.blame, INSTALL_BLAME_BUNDLE));
	assert_untouched();
}

/* Before that, the slot is compared: of what it holds, nothing is read. */
TEST(a_flipped_byte_is_found_before_a_first_write_that_comes_late)
{
	OK(install_run(&in));
	image2[IMAGE - 4096] ^= 1;
	make(image2, false, NULL);
	fixture_flip(bundle, reader.h.payload_off + 10); /* of the first chunk, which is the same */
	forget_events();
	in.verify_first = true;
	refuses(KB_EDIGEST, INSTALL_BLAME_BUNDLE);
	in.verify_first = false;
	installs(image2);
}

TEST(nothing_of_a_payload_is_read_for_a_slot_that_holds_it)
{
	OK(install_run(&in));
	flip_payload();
	forget_events();
	in.verify_first = true;
	FAILS(install_run(&in), KB_EAPPLIED);
	assert_untouched();
	state.slot[TARGET] = (struct state_slot){ .st = STATE_BAD };
	OK(store_save(&store, &state));
	installs(image);
}

/* Else it would be said of the chunk. */
TEST(nothing_is_decoded_before_it_is_verified)
{
	fixture_flip(bundle, reader.h.payload_off + 10);
	in.verify_first = true;
	refuses(KB_EDIGEST, INSTALL_BLAME_BUNDLE);
	assert_non_null(strstr(in.why, "its payload is not what was signed"));
}

/* They are the first that differs. */
TEST(nor_are_zeroes_written)
{
	memset(image, 0, 8 * CHUNK);
	make(image, false, NULL);
	fixture_flip(bundle, reader.h.payload_off + 10);
	forget_events();
	in.verify_first = true;
	refuses(KB_EDIGEST, INSTALL_BLAME_BUNDLE);
}

/* It was there when the bundle was opened. It is the medium that is told of, not the bundle. */
TEST(a_payload_that_cannot_be_read_is_not_called_damaged)
{
	static const bool raw[] = { false, true };

	for (unsigned i = 0; i < 2; i++) {
		make(image, raw[i], NULL);
		assert_int_equal(ftruncate(bundle, lseek(bundle, 0, SEEK_END) - 1), 0);
		in.verify_first = true;
		refuses(KB_EIO, INSTALL_BLAME_BUNDLE);
		assert_non_null(strstr(in.why, "the medium is bad or gone"));
	}
}

TEST(a_flipped_byte_leaves_the_slot_sealed_and_is_repaired)
{
	enum kb_err err;

	flip_payload();
	err = install_run(&in);
	assert_true(err == KB_EDIGEST || err == KB_EFORMAT);
	assert_sealed();
	flip_payload();
	forget_events();
	installs(image);
	/* The tail of the image, the head, the rest: what was right stays. */
	assert_true(in.bytes_skipped > IMAGE / 2);
}

TEST(a_flipped_byte_of_a_table_is_found_before_the_first_write)
{
	fixture_flip(bundle, reader.h.payload_off - 3);
	refuses(KB_EDIGEST, INSTALL_BLAME_BUNDLE);
}

static void twist_hash(struct fixture_chunk *c)
{
	if (c->index == 20)
		c->hash[0] ^= 1;
}

static void twist_zero_hash(struct fixture_chunk *c)
{
	if (c->form == READER_ZERO)
		c->hash[0] ^= 1;
}

static void twist_trailing(struct fixture_chunk *c)
{
	if (c->index == 20)
		c->stored[c->nstored++] = 0;
}

static void twist_form(struct fixture_chunk *c)
{
	if (c->index == 20)
		c->form = READER_PATCH;
}

/* What its maker signed, and nobody can install: the payload is what it should be, so that only
 * what a table says is found before the first write. */
TEST(signed_nonsense_never_boots)
{
	static const struct {
		void (*twist)(struct fixture_chunk *);
		enum kb_err err;
	} cases[] = { { twist_hash, KB_EDIGEST },
		      { twist_zero_hash, KB_EDIGEST },
		      { twist_trailing, KB_EFORMAT } };

	for (unsigned i = 0; i < KB_ARRAY_LEN(cases); i++) {
		make(image, false, cases[i].twist);
		in.verify_first = true;
		FAILS(install_run(&in), cases[i].err);
		EQUAL((in.blame, INSTALL_BLAME_BUNDLE), (in.why[0] != '\0', true));
		assert_sealed();
	}
}

TEST(a_payload_that_is_not_its_digest_is_refused)
{
	const struct fixture_image im = { "root", image, IMAGE, CHUNK, false };
	const struct fixture_bundle b = {
		.image = &im, .nimages = 1, .version = "2.0", .sequence = 2, .lies = true
	};

	open_bundle(fixture_make(&b));
	in.verify_first = true;
	refuses(KB_EDIGEST, INSTALL_BLAME_BUNDLE);
	assert_non_null(strstr(in.why, "its payload is not what was signed"));
}

TEST(an_unknown_form_is_found_without_verify_first)
{
	make(image, false, twist_form);
	refuses(KB_EFORMAT, INSTALL_BLAME_BUNDLE);
}

TEST(a_decoder_that_cannot_run_costs_nobody)
{
	in.helper = "/nowhere/helper";
	refuses(KB_EEXEC, INSTALL_BLAME_SYSTEM);
}

TEST(a_state_that_cannot_be_written_leaves_the_slot_alone)
{
	state_dev.no_writes = true;
	FAILS(install_run(&in), KB_EIO);
	EQUAL((in.blame, INSTALL_BLAME_STATE), (fixture_writes(&events, 1), 0));
	assert_int_equal(state.slot[TARGET].st, STATE_GOOD);
}

/* ---------------------------------------------------------------- storage that fails */

TEST(a_lost_write_is_noticed)
{
	static const uint64_t where[] = { 132 * KIB, 260 * KIB, 512 * KIB,	    IMAGE - 4096,
					  0,	     4096,	PART - INSTALL_TAIL };

	for (unsigned i = 0; i < sizeof(where) / sizeof(where[0]); i++) {
		begin();
		make(image, false, NULL);
		root_dev.lie_off = where[i];
		root_dev.lie_len = 4096;
		/* bdev_zero() is honest here, so that zeroes are lost by a write only. */
		if (where[i] == 260 * KIB || where[i] == PART - INSTALL_TAIL)
			continue;
		FAILS(install_run(&in), KB_EIO);
		assert_int_equal(in.blame, INSTALL_BLAME_TARGET);
		assert_non_null(strstr(in.why, "slot b: "));
		assert_non_null(strstr(in.why, "/dev/vda4"));
		load();
		assert_int_equal(state.slot[TARGET].st, STATE_WRITING);
		if (where[i] > 4096)
			assert_sealed();
	}
}

/* A slot behind a page cache, as a running system has it: what was lost below it is in the cache.
 */
static struct faulty cached_dev;

static void use_cached_dev(void)
{
	begin();
	faulty_init(&cached_dev, &root_dev.bdev);
	in.part[0].dev = &cached_dev.bdev;
}

static void open_chunks_of(uint32_t chunk)
{
	open_bundle(fixture_root(image, IMAGE, chunk, false));
}

TEST(every_lost_write_is_noticed_behind_a_page_cache)
{
	static const uint32_t chunks[] = { CHUNK, 512 * KIB };

	for (unsigned i = 0; i < 2; i++) {
		unsigned n = 0;

		open_chunks_of(chunks[i]);
		do {
			enum kb_err err;

			use_cached_dev();
			cached_dev.lose_write = (struct faulty_when){ ++n, 1 };
			err = install_run(&in);
			in.part[0].dev = &root_dev.bdev;
			if (err == KB_OK)
				assert_installed(image);
			else
				assert_int_equal(in.blame, INSTALL_BLAME_TARGET);
		} while (cached_dev.writes >= n);
		assert_true(n > 10);
	}
}

/* Of two heads one is written already when the other fails: neither may stay. */
TEST(a_head_that_cannot_be_written_seals_all_of_the_slot_again)
{
	unsigned writes = 0;

	for (unsigned round = 0; round < 2; round++) {
		begin();
		open_two_partitions(false);
		faulty_init(&cached_dev, &root_dev.bdev);
		in.part[0].dev = &cached_dev.bdev;
		if (round == 1) /* the last two writes are root's head, behind boot's */
			cached_dev.fail_write = (struct faulty_when){ writes - 1, 1 };
		assert_int_equal(install_run(&in), round == 0 ? KB_OK : KB_EIO);
		writes = cached_dev.writes;
	}
	assert_sealed();
	assert_true(bytes_all(content(&boot_dev, 0, INSTALL_SEAL_LEN), INSTALL_SEAL_LEN, 0));
}

/* Root's head fails, and then boot cannot be sealed again: what began it is what is told. */
TEST(the_first_cause_is_the_one_that_is_told)
{
	static struct faulty other;
	unsigned writes = 0, others = 0;

	for (unsigned round = 0; round < 2; round++) {
		begin();
		open_two_partitions(false);
		faulty_init(&cached_dev, &root_dev.bdev);
		faulty_init(&other, &boot_dev.bdev);
		in.part[0].dev = &cached_dev.bdev;
		in.part[1].dev = &other.bdev;
		if (round == 1) {
			cached_dev.fail_write = (struct faulty_when){ writes - 1, 1 };
			other.fail_write = (struct faulty_when){ others + 1, 99 };
		}
		assert_int_equal(install_run(&in), round == 0 ? KB_OK : KB_EIO);
		writes = cached_dev.writes;
		others = round == 0 ? other.writes : others;
	}
	EQUAL((other.writes > others, true), (in.blame, INSTALL_BLAME_TARGET));
	assert_string_equal(in.why, "slot b: the first blocks of /dev/vda4 cannot be written: the "
				    "storage is failing");
}

/* What others fill, damage or mount is not the storage's fault; whoever reads it can mend it. */
TEST(what_is_wrong_with_a_fat_is_said_and_is_no_failing_storage)
{
	static const struct {
		bool is_file;
		enum kb_err says, err;
		const char *why;
	} cases[] = {
		{ true, KB_ENOSPC, KB_ENOSPC, ": its file system is full: remove" },
		{ true, KB_EPERM, KB_EPERM, ": its file system, or the disk, is read-only" },
		{ true, KB_EFORMAT, KB_EFORMAT, ": its file system is damaged" },
		{ true, KB_EBUSY, KB_EBUSY, ": its partition is mounted read-only" },
		{ true, KB_ECHILD, KB_ECHILD, ": the process that mounts its partition has ended" },
		{ true, KB_EIO, KB_EIO, ": the storage is failing" },
		{ false, KB_ENOSPC, KB_EIO, ": the storage is failing" },
		{ false, KB_EPERM, KB_EIO, ": the storage is failing" },
	};

	for (unsigned i = 0; i < 2 * KB_ARRAY_LEN(cases); i++) {
		unsigned c = i / 2, sealed = i % 2;

		use_cached_dev();
		in.part[0].is_file = cases[c].is_file;
		cached_dev.write_err = cases[c].says;
		cached_dev.fail_write = (struct faulty_when){ sealed ? 5 : 1, 99 };
		FAILS(install_run(&in), cases[c].err);
		EQUAL((in.blame, INSTALL_BLAME_TARGET));
		assert_non_null(strstr(in.why, sealed ? "/dev/vda4 cannot be written at byte"
						      : "the first blocks of /dev/vda4 cannot"));
		if (strstr(in.why, cases[c].why) == NULL)
			fail_msg("not said: %s\n%s", cases[c].why, in.why);
	}
}

TEST(a_slot_that_cannot_be_looked_at_afresh_is_left_alone)
{
	for (unsigned i = 0; i < 2; i++) {
		use_cached_dev();
		*(i == 0 ? &cached_dev.fail_flush : &cached_dev.fail_drop) =
			(struct faulty_when){ 1, 1 };
		refuses(KB_EIO, INSTALL_BLAME_TARGET);
		assert_non_null(strstr(in.why, "slot b: /dev/vda4 cannot be flushed"));
		load();
		assert_int_equal(state.slot[TARGET].st, STATE_GOOD);
	}
}

/* No write comes out as it should any more, and the slot cannot be sealed again. At least no
 * superblock may stay, of whichever kind: a state that gets lost would have it booted. */
TEST(storage_that_writes_wrong_leaves_no_superblock)
{
	unsigned writes = 0;

	for (unsigned round = 0; round < 3; round++) {
		use_cached_dev();
		if (round > 0)
			cached_dev.flip_write = (struct faulty_when){ writes - (round - 1), 99 };
		assert_int_equal(install_run(&in), round == 0 ? KB_OK : KB_EIO);
		writes = round == 0 ? cached_dev.writes : writes;
		in.part[0].dev = &root_dev.bdev;
		if (round > 0) {
			const uint8_t *first = content(&root_dev, 0, BDEV_ALIGN);

			assert_true(bytes_all(first, 100, 0));
			assert_true(bytes_all(first + 1024, 512, 0));
			assert_int_equal(state.slot[TARGET].st, STATE_WRITING);
		}
	}
}

TEST(what_a_killed_install_left_in_the_cache_is_not_there)
{
	static uint8_t whole[IMAGE] __attribute__((aligned(BDEV_ALIGN)));

	use_cached_dev();
	memcpy(whole, image, sizeof(whole));
	cached_dev.lose_write = (struct faulty_when){ 1, 1 };
	OK(bdev_write(&cached_dev.bdev, 0, whole, sizeof(whole)));
	OK(install_run(&in));
	in.part[0].dev = &root_dev.bdev;
	assert_installed(image);
}

TEST(blocks_that_cannot_be_read_are_written_anew)
{
	for (unsigned at = 0; at < IMAGE; at += 160 * KIB) {
		root_dev.dead_off = at;
		root_dev.dead_len = 4096;
		installs(image);
		assert_true(in.bytes_written >= CHUNK);
	}
}

/* ---------------------------------------------------------------- order, and power cuts */

static unsigned first_event(unsigned from, unsigned dev, enum fixture_op op)
{
	for (unsigned i = from; i < events.n; i++)
		if (events.e[i].dev == dev && events.e[i].op == op)
			return i;
	return events.n;
}

TEST(everything_in_its_order)
{
	unsigned seal, flushed, data, head, i;

	OK(install_run(&in));
	seal = first_event(0, 1, FIXTURE_WRITE);
	/* State and manifest cell, in both copies, each flushed, before anything of the slot. */
	for (i = 0, flushed = 0; i < seal; i++)
		flushed += events.e[i].dev == 0 && events.e[i].op == FIXTURE_FLUSH;
	assert_true(flushed >= 4);
	EQUAL((events.e[seal - 1].dev, 0), (events.e[seal - 1].op, FIXTURE_FLUSH));
	/* The seal, its first block first, superblocks before all, flushed before any data. */
	for (; !events.e[seal].zero; seal += 2) {
		EQUAL((events.e[seal].off, 0), (events.e[seal].len, 4096));
		assert_int_equal(events.e[seal + 1].op, FIXTURE_FLUSH);
	}
	assert_int_equal(events.e[seal].off, 0);
	flushed = first_event(seal, 1, FIXTURE_FLUSH);
	data = first_event(flushed + 1, 1, FIXTURE_WRITE);
	assert_true(events.e[data].zero);
	assert_int_equal(events.e[data].off + events.e[data].len, INSTALL_SEAL_LEN);
	data = first_event(data + 1, 1, FIXTURE_WRITE);
	assert_int_equal(events.e[data - 1].op, FIXTURE_FLUSH);
	/* Data stays behind the head, up to the head's rest, and its first block, at the end. */
	for (head = data; events.e[head].off >= INSTALL_SEAL_LEN || events.e[head].dev != 1 ||
			  events.e[head].op == FIXTURE_FLUSH;
	     head++)
		assert_true(events.e[head].dev != 0);
	EQUAL((events.e[head - 1].op, FIXTURE_FLUSH), (events.e[head].off, 4096));
	assert_int_equal(events.e[head + 1].op, FIXTURE_FLUSH);
	for (head += 2; events.e[head].dev == 1; head += 2) {
		EQUAL((events.e[head].off, 0), (events.e[head].len, 4096));
		assert_int_equal(events.e[head + 1].op, FIXTURE_FLUSH);
	}
	for (i = head; i < events.n; i++)
		assert_int_equal(events.e[i].dev, 0);
	assert_true(events.n > head + 4 + 4);
}

/* What may be believed after any cut. */
static void assert_safe(void)
{
	bool old, new;
	struct store_manifest m;
	enum kb_err err;

	load();
	old = memcmp(content(&root_dev, 0, PART), before, PART) == 0;
	new = memcmp(page, image, IMAGE) == 0;
	if (state.slot[TARGET].st != STATE_WRITING)
		assert_true(state.slot[TARGET].sequence == 1 ? old : new);
	err = store_manifest_read(&store, TARGET, &m, NULL, 0);
	if (err == KB_OK)
		assert_true(m.sequence == 1 ? old : new);
	/* A superblock is there only when all behind it is: the old release's, or the new one's. */
	content(&root_dev, 0, PART);
	if (!bytes_all(page, 4096, 0) && memcmp(page + 4096, before + 4096, PART - 4096) != 0)
		assert_memory_equal(page + 4096, image + 4096, IMAGE - 4096);
	assert_int_equal(state.slot[0].st, STATE_GOOD);
}

TEST(after_any_power_cut_it_goes_on_and_ends_well)
{
	unsigned total;

	make(image, true, NULL);
	OK(install_run(&in));
	total = events.n;
	assert_true(total > 40 && total < FIXTURE_EVENTS);
	for (unsigned cut = 1; cut <= total; cut++) {
		for (uint64_t seed = 0; seed < 5; seed++) {
			begin();
			events.cut_at = cut;
			assert_true(install_run(&in) != KB_OK || cut == total);
			bdev_sim_cut(&state_dev.sim, seed);
			bdev_sim_cut(&root_dev.sim, seed + 1);
			forget_events();
			assert_safe();
			forget_events();
			if (state.slot[TARGET].st == STATE_TRIAL)
				continue;
			installs(image);
		}
	}
}

/* The slot holds each byte of the release that comes, under another name. */
static void new_devices_that_are_right(void)
{
	static const uint8_t zeroes[INSTALL_TAIL];

	begin();
	put(&root_dev, 0, image, IMAGE);
	put(&root_dev, PART - INSTALL_TAIL, zeroes, sizeof(zeroes));
	forget_events();
}

/* The power goes at this operation of an install, and comes back. */
static void cut_install(unsigned at)
{
	events.cut_at = at;
	assert_true(install_run(&in) != KB_OK);
	bdev_sim_cut(&state_dev.sim, at);
	forget_events();
	load();
}

/* Preflight takes no slot, however good, whose manifest is another release's. */
TEST(a_cut_never_leaves_the_manifest_of_another_release)
{
	struct store_manifest m;
	unsigned total;

	make(image, true, NULL);
	new_devices_that_are_right();
	OK(install_run(&in));
	assert_int_equal(fixture_writes(&events, 1), 0);
	assert_installed(image);
	forget_events();
	new_devices_that_are_right();
	OK(install_run(&in));
	total = events.n;
	for (unsigned cut = 1; cut < total; cut++) {
		const struct state_slot *t = &state.slot[TARGET];

		new_devices_that_are_right();
		cut_install(cut);
		if (t->st != STATE_WRITING &&
		    store_manifest_read(&store, TARGET, &m, NULL, 0) == KB_OK)
			assert_int_equal(m.sequence, t->sequence);
		forget_events();
		if (t->st != STATE_TRIAL)
			installs(image);
	}
}

/* Cut between its two records, gone on with, cut again, and then one region is lost: what the other
 * says must not stand beside the manifest that came meanwhile. */
TEST(nor_when_a_region_is_lost_after_two_cuts)
{
	const struct state_slot *t = &state.slot[TARGET];
	struct store_manifest m;

	make(image, true, NULL);
	for (unsigned first = 1; first < 12; first++)
		for (unsigned second = 1; second < 16; second++)
			for (uint64_t region = 0; region < 2; region++) {
				new_devices_that_are_right();
				cut_install(first);
				events.cut_at = second;
				(void)!install_run(&in); /* late enough a cut is none */
				bdev_sim_cut(&state_dev.sim, second);
				forget_events();
				bdev_sim_scribble(&state_dev.sim, region * STORE_REGION_APART,
						  STORE_CELLS * STORE_CELL, 1);
				load();
				if (t->st == STATE_GOOD &&
				    store_manifest_read(&store, TARGET, &m, NULL, 0) == KB_OK)
					assert_int_equal(m.sequence, t->sequence);
			}
}

/* A superblock that survives a torn write would make a slot look whole, once the state is lost. */
TEST(a_superblock_stands_only_in_a_whole_block)
{
	unsigned total;

	make(image, true, NULL);
	OK(install_run(&in));
	total = events.n;
	for (unsigned cut = 1; cut <= total; cut++) {
		for (unsigned seed = 5; seed < 8; seed++) {
			const uint8_t *now;

			begin();
			forget_events();
			events.cut_at = cut;
			assert_true(install_run(&in) != KB_OK || cut == total);
			bdev_sim_cut(&root_dev.sim, seed);
			now = content(&root_dev, 0, 4096);
			if (memcmp(now, before, 512) == 0)
				assert_memory_equal(now, before, 4096);
			if (memcmp(now, image, 512) == 0)
				assert_memory_equal(now, image, 4096);
		}
	}
}

TEST(goes_on_without_writing_again_what_is_right)
{
	uint64_t first;

	make(image, true, NULL);
	events.cut_at = 24;
	FAILS(install_run(&in), KB_EIO);
	first = in.bytes_written;
	bdev_sim_cut(&state_dev.sim, 1);
	bdev_sim_cut(&root_dev.sim, 1);
	forget_events();
	load();
	assert_int_equal(state.slot[TARGET].st, STATE_WRITING);
	installs(image);
	assert_true(first > INSTALL_SEAL_LEN + 64 * KIB);
	/* The head, what was missing, and the tail; the seal was there. */
	assert_true(in.bytes_written <= IMAGE + INSTALL_TAIL - (first - INSTALL_SEAL_LEN) + CHUNK);
	for (unsigned i = 0; i < events.n; i++)
		if (events.e[i].dev == 1 && events.e[i].op == FIXTURE_WRITE)
			assert_false(events.e[i].zero && events.e[i].off < INSTALL_SEAL_LEN);
	assert_int_equal(events.redundant, 0);
}

/* ---------------------------------------------------------------- progress */

static struct {
	enum install_phase phase;
	uint64_t done, total;
	unsigned calls, phases;
} seen;

static void progress(void *ctx, enum install_phase phase, uint64_t done, uint64_t total)
{
	assert_ptr_equal(ctx, &seen);
	assert_true(done <= total);
	if (seen.calls > 0 && phase == seen.phase) {
		EQUAL((total, seen.total), (done >= seen.done, true));
	} else {
		assert_true(seen.calls == 0 || phase > seen.phase);
		seen.phases++;
	}
	seen.phase = phase;
	seen.done = done;
	seen.total = total;
	seen.calls++;
}

TEST(progress_only_grows)
{
	memset(&seen, 0, sizeof(seen));
	make(image, false, NULL);
	in.verify_first = true;
	in.progress = progress;
	in.ctx = &seen;
	OK(install_run(&in));
	EQUAL((seen.phases, 5), (seen.phase, INSTALL_DONE));
}

/* ---------------------------------------------------------------- files, threads, sizes */

static struct bdev_file file_dev, file_raw, file_state;

static void open_files(uint64_t size)
{
	enum store_finding found;

	folder_blank("root", size);
	folder_blank("state", STORE_MIN_SIZE);
	OK(bdev_file_open(&file_state, folder_at("state"), BDEV_FILE_WRITE));
	OK(bdev_file_open(&file_dev, folder_at("root"), BDEV_FILE_WRITE));
	OK(bdev_file_open(&file_raw, folder_at("root"), BDEV_FILE_DIRECT));
	OK(store_load(&store, &file_state.bdev, &state, &found));
	state_init(&state, 2);
	state.slot[0].st = STATE_GOOD;
	new_install();
	in.part[0].dev = &file_dev.bdev;
	in.part[0].readback = &file_raw.bdev;
}

static void close_files(void)
{
	bdev_file_close(&file_dev);
	bdev_file_close(&file_raw);
	bdev_file_close(&file_state);
	unlink(folder_at("root"));
	unlink(folder_at("state"));
}

/* 48 MiB: several segments for the thread that reads back. */
TEST(a_thread_reads_back)
{
	static uint8_t big[48u << 20];
	uint8_t *back;

	fixture_fill(big, sizeof(big), 4);
	memset(big + (20u << 20), 0, 3u << 20);
	open_bundle(fixture_root(big, sizeof(big), 256 * KIB, false));
	open_files(sizeof(big) + (3u << 20));
	OK(install_run(&in));
	back = mmap(NULL, sizeof(big), PROT_READ, MAP_SHARED, file_raw.fd, 0);
	assert_true(back != MAP_FAILED);
	assert_memory_equal(back, big, sizeof(big));
	munmap(back, sizeof(big));
	FAILS(install_run(&in), KB_EAPPLIED);
	assert_int_equal(in.bytes_written, 0);
	close_files();
}

static uint64_t peak_rss(void)
{
	char line[128];
	unsigned long kib = 0;
	FILE *f = fopen("/proc/self/status", "re");

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		sscanf(line, "VmHWM: %lu", &kib);
	if (f != NULL)
		fclose(f);
	return (uint64_t)kib * 1024;
}

/* In a process of its own, so that only the engine's memory counts. `bundle` is descriptor 9. */
static int install_huge(const char *where)
{
	struct timespec t0, t1;

	snprintf(folder, sizeof(folder), "%s", where);
	clock_gettime(CLOCK_MONOTONIC, &t0);
	if (reader_open(&reader, 9, false, (uint64_t)lseek(9, 0, SEEK_END), NULL) != KB_OK)
		return 2;
	open_files((64ull << 30) + (8u << 20));
	if (install_run(&in) != KB_OK)
		return 3;
	clock_gettime(CLOCK_MONOTONIC, &t1);
	close_files();
	printf("64 GiB: %.1f s, peak RSS %.1f MiB\n",
	       (double)(t1.tv_sec - t0.tv_sec) + (double)(t1.tv_nsec - t0.tv_nsec) / 1e9,
	       (double)peak_rss() / (1 << 20));
	/* tests/on_kernel: an emulated processor says nothing about time. */
	if (getenv("KEELBOOT_EMULATED") == NULL && t1.tv_sec - t0.tv_sec > 60)
		return 4;
	return peak_rss() < 24u << 20 ? 0 : 5;
}

/* Sanitizers need memory of their own. */
extern void __asan_init(void) __attribute__((weak));

TEST(a_sparse_image_of_64_gib_in_24_mib_of_memory)
{
	char self[1024] = "";
	int status;

	open_bundle(fixture_root(NULL, 64ull << 30, 256 * KIB, false));
	assert_true(readlink(TEST_SELF, self, sizeof(self) - 1) > 0);
	assert_int_equal(dup2(bundle, 9), 9);
	status = system(strf("%s --huge %s", self, folder));
	close(9);
	if (WEXITSTATUS(status) == 5 && &__asan_init != NULL)
		return;
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "--huge") == 0)
		return install_huge(argv[2]);
	return test_main(argc, argv,
			 &(struct test_group){ "install", .set_up = set_up,
					       .tear_down = free_devices, .first = folder_make,
					       .last = folder_remove, .quiet = true,
					       .decoder = decoder_main });
}
