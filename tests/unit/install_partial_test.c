/* SPDX-License-Identifier: Apache-2.0 */
/* A bundle that lacks what the slots have. This test is its own decoder. */
#include "tests/unit/faulty.h"
#include "tests/unit/install_slot.h"
#include "tests/unit/partial.h"
#include "update/decoder/decoder_main.h"

#define CHUNK	  (16 * KIB)
#define IMAGE	  (640 * KIB) /* 40 chunks, of which 8 lie under the seal */
#define SEALED	  (INSTALL_SEAL_LEN / CHUNK)
#define IN_TARGET 10u /* chunks that this slot has, and the other has not */
#define IN_SPARE  20u
#define IN_BUNDLE 30u /* this chunk, and all behind it, no slot has */

static uint8_t image[IMAGE], target_has[PART], spare_has[PART];
static struct fixture_dev spare_dev; /* the other slot's root */
static struct install_lack lack;
static struct reader whole;
static struct partial_form form;
static int whole_fd = -1;
static bool misnamed; /* the bundle that is made next */

/* ---------------------------------------------------------------- setting up */

static bool is_in_bundle(const struct reader_chunk *c)
{
	return c->index >= IN_BUNDLE;
}

static void make_whole(bool raw, uint32_t per_frame)
{
	const struct fixture_image im = { "root", image, IMAGE, CHUNK, raw };
	const struct fixture_bundle b = { .image = &im,
					  .nimages = 1,
					  .version = "2.0",
					  .sequence = 2,
					  .per_frame = per_frame,
					  .misnamed = misnamed };

	fixture_open(&whole, &whole_fd, fixture_make(&b));
}

static void make_partial(bool (*wanted)(const struct reader_chunk *c))
{
	partial_begin(&form, &whole);
	partial_chunks(&form, &whole, 0, wanted);
	fixture_open(&reader, &bundle, partial_make(&form, &whole));
	assert_true(reader_is_partial(&reader));
}

static void add_source(struct bdev *dev, bool target)
{
	struct install_source *s = &lack.source[lack.n++];

	*s = (struct install_source){ .cls = "root", .dev = dev, .target = target };
}

static void begin(void)
{
	free_devices();
	cut_disk_free(&spare_dev.sim);
	fixture_dev_init(&state_dev, &events, 0, STORE_MIN_SIZE);
	fixture_dev_init(&root_dev, &events, 1, PART);
	fixture_dev_init(&boot_dev, &events, 2, 256 * KIB);
	fixture_dev_init(&spare_dev, &events, 3, PART);
	forget_events();
	set_up_state(&state_dev.bdev);
	put(&root_dev, 0, target_has, PART);
	put(&spare_dev, 0, spare_has, PART);
	forget_events();
	set_up_install(1, TEST_SELF);
	set_up_part(0, "root", &root_dev.bdev);
	lack.n = 0;
	add_source(&spare_dev.bdev, false);
	add_source(&root_dev.bdev, true);
	in.lack = &lack;
}

/* Chunks below 10 and from 20 on are in the other slot, those from 10 to 20 in the target; those
 * from 30 on are in the bundle alone. */
static void set_up(void)
{
	fixture_fill(image, IMAGE, 1);
	memset(image + 12 * CHUNK, 0, CHUNK);
	fixture_fill(target_has, PART, 9);
	fixture_fill(spare_has, PART, 7);
	memcpy(spare_has, image, IN_BUNDLE * CHUNK);
	memcpy(target_has + IN_TARGET * CHUNK, image + IN_TARGET * CHUNK,
	       (IN_SPARE - IN_TARGET) * CHUNK);
	fixture_fill(spare_has + IN_TARGET * CHUNK, (IN_SPARE - IN_TARGET) * CHUNK, 6);
	begin();
	make_whole(true, 0);
	make_partial(is_in_bundle);
	forget_events();
}

static void tear_down(void)
{
	free_devices();
	cut_disk_free(&spare_dev.sim);
	memset(&spare_dev, 0, sizeof(spare_dev));
}

static void assert_installed(void)
{
	assert_memory_equal(content(&root_dev, 0, IMAGE), image, IMAGE);
	assert_int_equal(fixture_writes(&events, 3), 0);
	load();
	assert_int_equal(state.slot[TARGET].st, STATE_TRIAL);
	assert_memory_equal(state.slot[TARGET].release, whole.release.id, STATE_ID_LEN);
}

static void assert_untouched(void)
{
	EQUAL((fixture_writes(&events, 0), 0), (fixture_writes(&events, 1), 0));
	assert_memory_equal(content(&root_dev, 0, PART), target_has, PART);
}

/* Before anything is written, whatever system.conf says of verifying first. */
static void refuses(enum kb_err err)
{
	for (unsigned first = 0; first < 2; first++) {
		in.verify_first = first == 1;
		FAILS(install_run(&in), err);
		assert_untouched();
	}
}

/* ---------------------------------------------------------------- what is taken from where */

TEST(what_the_bundle_lacks_comes_from_both_slots)
{
	OK(install_run(&in));
	assert_installed();
	/* In place, a chunk is not written. */
	assert_int_equal(in.bytes_written,
			 (IMAGE / CHUNK - SEALED - (IN_SPARE - IN_TARGET)) * CHUNK +
				 2 * INSTALL_SEAL_LEN + INSTALL_TAIL);
}

TEST(a_chunk_that_no_slot_has_is_refused)
{
	fixture_flip(whole_fd, 0); /* of which nothing is read again */
	put(&spare_dev, 25 * CHUNK, before, CHUNK);
	refuses(KB_ESEED);
	assert_int_equal(in.blame, INSTALL_BLAME_BUNDLE);
	assert_non_null(strstr(in.why, "chunk 25 is neither in the partial bundle nor in a slot"));
	assert_true(in.seed_changed);
	in.lack = NULL;
	refuses(KB_ESEED);
}

TEST(one_bit_makes_another_chunk)
{
	for (unsigned i = 0; i < IN_BUNDLE; i++) {
		bool target = i >= IN_TARGET && i < IN_SPARE;
		uint8_t *has = target ? target_has : spare_has;

		if (i == 12) /* zeroes: no form lacks them */
			continue;
		has[i * CHUNK + i] ^= 1;
		begin();
		FAILS(install_run(&in), KB_ESEED);
		assert_untouched();
		has[i * CHUNK + i] ^= 1;
	}
}

/* A cut would leave zeroes there. */
TEST(what_the_seal_covers_is_not_taken_from_the_target)
{
	for (unsigned i = 0; i < 10; i++) {
		memcpy(target_has + i * CHUNK, image + i * CHUNK, CHUNK);
		fixture_fill(spare_has + i * CHUNK, CHUNK, 3);
		begin();
		if (i < SEALED)
			refuses(KB_ESEED);
		else
			OK(install_run(&in));
		memcpy(spare_has + i * CHUNK, image + i * CHUNK, CHUNK);
	}
}

TEST(a_partition_that_cannot_be_read_has_nothing)
{
	spare_dev.dead_off = 22 * CHUNK;
	spare_dev.dead_len = 4096;
	refuses(KB_ESEED);
	assert_non_null(strstr(in.why, "chunk 22 is in a slot that cannot be read"));
	assert_false(in.seed_changed); /* it may be read at a later boot */
	put(&root_dev, 22 * CHUNK, image + 22 * CHUNK, CHUNK);
	forget_events();
	OK(install_run(&in));
	assert_installed();
}

TEST(a_partition_that_cannot_be_opened_may_have_it_at_the_next_boot)
{
	lack.source[0].dev = NULL;
	refuses(KB_ESEED);
	assert_non_null(strstr(in.why, "chunk 0 is in a slot that cannot be read"));
	assert_false(in.seed_changed);
	snprintf(lack.source[0].cls, sizeof(lack.source[0].cls), "boot");
	refuses(KB_ESEED);
	assert_true(in.seed_changed); /* it would not have had root */
}

TEST(a_partition_that_is_too_small_has_nothing)
{
	spare_dev.bdev.size = 25 * CHUNK + 4096;
	refuses(KB_ESEED);
}

TEST(another_class_has_nothing)
{
	snprintf(lack.source[0].cls, sizeof(lack.source[0].cls), "boot");
	refuses(KB_ESEED);
}

/* It is looked at on the medium. */
TEST(what_only_the_page_cache_has_is_not_there)
{
	static struct faulty cached;

	target_has[15 * CHUNK] ^= 1;
	begin();
	faulty_init(&cached, &root_dev.bdev);
	cached.lose_write = (struct faulty_when){ 1, 1 };
	memcpy(page, image + 15 * CHUNK, CHUNK);
	OK(bdev_write(&cached.bdev, 15 * CHUNK, page, CHUNK));
	in.part[0].dev = lack.source[1].dev = &cached.bdev;
	FAILS(install_run(&in), KB_ESEED);
	assert_untouched();
}

/* ---------------------------------------------------------------- what the bundle has */

/* All but one byte of what it has is as it was signed. */
TEST(what_it_has_is_checked_before_the_first_write)
{
	for (uint32_t i = IN_BUNDLE; i < IMAGE / CHUNK; i++) {
		const struct partial_form_range *last = &form.range[form.n - 1];

		fixture_flip(bundle, last->at + (i - IN_BUNDLE) * CHUNK + i);
		FAILS(install_run(&in), KB_EDIGEST);
		assert_untouched();
		fixture_flip(bundle, last->at + (i - IN_BUNDLE) * CHUNK + i);
	}
	OK(install_run(&in));
}

/* Each chunk is as it was signed, and they are not the image that the manifest names. */
TEST(what_it_makes_is_the_image_of_its_digest)
{
	misnamed = true;
	make_whole(true, 0);
	make_partial(is_in_bundle);
	misnamed = false;
	forget_events();
	refuses(KB_EDIGEST);
	EQUAL((in.blame, INSTALL_BLAME_BUNDLE), (in.seed_changed, false));
	assert_non_null(strstr(in.why, "image root: its chunks are right, but digest="));
}

static bool is_odd(const struct reader_chunk *c)
{
	return c->index % 2 == 1;
}

TEST(frames_rest_upon_chunks_that_the_bundle_lacks)
{
	memcpy(spare_has, image, IMAGE);
	begin();
	make_whole(false, 1); /* each chunk is a frame, and refers to all before */
	make_partial(is_odd);
	forget_events();
	OK(install_run(&in));
	assert_installed();
}

static bool ends_a_frame(const struct reader_chunk *c)
{
	return c->form == READER_ZSTD_NEXT;
}

static bool is_behind_20(const struct reader_chunk *c)
{
	return c->index >= 20;
}

TEST(a_frame_without_its_beginning_is_refused)
{
	memcpy(spare_has, image, IMAGE);
	begin();
	make_whole(false, 4);
	make_partial(ends_a_frame);
	refuses(KB_EFORMAT);
	assert_non_null(strstr(in.why, "which others rest upon, is missing"));
	make_partial(is_behind_20); /* in the middle of a frame, since chunk 12 is none of it */
	refuses(KB_EFORMAT);
	make_whole(false, 2);
	make_partial(ends_a_frame);
	refuses(KB_EFORMAT);
	make_whole(false, 1);
	make_partial(is_behind_20);
	forget_events();
	OK(install_run(&in));
	assert_installed();
}

TEST(a_head_that_names_another_encoding_is_refused)
{
	for (uint8_t n = 0; n < 20; n++) {
		form.encoding[0] = n;
		fixture_open(&reader, &bundle, partial_make(&form, &whole));
		if (n != 1)
			refuses(KB_EFORMAT);
	}
}

/* ---------------------------------------------------------------- power cuts */

/* Both slots hold less than before: what was cut is what the next install begins with. */
TEST(after_any_power_cut_it_goes_on_and_ends_well)
{
	unsigned total;

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
			load();
			assert_int_equal(state.slot[0].st, STATE_GOOD);
			if (state.slot[TARGET].st == STATE_TRIAL)
				continue;
			OK(install_run(&in));
			assert_installed();
		}
	}
}

TEST(and_after_two)
{
	unsigned total;

	OK(install_run(&in));
	total = events.n;
	for (unsigned cut = 1; cut < total; cut += 3) {
		for (unsigned again = 1; again < total; again += 7) {
			begin();
			for (unsigned i = 0; i < 2; i++) {
				events.cut_at = i == 0 ? cut : again;
				(void)!install_run(&in);
				bdev_sim_cut(&state_dev.sim, cut);
				bdev_sim_cut(&root_dev.sim, again);
				forget_events();
				load();
			}
			if (state.slot[TARGET].st == STATE_TRIAL)
				continue;
			OK(install_run(&in));
			assert_installed();
		}
	}
}

/* ---------------------------------------------------------------- the head */

static enum kb_err open_bytes(const void *p, size_t len)
{
	int fd = memfd_create("partial", MFD_CLOEXEC);
	static struct reader r;
	enum kb_err err;

	fixture_append(fd, p, len);
	err = reader_open(&r, fd, false, len, NULL);
	if (err == KB_OK)
		reader_close(&r);
	close(fd);
	return err;
}

static size_t read_all(uint8_t *buf, size_t size)
{
	ssize_t n = pread(bundle, buf, size, 0);

	assert_true(n > 0 && (size_t)n < size);
	return (size_t)n;
}

TEST(a_head_that_is_damaged_or_cut_is_refused)
{
	static uint8_t file[IMAGE + 65536];
	size_t len = read_all(file, sizeof(file)), head = form.range[0].at;

	OK(open_bytes(file, len));
	for (size_t i = 0; i < head; i++) {
		file[i] ^= 1;
		assert_true(open_bytes(file, len) != KB_OK);
		file[i] ^= 1;
	}
	for (size_t n = 0; n < len; n += n < 1024 ? 1 : 4001)
		FAILS(open_bytes(file, n), KB_EFORMAT);
	file[len] = 0;
	FAILS(open_bytes(file, len + 1), KB_EFORMAT);
}

/* As with all else that is read: another boot may read it, and nobody need fetch it again. */
TEST(a_head_that_cannot_be_read_is_the_mediums_fault)
{
	static struct reader r;
	uint64_t size = (uint64_t)lseek(bundle, 0, SEEK_END);

	assert_int_equal(ftruncate(bundle, form.range[0].at - 1), 0);
	FAILS(reader_open(&r, bundle, false, size, NULL), KB_EIO);
	assert_string_equal(r.why, "its list of ranges cannot be read: the medium is bad or gone");
	FAILS(reader_open(&r, bundle, false, form.range[0].at - 1, NULL), KB_EFORMAT);
	assert_string_equal(r.why, "truncated in its list of ranges; fetch it again");
}

/* What is signed is there, and no range is beyond it: whoever wrote the head may lie. */
TEST(ranges_that_cannot_be_are_refused)
{
	static const struct partial_form_range lies[][2] = {
		{ { .off = 0, .len = 700 }, { .off = 900, .len = 100 } },
		{ { .off = 1, .len = 4096 }, { .off = 5000, .len = 100 } },
		{ { .off = 0, .len = 4096 }, { .off = 4096, .len = 100 } },
		{ { .off = 0, .len = 4096 }, { .off = 4000, .len = 100 } },
		{ { .off = 0, .len = 4096 }, { .off = 5000, .len = 0 } },
		{ { .off = 0, .len = 4096 }, { .off = UINT64_MAX, .len = 1 } },
		{ { .off = 0, .len = 4096 }, { .off = INT64_MAX, .len = INT64_MAX } },
		{ { .off = 0, .len = 65536 }, { .off = IMAGE + 65536, .len = 10 } },
	};
	static uint8_t file[PARTIAL_FORM_LEN + IMAGE + 65536];
	ssize_t len = lseek(whole_fd, 0, SEEK_END);

	for (unsigned i = 0; i < KB_ARRAY_LEN(lies); i++) {
		struct partial_form lie = { .encoding = { 1 }, .n = 2 };
		size_t head;

		memcpy(lie.range, lies[i], sizeof(lies[i]));
		head = partial_form_write(&lie, file);
		assert_int_equal(pread(whole_fd, file + head, (size_t)len, 0), len);
		FAILS(open_bytes(file, head + (size_t)(lie.range[0].len + lie.range[1].len) %
						       (sizeof(file) - head)),
		      KB_EFORMAT);
	}
}

TEST(a_head_of_too_many_ranges_or_of_a_newer_version_is_refused)
{
	static uint8_t file[IMAGE + 65536];
	size_t len = read_all(file, sizeof(file));

	bytes_put32(file + 12, PARTIAL_FORM_MAX + 1);
	FAILS(open_bytes(file, len), KB_EFORMAT);
	bytes_put32(file + 12, 0);
	FAILS(open_bytes(file, len), KB_EFORMAT);
	bytes_put32(file + 12, form.n);
	bytes_put16(file + 8, 2);
	FAILS(open_bytes(file, len), KB_ENEWER);
}

TEST(a_device_has_none)
{
	static struct reader raw;
	off_t size = lseek(bundle, 0, SEEK_END);

	FAILS(reader_open(&raw, bundle, true, (uint64_t)size, NULL), KB_EFORMAT);
}

/* Where in the file each byte of the bundle is. */
TEST(offsets_are_those_of_the_bundle)
{
	struct partial_form f = { .n = 3,
				  .range = { { 0, 100, 76 }, { 200, 50, 176 }, { 300, 1, 226 } } };

	assert_int_equal(partial_form_size(&f), 227);
	assert_ptr_equal(partial_form_find(&f, 0, 100), &f.range[0]);
	assert_ptr_equal(partial_form_find(&f, 99, 1), &f.range[0]);
	assert_null(partial_form_find(&f, 99, 2));
	assert_null(partial_form_find(&f, 100, 1));
	assert_null(partial_form_find(&f, 199, 1));
	assert_ptr_equal(partial_form_find(&f, 200, 50), &f.range[1]);
	assert_null(partial_form_find(&f, 200, 51));
	assert_null(partial_form_find(&f, 200, UINT64_MAX));
	assert_ptr_equal(partial_form_find(&f, 300, 1), &f.range[2]);
	assert_null(partial_form_find(&f, 301, 1));
	assert_null(partial_form_find(&f, UINT64_MAX, 1));
	f.n = 0;
	assert_null(partial_form_find(&f, 0, 1));
}

int main(int argc, char **argv)
{
	return test_main(argc, argv,
			 &(struct test_group){ "install_partial", .set_up = set_up,
					       .tear_down = tear_down, .quiet = true,
					       .decoder = decoder_main });
}
