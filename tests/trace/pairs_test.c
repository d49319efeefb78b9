/* SPDX-License-Identifier: Apache-2.0 */
/* Slots that have a kernel of their own each, and the boot loader that is asked for it. */
#include "lib/util.h"
#include "selector/loader_end.h"
#include "tests/trace/pairs.h"

#define ASKS "spawn " LOADER " grub /dev/vda7 "
#define GRUB SLOTS "[loader]\nkind=grub\nenvironment=PARTLABEL=grubenv\n"

static void has_pairs(const char *cmdline)
{
	machine.conf = GRUB;
	machine.cmdline = cmdline;
	add_partition("boot-a", NULL);
	add_partition("boot-b", NULL);
	add_partition("grubenv", NULL);
}

static void set_up(void)
{
	machine_set_up();
	has_pairs("keelboot.pair=a\n");
}

static void loader_obeys(void)
{
	loader_says("once", "default=a once=b\n", 0);
	loader_says("get", "default=a once=-\n", 0);
}

/* b was charged, and handed over. */
static struct state handed(uint8_t tries)
{
	struct state s = machine_trial_ended(tries);

	s.handed = s.open_token;
	return s;
}

/* The same device is started again, by that pair. */
static void starts(const char *cmdline)
{
	machine_restart();
	machine.cmdline = cmdline;
}

TEST(trial_is_charged_handed_over_and_booted_by_its_own_kernel)
{
	machine_put(machine_trial());
	loader_obeys();
	machine_reboots_as("pair_is_handed_over");
	assert_order(ASKS "once b", "reboot");
	assert_absent("mount " SLOT_B_DEV);
	EQUAL((machine_get().slot[1].tries, STATE_TRIES - 1), (machine_get().open, 1));
	assert_true(machine_get().handed == machine_get().open_token);

	starts("keelboot.pair=b\n");
	machine_boots_as("pair_has_come_up", 'b');
	EQUAL((machine_get().slot[1].tries, STATE_TRIES - 1), (machine_get().open, 1));
	assert_true(machine_get().handed == 0);
	assert_absent("spawn " LOADER);
	machine_told("\"pair\":\"b\"");
	devices_have("loader grub /dev/vda7\npair b\n");
}

TEST(healthy_boot_asks_the_loader_nothing_and_writes_nothing)
{
	machine_put(machine_good());
	machine_boots_as("pair_of_a_good_slot", 'a');
	assert_absent("spawn " LOADER);
	assert_absent("write " STATE_DEV);
}

TEST(loader_that_counts_starts_hears_that_this_one_came_up)
{
	machine.cmdline = "keelboot.pair=a,counted\n";
	machine_put(machine_good());
	loader_says("came-up", "default=a once=-\n", 0);
	machine_boots_as("pair_answers_the_count", 'a');
	assert_once(ASKS "came-up");
	assert_order(ASKS "came-up", "mount " SLOT_A_DEV);
	assert_absent("write " STATE_DEV);
}

TEST(loader_that_cannot_be_answered_is_told_of)
{
	machine.cmdline = "keelboot.pair=a,counted\n";
	machine_put(machine_good());
	loader_says("came-up", "/dev/vda7: read-only\n", 1);
	machine_boots('a');
	machine_told(
		"{\"id\":\"loader\",\"text\":\"boot loader: it counts the starts of this kernel");
}

/* U-Boot saves its count into an empty environment before init looks: that is sound, and has no
 * preset. */
TEST(store_that_lost_its_preset_is_told_of)
{
	machine.cmdline = "keelboot.pair=a,counted\n";
	machine_put(machine_good());
	loader_says("came-up", "default=- once=-\n", 0);
	machine_boots_as("pair_without_a_preset", 'a');
	assert_once(ASKS "came-up");
	assert_once("# boot loader: its store names no kernel that it starts by default");
	machine_told(
		"{\"id\":\"loader\",\"text\":\"boot loader: its store names no kernel that it starts by default: it was lost, or never written. This time it started that of slot a");
}

/* The preset is b, a good slot, and its kernel rotted: three starts, then a's. */
TEST(preset_that_did_not_come_up_is_replaced_before_it_is_asked_for_again)
{
	struct state s = machine_good();

	s.pref = 1;
	machine_put(s);
	machine.cmdline = "keelboot.pair=a,instead\n";
	loader_says("default", "default=a once=-\n", 0);
	loader_obeys();
	machine_reboots_as("pair_instead_of_the_preset");
	assert_order(ASKS "default a", ASKS "once b");

	for (unsigned i = 1; i < STATE_STREAK_LIMIT; i++) {
		starts("keelboot.pair=a\n");
		loader_obeys();
		assert_int_equal(machine_boot(), OS_SIM_REBOOT);
	}
	starts("keelboot.pair=a\n");
	machine_boots('a');
	machine_told("\"reason\":\"b: its kernel did not come up");
}

TEST(kernel_that_does_not_come_up_costs_a_try_each_time)
{
	machine_put(handed(2));
	loader_obeys();
	assert_int_equal(machine_boot(), OS_SIM_REBOOT); /* one is left */
	assert_int_equal(machine_get().slot[1].tries, 1);

	starts("keelboot.pair=a\n");
	loader_obeys();
	assert_int_equal(machine_boot(), OS_SIM_REBOOT);
	assert_int_equal(machine_get().slot[1].tries, 0);

	starts("keelboot.pair=a\n");
	machine_boots_as("pair_did_not_come_up", 'a');
	assert_absent("spawn " LOADER);
	machine_told("\"reason\":\"b: its kernel did not come up\"");
	EQUAL((machine_get().slot[1].st, STATE_BAD), (machine_get().open, STATE_NONE));
}

/* The preferred slot is good, and its kernel is gone. */
TEST(good_slot_whose_kernel_does_not_come_up_is_left)
{
	struct state s = machine_good();
	unsigned asked = 0;

	s.pref = 1;
	machine_put(s);
	loader_obeys();
	for (; machine_boot() == OS_SIM_REBOOT && asked < 10; asked++) {
		starts("keelboot.pair=a\n");
		loader_obeys();
	}
	assert_int_equal(asked, STATE_STREAK_LIMIT);
	assert_string_equal(os_sim_text("/run/keelboot/slot"), "a\n");
	machine_told("\"reason\":\"b: its kernel did not come up");
}

/* It says this once, before the slot is charged. */
static void loader_said(const char *text)
{
	machine_child((struct os_sim_child){ .argv0 = LOADER,
					     .arg = "get",
					     .say = { { 10, text, 0 } },
					     .duration_ms = 20,
					     .times = 1 });
}

TEST(loader_that_cannot_be_asked_leaves_the_slot_whose_kernel_runs)
{
	machine_put(machine_trial());
	loader_said("default=a once=-\n");
	loader_says("get", "/dev/vda7: no environment block\n", 1);
	loader_says("once", "/dev/vda7: no environment block\n", 1);
	machine_boots_as("pair_cannot_be_asked_for", 'a');
	machine_told("\"reason\":\"b: the boot loader cannot be asked for its kernel\"");
	assert_once("# boot loader: once: /dev/vda7: no environment block");
	EQUAL((machine_get().slot[1].tries, STATE_TRIES - 1), (machine_get().handed, 0));
}

/* Such as one without room. It starts what it did, so it costs no try, boot after boot; the line in
 * the history is one. */
TEST(loader_that_refuses_what_it_is_asked_and_is_as_it_was_costs_nothing)
{
	machine_put(machine_trial());
	for (unsigned i = 0; i < STATE_TRIES + 1; i++) {
		machine_restart();
		loader_says("get", "default=a once=-\n", 0);
		loader_says("once", "/dev/vda7: the environment is full\n", 1);
		if (i == 0)
			machine_boots_as("pair_is_refused", 'a');
		else
			machine_boots('a');
		assert_int_equal(os_sim_count("write " STATE_DEV), i == 0 ? 4 : 2);
		assert_int_equal(os_sim_count(ASKS "get"), 2);
		EQUAL((machine_get().slot[1].tries, STATE_TRIES), (machine_get().open, STATE_NONE));
		assert_int_equal(machine_get().slot[1].st, STATE_TRIAL);
		machine_told(
			"{\"id\":\"loader\",\"text\":\"boot loader: it does not take that it starts the kernel of slot b once");
		machine_told("the environment is full");
		machine_told("\"reason\":\"b: the boot loader does not take what it is asked\"");
	}
}

TEST(loader_that_refuses_takes_no_trust_from_a_good_slot)
{
	struct state s = machine_good();

	s.pref = 1;
	machine_put(s);
	for (unsigned i = 0; i < STATE_STREAK_LIMIT + 1; i++) {
		machine_restart();
		loader_says("get", "default=a once=-\n", 0);
		loader_says("once", "read-only\n", 1);
		machine_boots('a');
		EQUAL((machine_get().slot[1].streak, 0), (machine_get().open, STATE_NONE));
	}
}

/* What it was asked for is there, or its preset is another; or the helper did not end by itself. */
TEST(loader_that_may_start_the_slot_all_the_same_keeps_the_charge)
{
	static const char *const then[] = { "default=a once=b\n", "default=b once=-\n",
					    "default=- once=-\n", "no answer\n",
					    "default=a once=-\n", "default=a once=-\n" };

	for (unsigned i = 0; i < KB_ARRAY_LEN(then); i++) {
		bool last = i == KB_ARRAY_LEN(then) - 1;

		machine_anew();
		has_pairs("keelboot.pair=a\n");
		machine_put(machine_trial());
		loader_said("default=a once=-\n");
		loader_says("get", then[i], 0);
		if (last)
			machine_child((struct os_sim_child){
				.argv0 = LOADER, .arg = "once", .hangs = true });
		else
			loader_says("once", "input/output error\n",
				    i == KB_ARRAY_LEN(then) - 2 ? LOADER_ABSENT : LOADER_FAILED);
		machine_boots('a');
		machine_told("\"reason\":\"b: the boot loader cannot be asked for its kernel\"");
		EQUAL((machine_get().slot[1].tries, STATE_TRIES - 1), (machine_get().handed, 0));
	}
}

/* Nothing was restarted, so nothing can go on forever: it costs no try. */
TEST(loader_that_cannot_even_be_read_costs_nothing)
{
	machine_put(machine_trial());
	loader_says("get", "/dev/vda7: no environment block\n", 1);
	machine_boots('a');
	assert_absent(ASKS "once");
	machine_told("\"reason\":\"b: the boot loader cannot be asked for its kernel\"");
	assert_int_equal(machine_get().slot[1].tries, STATE_TRIES);
}

/* Else the device would be in a rescue at each start: nothing mends its loader's store there. */
TEST(good_slot_whose_loader_cannot_be_read_boots_if_nothing_else_mounts)
{
	for (unsigned i = 0; i < 2; i++) {
		struct state s = machine_good();

		machine_anew();
		has_pairs("keelboot.pair=a\n");
		s.pref = 1;
		machine_put(s);
		if (i == 0)
			loader_says("get", "/dev/vda7: no environment block\n", 1);
		else
			machine.disk.part[5].partlabel = "other";
		os_sim_fail("mount " SLOT_A_DEV, 1, KB_EMOUNT);
		machine_boots('b');
		assert_absent(ASKS "once");
		assert_once(
			"# slot b runs with the kernel of slot a: its own kernel cannot be started");
		EQUAL((machine_get().slot[1].streak, 0), (machine_get().handed, 0));
	}
}

/* Slot b is on trial, and an update is staged: the loader would start neither. */
static void assert_asked_for_no_trial(const char *cmdline)
{
	struct state s = machine_trial();

	s.staged.source = STATE_SRC_DATA;
	machine_put(s);
	machine.cmdline = cmdline;
	loader_obeys();
	machine_child(apply(0, NULL));
	machine_boots('a');
	assert_absent(ASKS "once");
	assert_absent("spawn " APPLY);
	EQUAL((machine_get().slot[1].tries, STATE_TRIES), (machine_get().open, STATE_NONE));
}

static void assert_asked_for_nothing(const char *cmdline, const char *came_up)
{
	if (came_up != NULL)
		loader_says("came-up", came_up, 0);
	assert_asked_for_no_trial(cmdline);
	assert_absent(ASKS "default");
}

/* It would start its preset, again and again, and the release would be rejected for that. */
TEST(loader_that_cannot_write_its_store_is_asked_for_no_trial)
{
	assert_asked_for_nothing("keelboot.pair=a,unsaved\n", NULL);
	assert_absent("spawn " LOADER);
	machine_told("{\"id\":\"loader\",\"text\":\"boot loader: it cannot write its store");
	machine_told("\"reason\":\"b: the boot loader cannot write its store\"");
	devices_have("pair a unsaved\n");
}

/* Such as an environment at an old place, or a cloned card's: what is written there, it never sees.
 */
TEST(loader_that_counted_in_another_store_is_asked_for_no_trial)
{
	assert_asked_for_nothing("keelboot.pair=a,counted\n", "default=a once=- uncounted\n");
	assert_once(ASKS "came-up");
	machine_told(
		"{\"id\":\"loader\",\"text\":\"boot loader: it counted the start of this kernel, and the store that init has knows of none");
	machine_told("\"reason\":\"b: the boot loader has another store\"");
	devices_have("pair a other-store\n");
}

static void install_in_rescue(void *ctx, const char *const *argv)
{
	applies_whole(PLAN_RESCUE);
	os_sim_fs(SLOT_B_DEV, "ext4");
}

/* What it brings boots by the kernel that runs. */
TEST(loader_that_cannot_write_its_store_keeps_no_rescue_from_a_repair)
{
	struct os_sim_child fixes = apply(0, "--rescue");
	struct os_sim_disk stick = machine_stick();

	machine_put(machine_good());
	machine.cmdline = "keelboot.pair=a,unsaved\n";
	os_sim_fail("mount " SLOT_A_DEV, 0, KB_EMOUNT);
	os_sim_fail("mount " SLOT_B_DEV, 1, KB_EMOUNT);
	loader_says("get", "default=a once=-\n", 0);
	fixes.run = install_in_rescue;
	machine_child(fixes);
	stick.at_ms = 95000;
	machine_plug(stick);
	machine_boots('b');
	assert_absent(ASKS "once");
	assert_once("# slot b runs with the kernel of slot a: its own kernel cannot be started");
}

static void rescue_asks(const char *store)
{
	struct os_sim_disk stick = machine_stick();

	machine_put(machine_good());
	machine.cmdline = "keelboot.pair=a,unsaved\n";
	os_sim_fail("mount " SLOT_A_DEV, 0, KB_EMOUNT);
	os_sim_fail("mount " SLOT_B_DEV, 1, KB_EMOUNT);
	loader_says("get", store, 0);
	loader_says("default", "/dev/vda7: read-only\n", 1);
	stick.at_ms = 95000;
	machine_plug(stick);
}

/* It starts nothing once that it cannot forget, so its preset is what starts next. */
TEST(once_that_the_loader_cannot_forget_keeps_no_rescue_from_a_repair)
{
	struct os_sim_child fixes = apply(0, "--rescue");

	rescue_asks("default=a once=b\n");
	fixes.run = install_in_rescue;
	machine_child(fixes);
	machine_boots('b');
	assert_once("spawn " LOADER " grub /dev/vda7 default a");
	assert_once("# slot b runs with the kernel of slot a: its own kernel cannot be started");
}

TEST(rescue_overwrites_no_pair_that_a_loader_without_a_store_starts_next)
{
	rescue_asks("default=b once=-\n");
	assert_int_equal(machine_boot(), OS_SIM_REBOOT);
	assert_absent("spawn " APPLY);
}

/* It could be asked for nothing, so it would try nothing that is installed now. */
static void boots_unheard(const char *cmdline)
{
	machine.cmdline = cmdline;
	machine_boots('a');
	devices_have("loader grub /dev/vda7\npair a unheard\n");
}

TEST(store_that_cannot_be_read_is_known_to_the_command)
{
	machine_put(machine_trial());
	loader_says("get", "/dev/vda7: no environment block\n", 1);
	boots_unheard("keelboot.pair=a\n");
}

TEST(store_that_takes_no_word_is_known_to_the_command)
{
	machine_put(machine_trial());
	loader_says("get", "default=a once=-\n", 0);
	loader_says("once", "/dev/vda7: the environment is full\n", 1);
	boots_unheard("keelboot.pair=a\n");
}

TEST(preset_that_cannot_be_written_is_known_to_the_command)
{
	machine_put(machine_staged());
	loader_says("get", "default=b once=-\n", 0);
	loader_says("default", "/dev/vda7: read-only\n", 1);
	machine_child(apply(0, NULL));
	boots_unheard("keelboot.pair=a\n");
}

/* What is written before an install mends a block that was damaged. */
TEST(store_that_is_made_anew_is_heard)
{
	machine_put(machine_staged());
	loader_says("get", "/dev/vda7: no environment block\n", 1);
	loader_says("default", "default=a once=-\n", 0);
	machine_child(apply(2, NULL));
	machine_boots('a');
	assert_once("spawn " APPLY);
	devices_have("pair a\n");
}

/* Its store can be read, and not be written: it would start no trial either. */
TEST(loader_that_hears_no_answer_is_asked_for_no_trial)
{
	static const char *const starts_as[] = { "keelboot.pair=a,counted\n",
						 "keelboot.pair=a,instead\n" };

	for (unsigned i = 0; i < KB_ARRAY_LEN(starts_as); i++) {
		machine_anew();
		has_pairs(starts_as[i]);
		loader_says("came-up", "/dev/vda7: read-only\n", 1);
		loader_says("default", "/dev/vda7: read-only\n", 1);
		assert_asked_for_no_trial(starts_as[i]);
		assert_true(os_sim_count(ASKS "default a") == 1 + i);
		machine_told("\"reason\":\"b: the boot loader does not hear init\"");
		devices_have("pair a unheard\n");
	}
}

/* The same loader hears it later: that says as well that this kernel came up. */
TEST(install_answers_a_loader_that_did_not_hear_init)
{
	machine.cmdline = "keelboot.pair=a,counted\n";
	machine_put(machine_staged());
	loader_says("came-up", "/dev/vda7: read-only\n", 1);
	loader_says("get", "default=a once=-\n", 0);
	loader_says("default", "default=a once=-\n", 0);
	machine_child(apply(2, NULL));
	machine_boots('a');
	assert_order(ASKS "default a", "spawn " APPLY);
	devices_have("pair a\n");
}

/* It is asked to forget what may be overwritten, and that fails. */
TEST(rescue_overwrites_no_pair_that_a_loader_that_hears_nothing_starts_once)
{
	rescue_asks("default=a once=b\n");
	machine.cmdline = "keelboot.pair=a,counted\n";
	loader_says("came-up", "/dev/vda7: read-only\n", 1);
	assert_int_equal(machine_boot(), OS_SIM_REBOOT);
	assert_absent("spawn " APPLY);
}

TEST(loader_that_hangs_is_ended)
{
	machine_put(machine_trial());
	machine_child((struct os_sim_child){ .argv0 = LOADER, .hangs = true });
	machine_boots('a');
	assert_once("# keelboot-loader does not end");
}

TEST(loader_that_says_too_much_is_no_answer)
{
	static char flood[600];

	memset(flood, 'x', sizeof(flood) - 1);
	machine_put(machine_trial());
	loader_says("once", flood, 0);
	machine_boots('a');
}

TEST(attempt_that_goes_on_looks_for_no_update)
{
	struct state s = handed(0); /* the last try */

	s.staged.source = STATE_SRC_DATA;
	machine_put(s);
	machine.cmdline = "keelboot.pair=b\n";
	loader_says("get", "default=b once=-\n", 0);
	machine_child(apply(0, NULL));
	machine_boots('b');
	assert_absent("spawn " APPLY);
}

/* Before an install, the loader's preset is a pair that stays. */
TEST(preset_is_made_safe_before_an_install)
{
	machine_put(machine_staged());
	loader_says("get", "default=b once=-\n", 0);
	loader_says("default", "default=a once=-\n", 0);
	machine_child(apply(2, NULL));
	machine_boots_as("pair_preset_is_made_safe", 'a');
	assert_order(ASKS "default a", "spawn " APPLY);
	assert_once(
		"spawn " APPLY
		" --state /dev/vda1 --slot a:root=/dev/vda2 --slot a:boot=/dev/vda5 --slot b:root=/dev/vda3 --slot b:boot=/dev/vda6 --mountable 3 --in-use 1 ");
}

TEST(nothing_is_installed_while_the_loader_may_start_what_is_overwritten)
{
	static const struct {
		const char *get;
		int gets;
	} cases[] = { { "default=b once=-\n", 0 },
		      { "default=a once=b\n", 0 },
		      { "what?\n", 0 },
		      { "no block\n", 1 } };

	for (unsigned i = 0; i < KB_ARRAY_LEN(cases); i++) {
		machine_anew();
		has_pairs("keelboot.pair=a\n");
		machine_put(machine_staged());
		loader_says("get", cases[i].get, cases[i].gets);
		loader_says("default", "read-only\n", 1);
		machine_child(apply(0, NULL));
		machine_boots('a');
		assert_absent("spawn " APPLY);
		machine_told(
			"{\"id\":\"loader\",\"text\":\"boot loader: no update is installed: it may start what is overwritten; see keelboot doctor");
	}
}

/* Then what proved itself goes first, and nothing is installed. */
TEST(without_a_word_of_the_loader_no_trial_is_booted_while_a_good_slot_mounts)
{
	struct state s = machine_trial();

	machine.cmdline = "quiet\n";
	s.staged.source = STATE_SRC_DATA;
	machine_put(s);
	machine_child(apply(0, NULL));
	machine_boots('a');
	assert_absent("spawn " LOADER);
	assert_absent("spawn " APPLY);
	machine_told(
		"{\"id\":\"loader\",\"text\":\"boot loader: it does not say whose kernel runs");
	machine_told("\"reason\":\"b: on trial, and nobody says whose kernel runs\"");
	assert_int_equal(machine_get().slot[1].tries, STATE_TRIES);
	devices_have("pair -\n");
}

/* The kernel of b came up, and can write nothing; the store says this. */
static enum os_sim_end unwritable(const char *cmdline, const char *store)
{
	machine_anew();
	has_pairs(cmdline);
	machine_put(handed(2));
	os_sim_fail("write " STATE_DEV, 0, KB_EIO);
	loader_says("get", store, 0);
	return machine_boot();
}

/* GRUB has forgotten what it was asked for, so that a restart brings the kernel of a. */
TEST(arrival_that_cannot_be_written_restarts_where_the_loader_starts_the_good_slot)
{
	EQUAL((unwritable("keelboot.pair=b,once\n", "default=a once=-\n"), OS_SIM_REBOOT));
	assert_once("# slot a: restarting with its own kernel: the state cannot be written");
	assert_absent("mount " SLOT_A_DEV);
	assert_absent(ASKS "once");
}

/* What it means could not be written, so the next boot reads it again. */
TEST(panic_record_stays_where_the_kernel_goes_back)
{
	machine_anew();
	has_pairs("keelboot.pair=b,once\n");
	os_sim_file("/sys/module/pstore/parameters/backend", "ramoops\n");
	os_sim_file("/sys/fs/pstore/.there", "");
	os_sim_file("/sys/fs/pstore/dmesg-ramoops-0", "Panic#1 Part1\n");
	machine_put(handed(2));
	os_sim_fail("write " STATE_DEV, 0, KB_EIO);
	loader_says("get", "default=a once=-\n", 0);
	EQUAL((machine_boot(), OS_SIM_REBOOT));
	assert_once("# slot a: restarting with its own kernel");
	assert_absent("unlink /sys/fs/pstore/");
}

/* It would start this kernel again and again. */
TEST(arrival_that_cannot_be_written_boots_the_good_slot_where_a_restart_may_repeat_it)
{
	static const struct {
		const char *cmdline, *get;
	} cases[] = { { "keelboot.pair=b,once\n", "default=a once=b\n" },
		      { "keelboot.pair=b,once\n", "default=b once=-\n" },
		      { "keelboot.pair=b,once\n", "default=- once=-\n" },
		      { "keelboot.pair=b\n", "default=a once=-\n" },
		      { "keelboot.pair=b,unsaved\n", "default=a once=-\n" } };

	for (unsigned i = 0; i < KB_ARRAY_LEN(cases); i++) {
		EQUAL((unwritable(cases[i].cmdline, cases[i].get), OS_SIM_EXEC));
		assert_once("mount " SLOT_A_DEV);
		assert_absent("# slot a: restarting");
		assert_true(os_sim_count("# slot a runs with the kernel of slot b: ") == 1);
	}
}

/* The kernel of b was asked for, and runs; the store says this. */
static void hand_over_good_b(const char *cmdline, const char *store)
{
	struct state s = machine_good();

	s.pref = 1;
	s.open = 1;
	s.open_token = s.handed = 7;
	machine_put(s);
	machine.cmdline = cmdline;
	loader_says("get", store, 0);
	loader_says("default", "default=b once=-\n", 0);
}

/* A restart that asks for it once was lost, and b is good: the next boots need none. */
TEST(good_slot_that_was_handed_over_becomes_the_preset)
{
	hand_over_good_b("keelboot.pair=b\n", "default=a once=-\n");
	machine_boots('b');
	assert_once(ASKS "default b");
	assert_order("mount " SLOT_B_DEV, ASKS "default b");
	assert_absent("# boot loader: its store named no kernel");
}

/* The other kernel's init has asked for it, and what it said went with that boot. */
TEST(slot_that_was_handed_over_tells_that_the_preset_was_lost)
{
	hand_over_good_b("keelboot.pair=b,once\n", "default=- once=-\n");
	machine_boots_as("pair_sets_a_lost_preset", 'b');
	assert_order(ASKS "get", ASKS "default b");
	machine_told(
		"{\"id\":\"loader\",\"text\":\"boot loader: its store named no kernel that it starts by default: it was lost, or never written. From now on it starts that of slot b\"");
}

/* It was not asked what it needs of this one. */
TEST(slot_that_boots_by_a_foreign_kernel_gets_its_driver_or_is_passed_over)
{
	machine_put(machine_trial());
	machine.disk.part[2].fstype = "squashfs";
	machine.disk.part[1].fstype = NULL;
	os_sim_file("/proc/filesystems", "nodev\tsysfs\n\text4\n");
	loader_says("get", "default=a once=-\n", 0);
	loader_says("once", "read-only\n", 1);
	(void)machine_boot();
	assert_absent("mount " SLOT_B_DEV);
	assert_true(os_sim_count("# slot b: this kernel has no squashfs") > 0);
}

TEST(slots_without_pairs_are_told)
{
	machine_anew();
	machine.conf = "[system]\ncompatible=trace\n[loader]\nkind=uefi\n";
	machine_put(machine_trial());
	machine_boots('b');
	machine_told("no slot has a partition for boot=");
}

static void conf_is_damaged(const char *cmdline, struct state s)
{
	machine_anew();
	machine.conf = "[system]\ncompatible=trace\n[loa\x04er]\nkind=grub\n";
	machine.cmdline = cmdline;
	machine_put(s);
}

/* The loader's word says that there are pairs: this one proves nothing of b. */
TEST(damaged_system_conf_boots_no_trial_by_another_kernel)
{
	struct state s = machine_trial();

	s.staged.source = STATE_SRC_DATA;
	conf_is_damaged("keelboot.pair=a\n", s);
	machine_child(apply(0, NULL));
	machine_boots('a');
	assert_absent("spawn " APPLY);
	assert_absent("spawn " LOADER);
	EQUAL((machine_get().slot[1].tries, STATE_TRIES), (machine_get().open, STATE_NONE));
	machine_told(
		"{\"id\":\"loader\",\"text\":\"boot loader: system.conf is missing or damaged");
	machine_told("\"reason\":\"b: system.conf is missing or damaged");
	devices_have("pair a\n");
}

TEST(missing_system_conf_boots_no_trial_by_another_kernel)
{
	machine_anew();
	machine.conf = NULL;
	machine.cmdline = "keelboot.pair=a\n";
	machine_put(machine_trial());
	machine_boots('a');
	EQUAL((machine_get().slot[1].tries, STATE_TRIES), (machine_get().open, STATE_NONE));
	machine_told("boot loader: system.conf is missing or damaged");
}

TEST(damaged_system_conf_boots_the_slot_whose_kernel_runs)
{
	conf_is_damaged("keelboot.pair=b,once\n", handed(2));
	machine_boots('b');
	EQUAL((machine_get().slot[1].tries, 2), (machine_get().handed, 0));
	assert_absent("spawn " LOADER);
}

/* Something boots. */
TEST(damaged_system_conf_boots_by_another_kernel_what_else_would_not_boot)
{
	conf_is_damaged("keelboot.pair=a\n", machine_trial());
	os_sim_fail("mount " SLOT_A_DEV, 1, KB_EMOUNT);
	machine_boots('b');
	assert_true(os_sim_count("# slot b runs with the kernel of slot a: ") == 1);
}

static enum kb_err lose_command_line(const char *call)
{
	(void)call;
	os_sim_remove("/proc/cmdline");
	return KB_OK;
}

/* There may be pairs, and nobody says whose kernel this is. */
TEST(damaged_system_conf_without_a_command_line_boots_what_proved_itself)
{
	struct state s = machine_trial();

	s.staged.source = STATE_SRC_DATA;
	conf_is_damaged("keelboot.pair=a\n", s);
	machine_child(apply(0, NULL));
	os_sim_on_call(lose_command_line);
	machine_boots('a');
	os_sim_on_call(NULL);
	assert_absent("spawn " APPLY);
	EQUAL((machine_get().slot[1].tries, STATE_TRIES), (machine_get().open, STATE_NONE));
	machine_told("and the command line cannot be read, so nobody says whose kernel runs");
	machine_told("\"reason\":\"b: on trial, and nobody says whose kernel runs");
}

/* A slip of the maker's: there are pairs. */
static void kind_is_unknown(const char *cmdline, struct state s)
{
	machine_anew();
	machine.conf = SLOTS "[loader]\nkind=Grub\n";
	machine.cmdline = cmdline;
	s.staged.source = STATE_SRC_DATA;
	machine_put(s);
	machine_child(apply(0, NULL));
}

TEST(unknown_kind_of_loader_boots_no_trial_by_another_kernel)
{
	kind_is_unknown("keelboot.pair=a\n", machine_trial());
	machine_boots('a');
	assert_absent("spawn " APPLY);
	EQUAL((machine_get().slot[1].tries, STATE_TRIES), (machine_get().open, STATE_NONE));
	machine_told("boot loader: [loader] kind= cannot be read, and does not say what starts");
	machine_told("\"reason\":\"b: [loader] kind= cannot be read");
}

/* As by UEFI, which has no word for it. */
TEST(unknown_kind_of_loader_installs_nothing_where_slots_have_kernels)
{
	kind_is_unknown("", machine_trial());
	machine_boots('a');
	assert_absent("spawn " APPLY);
	machine_told(
		"boot loader: [loader] kind= cannot be read, so nobody says whose kernel runs");
}

TEST(chosen_slot_boots_by_the_kernel_that_runs)
{
	machine.cmdline = "keelboot.pair=a keelboot.slot=b\n";
	machine_put(machine_good());
	machine_boots('b');
	assert_absent("spawn " LOADER);
}

TEST(partition_of_a_kernel_that_is_gone_costs_nothing)
{
	machine.disk.part[5].partlabel = "other";
	machine_put(machine_trial());
	machine_boots('a');
	machine_told("\"reason\":\"b: no partition of its kernel\"");
	assert_int_equal(machine_get().slot[1].tries, STATE_TRIES);
}

/* Its own kernel has the driver that this one lacks. */
TEST(drivers_of_this_kernel_do_not_matter_to_another)
{
	machine_put(machine_trial());
	machine.disk.part[2].fstype = "squashfs";
	os_sim_file("/proc/filesystems", "nodev\tsysfs\n\text4\n");
	loader_obeys();
	assert_int_equal(machine_boot(), OS_SIM_REBOOT);
}

/* The firmware says it, and not the command line, which is in the image. */
TEST(firmware_says_whose_kernel_runs)
{
	machine.conf = SLOTS "[loader]\nkind=uefi\n";
	machine.cmdline = "quiet\n";
	machine_put(handed(2));
	loader_says("booted", "booted=b\n", 0);
	machine_boots_as("pair_by_the_firmware", 'b');
	assert_once("spawn " LOADER " uefi a=/dev/vda5,b=/dev/vda6 booted");
}

TEST_MAIN("trace of the pairs", .set_up = set_up, .tear_down = machine_tear_down)
