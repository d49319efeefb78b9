/* SPDX-License-Identifier: Apache-2.0 */
/* The process that mounts for one in a cage: what it refuses. That it mounts is told by scenarios
 * in QEMU. */
#include "lib/log.h"
#include "lib/os_lend.h"
#include "tests/unit/test.h"

static struct os_lend l = { .sock = -1 };
static const struct os_lend_list list = { .n = 1, .dev = { "/dev/null" } };
static int dir;

static void set_up(void)
{
	log_set_name("test");
}

static void tear_down(void)
{
	os_lend_end(&l);
}

/* Without a right to mount there is none: it ends. */
static void begin(void)
{
	OK(os_lend_begin(&l, &list));
	if (os_lend_ask(&l, "/dev/other", false, &dir) == KB_ECHILD)
		skip();
}

TEST(without_a_lender_nothing_is_lent)
{
	FAILS(os_lend_ask(&l, "/dev/null", false, &dir), KB_EPERM);
	assert_int_equal(dir, -1);
	os_lend_give_back(&l);
	os_lend_end(&l);
}

TEST(partition_that_is_not_on_the_list_is_refused)
{
	begin();
	FAILS(os_lend_ask(&l, "/dev/nul", false, &dir), KB_EPERM);
	FAILS(os_lend_ask(&l, "/dev/null2", true, &dir), KB_EPERM);
	FAILS(os_lend_ask(&l, "", true, &dir), KB_EPERM);
	assert_int_equal(dir, -1);
}

TEST(what_is_no_fat_is_not_mounted)
{
	enum kb_err err;

	begin();
	for (unsigned i = 0; i < 2; i++) {
		err = os_lend_ask(&l, "/dev/null", i == 1, &dir);
		assert_true(err != KB_OK && err != KB_EPERM);
		assert_int_equal(dir, -1);
		os_lend_give_back(&l);
	}
}

TEST(lender_that_has_ended_is_none)
{
	begin();
	os_lend_end(&l);
	FAILS(os_lend_ask(&l, "/dev/null", false, &dir), KB_EPERM);
}

TEST_MAIN("os_lend", .set_up = set_up, .tear_down = tear_down)
