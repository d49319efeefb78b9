/* SPDX-License-Identifier: Apache-2.0 */
/* What a boot brings to the consoles: "# …" went to the kernel's log, "> …" to the consoles. */
#include "selector/plan.h"
#include "tests/trace/machine.h"

#define QUIET 4 /* loglevel= of the kernel's `quiet` */

static void lose_b(void *ctx, const char *const *argv)
{
	os_sim_fail("mount /dev/vda3", 0, KB_EMOUNT);
}

/* An apply that says how far it is, and a slot b that does not mount. */
static void story(const char *cmdline)
{
	struct state s = machine_trial();

	s.staged.source = STATE_SRC_DATA;
	machine_put(s);
	machine_child((struct os_sim_child){
		.argv0 = "keelboot-apply",
		.duration_ms = 3000,
		.status = 2 << 8,
		.say = { { 1000, "P 1 write 50 100\n", 0 } },
		.run = lose_b,
	});
	os_sim_log_level(LOG_LEVEL_DEBUG);
	machine.cmdline = cmdline;
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
}

TEST(decisions_problems_and_progress_are_seen_though_the_kernel_is_quiet)
{
	os_sim_loglevel(QUIET);
	story("quiet\n");
	assert_once("> slot a: 1.0, good");
	assert_once("> update: writing, 50 %");
	/* A problem below the kernel's level; and one that the kernel shows. */
	assert_int_equal(os_sim_count("> no system.conf"), 0);
	assert_once("# slot b: no mount");
	assert_absent("> slot b: no mount");
	/* How it came to it is in the kernel's log only. */
	assert_once("# update: looking at source data");
	assert_absent("> update: looking at source data");
	/* All that is seen is also kept. */
	assert_once("# slot a: 1.0, good");
	assert_order("# slot a: 1.0, good", "> slot a: 1.0, good");
}

TEST(a_kernel_that_shows_nothing_hides_nothing_of_ours)
{
	os_sim_loglevel(0);
	machine.conf = NULL;
	story("loglevel=0\n");
	assert_once("> no system.conf in the initramfs");
	assert_once("> slot b: no mount");
	assert_once("> slot a: 1.0, good");
	assert_absent("> update: looking at source data");
}

TEST(what_the_kernel_shows_is_not_written_again)
{
	story("loglevel=8 keelboot.log=debug\n");
	assert_once("# slot a: 1.0, good");
	assert_absent("> ");
}

TEST(the_key_rules_what_is_seen)
{
	os_sim_loglevel(QUIET);
	story("quiet keelboot.log=info\n");
	assert_once("> update: looking at source data");
	assert_once("> slot a: 1.0, good");
}

TEST(the_key_leaves_out_how_it_came_to_it)
{
	story("keelboot.log=quiet\n");
	assert_absent("# update: looking at source data");
	assert_once("# slot a: 1.0, good");
	assert_once("# update: writing, 50 %");
}

TEST(a_word_that_the_key_does_not_have_changes_nothing)
{
	os_sim_loglevel(QUIET);
	story("quiet keelboot.log=loud\n");
	assert_absent("> update: looking at source data");
	assert_once("> slot a: 1.0, good");
	assert_once("> keelboot.log=loud");
}

/* printk.devkmsg=off: what the kernel would have shown, it does not get. */
TEST(without_the_kernels_log_the_consoles_have_what_it_would_have_shown)
{
	log_to(-1, 0); /* as main() begins */
	os_sim_remove("/dev/kmsg");
	os_sim_loglevel(LOG_LEVEL_DEBUG);
	story("printk.devkmsg=off\n");
	assert_once("> update: looking at source data");
	assert_once("> slot b: no mount");
	assert_once("> slot a: 1.0, good");
	assert_absent("# ");
}

/* It counts the lines of each open file. */
TEST(a_limit_of_the_kernels_log_loses_no_line)
{
	os_sim_fail("write /proc/sys/kernel/printk_devkmsg", 0, KB_EINVAL);
	story("printk.devkmsg=ratelimit\n");
	assert_true(os_sim_count("open /dev/kmsg") > os_sim_count("# ") - 3);
}

TEST(without_a_limit_it_is_opened_once)
{
	story("quiet\n");
	/* Process 1, and its guardian. */
	assert_in_range(os_sim_count("open /dev/kmsg"), 1, 2);
}

TEST_MAIN("trace of the consoles", .set_up = machine_set_up, .tear_down = machine_tear_down)
