/* SPDX-License-Identifier: Apache-2.0 */
/* What a boot learns of the reset before it, and when it lets go of that. */
#include "tests/trace/machine.h"

#define RECORD "/sys/fs/pstore/dmesg-ramoops-0"
#define LOADER "/proc/device-tree/chosen/reset-source"
#define PANIC  "Panic#1 Part1\n<0>[    4.2] Kernel panic - not syncing\n"

static void has_pstore(const char *record)
{
	os_sim_file("/sys/module/pstore/parameters/backend", "ramoops\n");
	os_sim_file("/sys/fs/pstore/.there", "");
	if (record != NULL)
		os_sim_file(RECORD, record);
}

TEST(panic_of_a_good_slot_is_written_before_its_record_goes)
{
	struct state s = machine_good();

	machine_put(s);
	has_pstore(PANIC);
	machine_boots_as("panic_is_counted_once", 'a');
	assert_order("write " STATE_DEV " at", "unlink " RECORD);
	machine_told("\"cause\":\"crash\"");
	s = machine_get();
	assert_int_equal(s.slot[0].streak, 1);
	assert_true(s.ps != 0);
	/* Power went before the record was gone: the same panic does not count again. */
	machine_restart();
	has_pstore(PANIC);
	machine.state.writes = 0;
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	EQUAL((machine_get().slot[0].streak, 1), (machine.state.writes, 0));
	assert_once("unlink " RECORD);
}

static struct words heard;
static unsigned nheard;

static bool hear(void *ctx, const struct words *w)
{
	heard = *w;
	nheard++;
	return true;
}

static void words_are(unsigned n, enum words_kind kind, char slot, const char *text)
{
	enum store_finding found;
	static struct state s;
	struct store st;

	OK(store_load(&st, &machine.state.bdev, &s, &found));
	nheard = 0;
	store_words_read(&st, hear, NULL);
	assert_int_equal(nheard, n);
	if (n == 0)
		return;
	EQUAL((heard.kind, kind), (state_slot_letter(heard.slot), slot),
	      (heard.tail.len, strlen(text)), (heard.version, s.slot[heard.slot].version));
	assert_memory_equal(heard.tail.text, text, heard.tail.len);
}

TEST(panic_of_a_trial_is_told_once_before_it_counts)
{
	static const char words[] = "write " STATE_DEV " at 4096 KiB";
	struct state s = machine_trial();

	machine_put(s);
	machine_boots('b');
	words_are(0, WORDS_PANIC, 'b', "");
	s = machine_get();
	for (unsigned i = 0; i < 2; i++) {
		machine_restart();
		has_pstore(PANIC);
		machine_boots('b');
		words_are(1, WORDS_PANIC, 'b', "[    4.2] Kernel panic - not syncing\n");
		assert_int_equal(heard.token, s.open_token);
		if (i == 0)
			assert_ptr_equal(strstr(os_sim_trace(), words),
					 strstr(os_sim_trace(), "write " STATE_DEV));
		else
			assert_absent(words);
		machine_put(s); /* as if the power had gone before the record */
	}
}

/* The boot behind one of a trial, which ramoops has the console's text of. */
static void boots_behind(const char *console, bool clean)
{
	struct state s = machine_trial();

	machine_put(s);
	machine_boots('b');
	s = machine_get();
	s.clean = clean;
	machine_put(s);
	machine_restart();
	has_pstore(NULL);
	os_sim_file("/sys/fs/pstore/console-ramoops-0", console);
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
}

TEST(last_lines_of_the_console_are_told_of_a_reset_that_nothing_explains)
{
	boots_behind("[    9.1] and then nothing\n", false);
	words_are(1, WORDS_CONSOLE, 'b', "[    9.1] and then nothing\n");
}

TEST(console_of_a_boot_that_ended_in_order_is_not_told)
{
	boots_behind("[    9.1] reboot: Restarting system\n", true);
	words_are(0, WORDS_CONSOLE, 'b', "");
}

/* The kernel that was started has no ramoops, or did not come so far. */
TEST(console_of_the_kernel_that_handed_over_is_not_told)
{
	static const char kexec[] = "[system]\ncompatible=trace\n[loader]\nkind=kexec\n";
	static const struct {
		const char *conf, *console;
		unsigned told;
	} cases[] = {
		{ NULL, "[    9.1] reboot: Restarting system\n[    9.1] reboot: machine restart\n",
		  0 },
		{ NULL, "[    1.1] and then nothing\n", 1 },
		{ kexec, "[    9.1] kexec_core: Starting new kernel\n", 0 },
		{ kexec, "[    9.1] and then nothing\n", 1 },
		{ kexec, "[    9.1] reboot: Restarting system\n", 1 }, /* it went back */
	};

	for (unsigned i = 0; i < KB_ARRAY_LEN(cases); i++) {
		struct state s = machine_trial_ended(2);

		machine_anew();
		machine.conf = cases[i].conf;
		s.handed = s.open_token;
		machine_put(s);
		has_pstore(NULL);
		os_sim_file("/sys/fs/pstore/console-ramoops-0", cases[i].console);
		assert_int_not_equal(machine_boot(), OS_SIM_REBOOT);
		words_are(cases[i].told, WORDS_CONSOLE, 'b', cases[i].console);
	}
}

TEST(forced_boot_keeps_no_words)
{
	machine_put(machine_good());
	has_pstore(PANIC);
	machine.cmdline = "keelboot.slot=b\n";
	machine.state.writes = 0;
	EQUAL((machine_boot(), OS_SIM_EXEC), (machine.state.writes, 0));
	words_are(0, WORDS_PANIC, 'a', "");
}

TEST(panic_that_cannot_be_written_keeps_its_record)
{
	has_pstore(PANIC);
	os_sim_fail("write " STATE_DEV, 0, KB_EIO);
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	assert_absent("unlink");
	assert_int_equal(machine_get().slot[0].streak, 0);
	machine_restart();
	has_pstore(PANIC);
	EQUAL((machine_boot(), OS_SIM_EXEC), (machine_get().slot[0].streak, 1));
	assert_order("write " STATE_DEV " at", "unlink " RECORD);
}

TEST(healthy_boot_with_pstore_writes_nothing)
{
	has_pstore(NULL);
	EQUAL((machine_boot(), OS_SIM_EXEC), (machine.state.writes, 0));
	assert_absent("unlink");
}

TEST(pstore_alone_does_not_tell_a_hang_so_boots_are_counted)
{
	machine.watchdog.options &= ~(uint32_t)WDIOF_CARDRESET;
	EQUAL((machine_boot(), OS_SIM_EXEC), (machine.state.writes, 1));
}

TEST(forced_slot_leaves_the_record_for_later)
{
	machine.cmdline = "keelboot.slot=b\n";
	has_pstore(PANIC);
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	assert_absent("unlink");
	machine_restart();
	machine.cmdline = "quiet\n";
	has_pstore(PANIC);
	EQUAL((machine_boot(), OS_SIM_EXEC), (machine_get().slot[0].streak, 1));
}

TEST(cut_of_a_trial_is_refunded_where_the_cookie_tells)
{
	struct state s = machine_trial();

	s.warm = true;
	machine_put(s);
	for (unsigned cut = 0; cut <= STATE_GRACE + 1; cut++) {
		has_pstore(NULL);
		os_sim_file("/dev/pmsg0", "");
		assert_int_equal(machine_boot(), OS_SIM_EXEC);
		assert_once("write /dev/pmsg0");
		s = machine_get();
		assert_int_equal(s.slot[1].tries, STATE_TRIES - 1 - (cut > STATE_GRACE ? 1 : 0));
		machine_restart();
	}
}

TEST(cut_of_a_trial_costs_a_try_where_nothing_tells)
{
	machine_put(machine_trial());
	for (unsigned cut = 0; cut < STATE_TRIES; cut++) {
		has_pstore(NULL);
		os_sim_file("/dev/pmsg0", ""); /* but never seen to outlive anything */
		assert_int_equal(machine_boot(), OS_SIM_EXEC);
		assert_int_equal(machine_get().slot[1].tries, STATE_TRIES - 1 - cut);
		machine_restart();
	}
	EQUAL((machine_boot(), OS_SIM_EXEC), (machine_get().slot[1].st, STATE_BAD));
}

TEST(cut_of_a_trial_is_refunded_where_the_boot_loader_tells)
{
	struct state s = machine_trial();

	machine_put(s);
	for (unsigned cut = 0; cut <= STATE_GRACE + 1; cut++) {
		os_sim_file(LOADER, "POR");
		assert_int_equal(machine_boot(), OS_SIM_EXEC);
		machine_told("\"cause\":\"power\"");
		s = machine_get();
		assert_int_equal(s.slot[1].tries, STATE_TRIES - 1 - (cut > STATE_GRACE ? 1 : 0));
		machine_restart();
	}
}

TEST(power_cut_that_the_command_line_names_costs_no_try)
{
	machine_put(machine_trial());
	machine.cmdline = "console=ttyS0 quiet keelboot.reset=POR\n";
	for (unsigned cut = 0; cut < STATE_GRACE; cut++) {
		assert_int_equal(machine_boot(), OS_SIM_EXEC);
		machine_told("\"cause\":\"power\"");
		assert_int_equal(machine_get().slot[1].tries, STATE_TRIES - 1);
		machine_restart();
	}
}

TEST(command_line_that_is_not_heeded_names_no_cause)
{
	machine_put(machine_trial());
	machine.cmdline = "console=ttyS0 quiet keelboot.reset=POR\n";
	machine.conf = "[system]\ncommand-line=none\n";
	for (unsigned cut = 0; cut < 2; cut++) {
		assert_int_equal(machine_boot(), OS_SIM_EXEC);
		machine_restart();
	}
	assert_int_equal(machine_get().slot[1].tries, STATE_TRIES - 2);
}

/* A SoC whose every reboot is its watchdog's: the good slot stays as good as it is. */
TEST(good_slot_bears_what_its_boot_loader_calls_a_watchdog)
{
	machine_put(machine_good());
	for (unsigned boot = 0; boot <= STATE_STREAK_LIMIT; boot++) {
		os_sim_file(LOADER, "WDG");
		machine.state.writes = 0;
		machine_boots('a');
		assert_int_equal(machine.state.writes, 0);
		machine_restart();
	}
}

/* A good slot that was counted, and shut down before it reported again: nothing is wrong. */
TEST(an_orderly_shutdown_is_told_as_one)
{
	struct state s = machine_good();

	s.open = 0;
	s.open_token = 1;
	s.clean = true;
	machine_put(s);
	os_sim_log_level(LOG_LEVEL_INFO);
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	assert_once("# state: slot a was shut down in order");
	assert_absent("# state: slot a ended");
}

TEST(an_end_of_a_good_slot_that_nothing_explains_is_told_with_its_cause)
{
	struct state s = machine_good();

	s.open = 0;
	s.open_token = 1;
	machine_put(s);
	os_sim_log_level(LOG_LEVEL_INFO);
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	assert_once("# state: slot a ended before it had proved itself; the reset: ");
}

TEST_MAIN("trace of a reset's cause", .set_up = machine_set_up, .tear_down = machine_tear_down)
