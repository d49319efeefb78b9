/* SPDX-License-Identifier: Apache-2.0 */
/* A slot that holds something else is not read for each chunk. This test is its own decoder. */
#include "tests/unit/install_slot.h"
#include "update/decoder/decoder_main.h"

#define CHUNK (16 * KIB)
#define IMAGE (1536 * KIB) /* 96 chunks */
#define HALF  (IMAGE / 2)

static uint8_t image[IMAGE];
static bool begun; /* the slot, by an install that was cut */

static int make_bundle(void)
{
	const struct fixture_image im = { "root", image, IMAGE, CHUNK, true };
	const struct fixture_bundle b = {
		.image = &im, .nimages = 1, .version = "2.0", .sequence = 2
	};

	return fixture_make(&b);
}

static void set_up(void)
{
	fixture_fill(image, IMAGE, 1);
	fixture_fill(before, IMAGE, 9); /* and nothing behind it */
	begun = false;
	fixture_open(&reader, &bundle, make_bundle());
}

/* The slot holds what `before` says. */
static void install(void)
{
	fixture_dev_init(&state_dev, &events, 0, STORE_MIN_SIZE);
	fixture_dev_init(&root_dev, &events, 1, PART);
	forget_events();
	set_up_state(&state_dev.bdev);
	put(&root_dev, 0, before, sizeof(before));
	forget_events();
	root_dev.nread = 0;
	set_up_install(1, TEST_SELF);
	set_up_part(0, "root", &root_dev.bdev);
	if (begun)
		state.slot[TARGET].st = STATE_WRITING;
	OK(install_run(&in));
	assert_memory_equal(content(&root_dev, 0, IMAGE), image, IMAGE);
}

TEST(next_to_nothing_of_another_image_is_read)
{
	/* What is behind the image is looked at, and read back. */
	uint64_t read_back = IMAGE + 2 * (PART - IMAGE) + 4 * INSTALL_SEAL_LEN;

	install();
	/* The first eight chunks, and one of sixteen. */
	assert_in_range(root_dev.nread, read_back, read_back + 16 * CHUNK);
	assert_in_range(in.bytes_written, IMAGE, IMAGE + 2 * INSTALL_SEAL_LEN);
}

/* They are in the slot already, and say nothing of what is between them. */
TEST(zeroes_between_the_chunks_make_no_slot_familiar)
{
	uint64_t read_back = IMAGE + 2 * (PART - IMAGE) + 4 * INSTALL_SEAL_LEN;

	for (uint32_t at = 0; at < IMAGE; at += 4 * CHUNK)
		memset(image + at, 0, CHUNK);
	memset(before, 0, IMAGE);
	fixture_open(&reader, &bundle, make_bundle());
	install();
	/* Of the others, the first eight and one of sixteen; of the zeroes all. */
	assert_in_range(root_dev.nread, read_back, read_back + (8 + 72 / 16 + 24) * CHUNK);
}

TEST(an_image_that_goes_on_as_the_slot_does_is_noticed)
{
	memcpy(before + HALF, image + HALF, HALF);
	install();
	assert_in_range(in.bytes_skipped, HALF - 16 * CHUNK, HALF);
	assert_in_range(events.redundant, 0, 16 * CHUNK);
}

TEST(chunks_that_differ_in_a_block_are_always_read)
{
	memcpy(before, image, IMAGE);
	for (uint32_t i = INSTALL_SEAL_LEN; i < IMAGE; i += CHUNK)
		before[i + 5000] ^= 1;
	install();
	assert_int_equal(in.bytes_written,
			 (IMAGE - INSTALL_SEAL_LEN) / CHUNK * 4096 + 2 * INSTALL_SEAL_LEN);
}

/* One new file in an image that is changed in place. */
TEST(chunks_behind_a_run_that_is_new_are_not_written_again)
{
	memcpy(before, image, IMAGE);
	fixture_fill(before + 40 * CHUNK, 13 * CHUNK, 9);
	install();
	assert_int_equal(in.bytes_written, 13 * CHUNK + 2 * INSTALL_SEAL_LEN);
	assert_int_equal(events.redundant, 0);
}

/* What that has written says nothing of what is behind it. */
TEST(what_an_install_wrote_that_was_cut_makes_no_slot_familiar)
{
	/* The first half is read to be known, the other one to be read back. */
	uint64_t needed = IMAGE + 2 * (PART - IMAGE) + 4 * INSTALL_SEAL_LEN;

	memcpy(before, image, HALF);
	memset(before, 0, INSTALL_SEAL_LEN);
	begun = true;
	install();
	assert_in_range(root_dev.nread, needed, needed + 16 * CHUNK);
	assert_in_range(in.bytes_skipped, HALF - INSTALL_SEAL_LEN, HALF);
}

int main(int argc, char **argv)
{
	return test_main(argc, argv,
			 &(struct test_group){ "install_foreign", .set_up = set_up,
					       .tear_down = free_devices, .quiet = true,
					       .decoder = decoder_main });
}
