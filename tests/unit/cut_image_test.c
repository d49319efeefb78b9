/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/cut_image.h"
#include "tests/unit/test.h"

#define SIZE (1u << 20)

static struct cut_power power;
static struct cut_disk disk[2];
static struct cut_disk *const both[2] = { &disk[0], &disk[1] };
static struct cut_image image;
static struct cut_content out;

static void set_up(void)
{
	cut_power_init(&power);
	cut_disk_init(&disk[0], &power, SIZE);
	cut_disk_init(&disk[1], &power, SIZE);
}

static void tear_down(void)
{
	cut_image_free(&image);
	cut_content_free(&out);
	cut_disk_free(&disk[0]);
	cut_disk_free(&disk[1]);
}

static void put(unsigned d, uint64_t sector, int value)
{
	uint8_t data[CUT_SECTOR];

	memset(data, value, sizeof(data));
	OK(cut_disk_write(&disk[d], sector * CUT_SECTOR, data, sizeof(data)));
}

/* -1: cannot be read; -2: garbage. */
static int get(unsigned d, uint64_t sector)
{
	uint8_t data[CUT_SECTOR];

	cut_image_put(&image, d, &out);
	if (cut_content_is_bad(&out, sector))
		return -1;
	cut_content_get(&out, sector, data);
	for (unsigned i = 1; i < CUT_SECTOR; i++)
		if (data[i] != data[0])
			return -2;
	return data[0];
}

/* The next combination of values; what is garbage has none. */
static bool next_values(struct cut_image *im)
{
	for (unsigned i = 0; i < im->n; i++) {
		if (im->garbage != CUT_GARBAGE_NONE && i == im->garbage_at)
			continue;
		if (++im->pick[i] < im->place[i].n)
			return true;
		im->pick[i] = 0;
	}
	return false;
}

/* All images in turn: false behind the last. */
static bool next(struct cut_image *im)
{
	if (next_values(im))
		return true;
	if (im->garbage == CUT_GARBAGE_DATA) {
		im->garbage = CUT_GARBAGE_BAD;
		return true;
	}
	if (im->garbage == CUT_GARBAGE_BAD)
		im->garbage_at++;
	while (im->garbage_at < im->n && im->place[im->garbage_at].trim)
		im->garbage_at++;
	im->garbage = CUT_GARBAGE_DATA;
	return im->garbage_at < im->n;
}

static uint64_t walk(void)
{
	uint64_t n = 0;
	bool more = true;

	for (cut_image_choose(&image, CUT_IMAGE_NONE, 0); more; more = next(&image))
		n++;
	return n;
}

TEST(each_sector_is_any_of_its_versions)
{
	bool seen[3][2] = { { false } };

	put(0, 5, 1);
	put(0, 9, 4);
	put(0, 5, 2);
	cut_image_take(&image, both, 1);
	assert_int_equal(image.n, 2);
	/* {0,1,2} x {0,4}; garbage in 5 (2 sorts) x {0,4}; {0,1,2} x garbage in 9. */
	assert_int_equal(cut_image_count(&image), 6 + 2 * 2 + 2 * 3);
	cut_image_choose(&image, CUT_IMAGE_NONE, 0);
	for (unsigned i = 0; i < 6; i++) {
		seen[get(0, 5)][get(0, 9) / 4] = true;
		EQUAL((image.garbage, CUT_GARBAGE_NONE), (next(&image), true));
	}
	for (unsigned a = 0; a < 3; a++)
		assert_true(seen[a][0] && seen[a][1]);
	EQUAL((get(0, 5), -2), (walk(), 16));
}

TEST(a_version_that_changes_nothing_is_only_torn)
{
	put(0, 5, 0);
	put(0, 6, 3);
	put(0, 6, 3);
	put(0, 6, 0);
	cut_image_take(&image, both, 1);
	EQUAL((image.n, 2), (image.place[0].n, 1), (image.place[1].n, 2));
	EQUAL((cut_image_count(&image), 2 + 2 * 2 + 2), (walk(), 8));
}

TEST(what_was_flushed_stays)
{
	put(0, 5, 1);
	OK(cut_disk_flush(&disk[0]));
	cut_image_take(&image, both, 2);
	EQUAL((cut_image_count(&image), 1), (get(0, 5), 1), (next(&image), false));
}

TEST(disks_are_independent)
{
	put(0, 5, 1);
	put(1, 7, 1);
	cut_image_take(&image, both, 2);
	assert_int_equal(cut_image_count(&image), 4 + 4 + 4);
	cut_image_choose(&image, CUT_IMAGE_ONE_MISSING, 1);
	EQUAL((get(0, 5), 1), (get(1, 7), 0));
	cut_image_choose(&image, CUT_IMAGE_ONE_LANDED, 1);
	EQUAL((get(0, 5), 0), (get(1, 7), 1));
}

TEST(garbage_comes_as_data_and_as_a_read_error)
{
	put(0, 5, 1);
	put(0, 6, 1);
	cut_image_take(&image, both, 1);
	cut_image_choose(&image, CUT_IMAGE_ONE_GARBAGE, 1);
	EQUAL((get(0, 5), 1), (get(0, 6), -2));
	cut_image_choose(&image, CUT_IMAGE_ONE_BAD, 0);
	EQUAL((get(0, 5), -1), (get(0, 6), 1));
	cut_image_choose(&image, CUT_IMAGE_ALL, 0);
	EQUAL((get(0, 5), 1), (get(0, 6), 1));
	cut_image_choose(&image, CUT_IMAGE_NONE, 0);
	assert_int_equal(get(0, 5), 0);
}

TEST(a_bad_sector_is_healed_by_whatever_lands)
{
	cut_content_set_bad(&disk[0].durable, 5);
	put(0, 5, 0);
	cut_image_take(&image, both, 1);
	assert_int_equal(image.place[0].n, 2);
	cut_image_choose(&image, CUT_IMAGE_NONE, 0);
	assert_int_equal(get(0, 5), -1);
	cut_image_choose(&image, CUT_IMAGE_ALL, 0);
	assert_int_equal(get(0, 5), 0);
}

TEST(a_discarded_range_is_old_zero_or_garbage)
{
	put(0, 8, 1);
	put(0, 24, 1);
	OK(cut_disk_flush(&disk[0]));
	OK(cut_disk_discard(&disk[0], BDEV_ALIGN, 4 * BDEV_ALIGN));
	put(0, 24, 9);
	cut_image_take(&image, both, 1);
	assert_int_equal(image.n, 2);
	/* the range: 3; in it a sector with old, zeroes, garbage and 9 */
	EQUAL((cut_image_count(&image), 3 * 4 + 3 * 2), (walk(), 18));
	cut_image_choose(&image, CUT_IMAGE_NONE, 0);
	assert_int_equal(get(0, 8), 1);
	image.pick[0] = 1;
	EQUAL((get(0, 8), 0), (get(0, 24), 1));
	image.pick[0] = 2;
	assert_int_equal(get(0, 8), -2);
	image.pick[1] = image.place[1].n - 1;
	assert_int_equal(get(0, 24), -2);
	image.pick[1] = 1;
	assert_int_equal(get(0, 24), 9);
}

TEST(a_torn_physical_sector_takes_its_neighbours_along)
{
	disk[0].unit = 8;
	put(0, 8, 7);
	put(0, 9, 7);
	OK(cut_disk_flush(&disk[0]));
	put(0, 9, 1);
	put(0, 10, 2);
	put(0, 9, 3);
	cut_image_take(&image, both, 1);
	assert_int_equal(image.n, 1);
	/* before, three writes; two sorts of garbage */
	assert_int_equal(cut_image_count(&image), 4 + 2);
	image.pick[0] = 1;
	EQUAL((get(0, 8), 7), (get(0, 9), 1), (get(0, 10), 0));
	image.pick[0] = 2;
	EQUAL((get(0, 9), 1), (get(0, 10), 2));
	cut_image_choose(&image, CUT_IMAGE_ALL, 0);
	EQUAL((get(0, 9), 3), (get(0, 10), 2));
	cut_image_choose(&image, CUT_IMAGE_ONE_GARBAGE, 0);
	assert_int_equal(get(0, 8), -2);
	cut_image_choose(&image, CUT_IMAGE_ONE_BAD, 0);
	assert_int_equal(get(0, 15), -1);
}

TEST(a_seed_gives_the_same_image_again)
{
	uint64_t hash[2];

	for (unsigned i = 0; i < 40; i++)
		put(0, i, 1 + (int)i);
	cut_image_take(&image, both, 1);
	for (unsigned i = 0; i < 2; i++) {
		cut_image_choose(&image, CUT_IMAGE_RANDOM, 42);
		cut_image_put(&image, 0, &out);
		hash[i] = out.hash;
	}
	assert_true(hash[0] == hash[1]);
	cut_image_choose(&image, CUT_IMAGE_RANDOM, 43);
	cut_image_put(&image, 0, &out);
	assert_true(hash[0] != out.hash);
}

TEST(counts_saturate)
{
	for (unsigned i = 0; i < 100; i++)
		put(0, i, 1);
	cut_image_take(&image, both, 1);
	assert_true(cut_image_count(&image) == UINT64_MAX);
}

TEST(hashes_of_all_images_differ)
{
	uint64_t seen[64];
	unsigned n = 0;
	bool more = true;

	put(0, 1, 1);
	put(0, 2, 2);
	put(0, 2, 3);
	cut_image_take(&image, both, 1);
	for (cut_image_choose(&image, CUT_IMAGE_NONE, 0); more; more = next(&image)) {
		cut_image_put(&image, 0, &out);
		for (unsigned i = 0; i < n; i++)
			assert_true(seen[i] != out.hash);
		seen[n++] = out.hash;
	}
	assert_int_equal(n, 6 + 2 * 3 + 2 * 2);
}

TEST_MAIN("cut_image", .set_up = set_up, .tear_down = tear_down)
