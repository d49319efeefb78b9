/* SPDX-License-Identifier: Apache-2.0 */
/* Images of which the bundle has what differs from an older one. This test is its own decoder. */
#include "tests/unit/install_slot.h"
#include "update/decoder/decoder_main.h"

#include <errno.h>
#include <sys/wait.h>

#define CHUNK (16 * KIB)
#define IMAGE (512 * KIB)
#define ROT   (20 * CHUNK + 77) /* in a chunk that is copied */

static uint8_t image[IMAGE], kernel[IMAGE / 2];
static int seed_fd = -1;
static struct install_seed seed;
static bool verify_first, misnamed;
static unsigned most; /* children at a time, while the second part is written */

/* Of two chunks the content is new; the kernel is there as a whole only. */
static void make_delta(bool whole)
{
	const struct fixture_image im[] = { { "root", image, IMAGE, CHUNK, false },
					    { "boot", kernel, IMAGE / 2, CHUNK, false } };
	const struct fixture_bundle b = { .image = im,
					  .nimages = 2,
					  .version = "2.0",
					  .sequence = 2,
					  .seed = before,
					  .seed_only = !whole,
					  .misnamed = misnamed };

	fixture_open(&reader, &bundle, fixture_make(&b));
}

static unsigned count_children(void)
{
	FILE *f = fopen(strf("/proc/self/task/%d/children", (int)getpid()), "re");
	unsigned n = 0;
	int pid;

	assert_non_null(f);
	while (fscanf(f, "%d", &pid) == 1)
		n++;
	fclose(f);
	return n;
}

static void count_processes(__attribute__((unused)) void *ctx, enum install_phase phase,
			    uint64_t done, __attribute__((unused)) uint64_t total)
{
	unsigned n = phase == INSTALL_READ_BACK && done == 0 ? count_children() : 0;

	most = n > most ? n : most;
}

static void make_seed(void)
{
	const struct fixture_image im = { "root", before, IMAGE, CHUNK, false };
	struct digest d;

	seed_fd = memfd_create("seed", MFD_CLOEXEC);
	fixture_append(seed_fd, before, IMAGE);
	OK(digest_init(&d));
	fixture_digest(&d, &im, seed.digest);
	digest_free(&d);
	seed.at = (struct decoder_seed){ seed_fd, IMAGE };
	seed.slot = 0;
}

static void set_up(void)
{
	fixture_fill(before, IMAGE, 1);
	fixture_fill(kernel, IMAGE / 2, 3);
	memcpy(image, before, IMAGE);
	fixture_fill(image + 5 * CHUNK, 2 * CHUNK, 2);
	make_seed();
	most = 0;
	verify_first = misnamed = false;
}

static void tear_down(void)
{
	close(seed_fd);
	free_devices();
}

static enum kb_err install(void)
{
	fixture_dev_init(&state_dev, &events, 0, STORE_MIN_SIZE);
	fixture_dev_init(&root_dev, &events, 1, PART);
	fixture_dev_init(&boot_dev, &events, 2, PART);
	forget_events();
	set_up_state(&state_dev.bdev);
	forget_events();
	set_up_install(2, TEST_SELF);
	set_up_part(0, "root", &root_dev.bdev);
	set_up_part(1, "boot", &boot_dev.bdev);
	in.seed = &seed;
	in.nseeds = 1;
	in.progress = count_processes;
	in.verify_first = verify_first;
	return install_run(&in);
}

static void assert_installed(void)
{
	assert_memory_equal(content(&root_dev, 0, IMAGE), image, IMAGE);
	assert_memory_equal(content(&boot_dev, 0, IMAGE / 2), kernel, IMAGE / 2);
}

static void assert_no_child(void)
{
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

TEST(what_did_not_change_is_copied)
{
	make_delta(false);
	OK(install());
	assert_installed();
	EQUAL((in.made_from, 0), (in.came_whole, 0), (most, 1));
	assert_no_child();
}

/* The part behind needs one decoder, and the next install finds none of this one. */
TEST(the_decoder_of_the_whole_image_ends_with_its_part)
{
	make_delta(true);
	fixture_flip(seed_fd, ROT);
	OK(install());
	assert_installed();
	EQUAL((in.came_whole, 1), (in.seed_changed, false), (most, 1));
	assert_no_child();
}

/* Else each boot with such a stick would begin it, and end in the middle. */
TEST(without_the_whole_image_the_seed_is_proved_before_the_first_write)
{
	make_delta(false);
	fixture_flip(seed_fd, ROT);
	FAILS(install(), KB_ESEED);
	EQUAL((fixture_writes(&events, 0), 0), (fixture_writes(&events, 1), 0));
	EQUAL((in.blame, INSTALL_BLAME_BUNDLE), (in.seed_changed, true));
	assert_non_null(strstr(in.why, "it needs the signed version 1.0; use a full bundle"));
	assert_no_child();
}

/* It is decoded before the first write, so its maker's error is found there, as `stage` does. */
TEST(without_the_whole_image_it_must_be_the_one_of_its_digest)
{
	misnamed = true;
	make_delta(false);
	for (unsigned first = 0; first < 2; first++) {
		verify_first = first == 1;
		if (verify_first)
			free_devices();
		FAILS(install(), KB_EDIGEST);
		EQUAL((fixture_writes(&events, 0), 0), (fixture_writes(&events, 1), 0));
		EQUAL((in.blame, INSTALL_BLAME_BUNDLE), (in.seed_changed, false));
		assert_non_null(strstr(in.why, "image root: its chunks are right, but digest="));
		assert_no_child();
	}
}

/* Nothing is decoded before. */
TEST(without_the_whole_image_a_payload_is_verified_first)
{
	make_delta(false);
	fixture_flip(bundle, reader.h.payload_off + 10);
	verify_first = true;
	FAILS(install(), KB_EDIGEST);
	assert_non_null(strstr(in.why, "its payload is not what was signed"));
	assert_no_child();
}

/* Nobody verified the whole image, and nothing of it is needed. */
TEST(a_kernel_is_looked_at_as_it_will_be_written)
{
	const struct fixture_image im[] = { { "boot", image, IMAGE, CHUNK, false },
					    { "root", kernel, IMAGE / 2, CHUNK, false } };
	const struct fixture_bundle b = {
		.image = im, .nimages = 2, .version = "2.0", .sequence = 2, .seed = before
	};

	fixture_open(&reader, &bundle, fixture_make(&b));
	for (unsigned i = 0; i < reader.m.nencodings; i++) {
		const struct manifest_encoding *enc = &reader.m.encoding[i];

		if (enc->image == 0 && enc->kind == MANIFEST_ENC_FULL)
			fixture_flip(bundle, reader.h.payload_off + enc->payload_off + 10);
	}
	verify_first = true;
	OK(install());
	assert_memory_equal(content(&boot_dev, 0, IMAGE), image, IMAGE);
	assert_int_equal(in.came_whole, 0);
}

TEST(a_seed_that_no_slot_has_did_not_change)
{
	make_delta(false);
	seed.digest[0] ^= 1;
	FAILS(install(), KB_ESEED);
	EQUAL((events.n, 0), (in.seed_changed, false));
}

TEST_MAIN("install_delta", .set_up = set_up, .tear_down = tear_down, .quiet = true,
	  .decoder = decoder_main)
