/* SPDX-License-Identifier: Apache-2.0 */
/* What one bundle is refused for, and in which words; keelboot-apply as a whole is apply_test.c's.
 */
#include "update/apply/apply_file.h"

#include "tests/unit/install_fixture.h"
#include "tests/unit/test.h"

#define SIZE (64u * 1024)

static uint8_t image[SIZE];
static struct state state;
static struct store store;
static struct cut_disk disk;
static struct apply_file_job job;

static void set_up(void)
{
	const struct fixture_image im = { "root", image, SIZE, 64 * 1024, false };
	const struct fixture_bundle b = {
		.image = &im, .nimages = 1, .version = "5.0", .compatible = "box", .sequence = 5
	};

	enum store_finding found;

	memset(image, 'x', sizeof(image));
	bdev_sim_init(&disk, STORE_MIN_SIZE);
	state_init(&state, 2);
	state.slot[0].st = STATE_GOOD;
	state.last = 0;
	fixture_ok(store_load(&store, &disk.bdev, &(struct state){ .seq = 0 }, &found));
	fixture_ok(store_save(&store, &state));
	job = (struct apply_file_job){
		.fd = fixture_make(&b),
		.name = "bundle",
		.compatible = "box",
		.copies = "",
		.store = &store,
		.state = &state,
		.mountable = 1,
		.mode = PLAN_AUTOMATIC,
		.want = STATE_NONE,
	};
}

static void tear_down(void)
{
	close(job.fd);
	cut_disk_free(&disk);
}

static void assert_why(const char *text)
{
	if (strstr(job.why, text) == NULL)
		fail_msg("not said: %s\n%s", text, job.why);
}

TEST(what_fits_has_a_target)
{
	OK(apply_file_look(&job));
	EQUAL((job.target, 1), (job.verified, true), (job.release.sequence, 5));
}

/* Else it would be written to a slot before the first one. */
TEST(what_is_refused_at_the_look_is_not_installed)
{
	unsigned ops = disk.own.ops;

	job.compatible = "another";
	FAILS(apply_file_install(&job), KB_ECOMPAT);
	assert_int_equal(job.target, STATE_NONE);
	assert_why("made for \"box\", but this device is \"another\"");
	assert_int_equal(disk.own.ops, ops);
}

/* Two reasons for one error, and two ways out. */
TEST(what_failed_here_and_what_is_barred_by_others_have_their_own_words)
{
	state.forgotten_max = 9;
	FAILS(apply_file_look(&job), KB_EREJECTED);
	assert_why("too many releases failed on this device; only newer ones are installed");
	state.slot[1].has_release = true;
	state.slot[1].sequence = 5;
	memcpy(state.slot[1].release, job.release.id, STATE_ID_LEN);
	state_reject(&state, &state.slot[1]);
	FAILS(apply_file_look(&job), KB_EREJECTED);
	assert_why("this release failed on this device before");
}

TEST_MAIN("apply_file", .set_up = set_up, .tear_down = tear_down, .quiet = true)
