/* SPDX-License-Identifier: Apache-2.0 */
/* Boots in which nothing is wrong with the slots. */
#include "tests/trace/machine.h"

TEST(healthy_boot_writes_nothing)
{
	machine_boots_as("healthy_boot", 'a');
	assert_int_equal(machine.state.own.ops, 0);
	assert_absent("write " STATE_DEV);
	assert_once("mount " SLOT_A_DEV " /sysroot ext4 ro");
	assert_order("watchdog /dev/watchdog0", "spawn keelboot-prober");
	assert_once("exec /sbin/init: /sbin/init single; env HOME=/ TERM=linux");
	assert_string_equal(os_sim_text("/run/keelboot/token"), "a 0\n");
	machine_told("\"status\":\"good\"");
	machine_told("\"state\":\"found\"");
}

TEST(trial_is_charged_before_it_is_mounted)
{
	struct state after;

	machine_put(machine_trial());
	machine_boots_as("trial_boot_charges_before_mounting", 'b');
	assert_order("write " STATE_DEV, "mount " SLOT_B_DEV);
	assert_order("flush " STATE_DEV, "mount " SLOT_B_DEV);
	after = machine_get();
	EQUAL((after.slot[1].tries, STATE_TRIES - 1), (after.open, 1));
	assert_int_equal(after.open_token, after.seq);
	EQUAL((os_sim_text("/run/keelboot/token"),
	       strf("b %llu\n", (unsigned long long)after.seq)));
	machine_told("\"counted\":true");
}

TEST(third_silent_boot_of_a_trial_falls_back)
{
	struct state after;

	machine_put(machine_trial());
	for (int i = 0; i < STATE_TRIES; i++) {
		machine_boots('b');
		machine_restart();
		machine.watchdog.bootstatus = WDIOF_CARDRESET;
	}
	machine_boots_as("third_silent_boot_of_a_trial_falls_back", 'a');
	machine_told("\"cause\":\"crash\"");
	machine_told("\"reason\":\"b: crashed or hung\"");
	assert_absent("mount " SLOT_B_DEV);
	after = machine_get();
	EQUAL((after.slot[1].st, STATE_BAD), (state_is_rejected(&after, states_id(20)), true));
	assert_string_equal(after.slot[1].reason, "crashed or hung");
	/* And from then on it is a healthy boot again, which still says why it is not slot b. */
	machine_restart();
	machine.watchdog.bootstatus = 0;
	EQUAL((machine_boot(), OS_SIM_EXEC), (machine.state.own.ops, 0));
	machine_told("\"reason\":\"b: crashed or hung\"");
	assert_once("# slot b is preferred, but skipped: crashed or hung");
}

static bool keep_event(void *ctx, const struct history_event *e)
{
	struct history_event *events = ctx;

	for (unsigned i = 0; i < 2; i++) {
		if (events[i].n != 0)
			continue;
		events[i] = *e;
		return i < 1;
	}
	return false;
}

/* It was silence: "slot a: 1.0, good", and nothing else, anywhere. */
TEST(good_slot_that_is_left_is_left_with_a_reason)
{
	static const char why[] = "b: crashed or hung; tried again after 1 healthy boot";
	struct history_event e[2] = { { .n = 0 } };
	struct state s = machine_good();
	struct store st;

	states_set(&s, 1, STATE_GOOD, 20);
	s.pref = s.last = 1;
	s.slot[1].streak = STATE_STREAK_LIMIT - 1;
	machine_put(s);
	machine.watchdog.bootstatus = WDIOF_CARDRESET;
	for (int i = 0; i < 3; i++) { /* in each boot; in the history it stands once */
		machine_boots('a');
		machine_told(strf("\"reason\":\"%s\"", why));
		assert_once(strf("# slot b is preferred, but skipped: %s", why + 3));
		machine_restart();
		machine.watchdog.bootstatus = 0;
	}
	s = machine_load(&st);
	OK(store_history_read(&st, 0, keep_event, e));
	EQUAL((e[0].kind, HISTORY_BOOT), (e[0].slot, 0), (e[0].reason, "b: crashed or hung"));
	assert_int_equal(e[1].n, 0); /* nothing else */
}

TEST(retry_of_the_preferred_slot_is_told)
{
	struct state s = machine_good();

	states_set(&s, 1, STATE_GOOD, 20);
	s.pref = 1;
	s.slot[1].streak = STATE_STREAK_LIMIT;
	state_set_text(s.slot[1].reason, "crashed or hung");
	machine_put(s);
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	machine_told("\"slot\":\"b\",\"tier\":\"retry\",\"status\":\"good\"");
	assert_once("# slot b: version unknown, good, tried again after: crashed or hung");
	EQUAL((machine_get().slot[1].wait, 2), (machine_get().open, 1));
}

TEST(orders_are_reasons_too)
{
	struct state s = machine_good();

	states_set(&s, 1, STATE_GOOD, 20);
	s.oneshot = 1;
	machine_put(s);
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	machine_told("\"reason\":\"a: another slot was chosen for one boot\"");
	machine_restart();
	machine.cmdline = "keelboot.slot=b\n";
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	machine_told("\"reason\":\"a: keelboot.slot= names another slot\"");
}

/* It is not told of as passed over: it is what boots. */
TEST(trial_that_turns_bad_and_boots_as_a_last_resort_has_no_reason)
{
	struct state s = machine_trial_ended(0);

	s.slot[0].st = STATE_EMPTY;
	machine_put(s);
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	assert_once("# slot b is rejected: reset before it was marked good");
	machine_told("\"slot\":\"b\",\"tier\":\"last-resort\",\"status\":\"bad\"");
	machine_told("\"reason\":\"\"");
}

/* What is passed over in this boot is nearer to the matter than what was found when it settled. */
TEST(reason_of_a_slot_passed_over_goes_before_that_of_one_that_turned_bad)
{
	machine_put(machine_trial_ended(0));
	machine.disk.part[1].fstype = NULL;
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	machine_told("\"slot\":\"b\",\"tier\":\"last-resort\"");
	machine_told("\"reason\":\"a: no file system\"");
}

TEST(forced_slot_writes_nothing)
{
	struct state s = machine_trial();

	s.staged.source = STATE_SRC_DATA;
	machine_put(s);
	machine.cmdline = "keelboot.slot=a\n";
	machine_child((struct os_sim_child){ .argv0 = "keelboot-apply" });
	machine_boots_as("forced_slot_writes_nothing", 'a');
	assert_int_equal(machine.state.own.ops, 0);
	assert_absent("spawn keelboot-apply");
	machine_told("\"tier\":\"forced\"");
	assert_string_equal(os_sim_text("/run/keelboot/token"), "a 0\n");
	assert_int_equal(machine_get().slot[1].tries, STATE_TRIES);
}

TEST(forced_slot_that_does_not_mount_is_left)
{
	machine.cmdline = "keelboot.slot=b\n";
	os_sim_fail("mount " SLOT_B_DEV, 0, KB_EMOUNT);
	machine_boots_as("forced_slot_does_not_mount", 'a');
	machine_told("\"tier\":\"normal\"");
}

TEST(media_none_looks_at_no_medium)
{
	machine_put(machine_staged());
	machine.cmdline = "keelboot.sources=none\n";
	machine_child((struct os_sim_child){ .argv0 = "keelboot-apply" });
	machine_plug(machine_stick());
	machine_boots_as("keelboot_sources_none", 'a');
	assert_absent("spawn keelboot-apply");
	EQUAL((machine.state.own.ops, 0), (os_now_ms(), 0));
}

TEST(bad_system_conf_boots)
{
	machine.conf = "[system\ncompatible = \x01\x02\n=====\n[system]\ntimeout=never\ntries=99\n"
		       "init=sbin/init\nroot-filesystem=nosuchfs\nmount-options=bogus\n"
		       "[watchdog]\ndevice=/etc/passwd\ntimeout=-3\n[slot.z]\nroot=x\n";
	os_sim_fail("mount " SLOT_A_DEV " /sysroot nosuchfs", 0, KB_ENODEV);
	os_sim_fail("mount " SLOT_A_DEV " /sysroot ext4 ro,bogus", 0, KB_EINVAL);
	machine_boots_as("bad_system_conf_boots", 'a');
	assert_int_equal(machine.state.own.ops, 0);
}

TEST(no_system_conf_boots)
{
	machine.conf = NULL;
	machine_boots_as("no_system_conf_boots", 'a');
	assert_int_equal(machine.state.own.ops, 0);
}

TEST(garbage_command_line_boots)
{
	machine.cmdline = "=x ,, keelboot.slot=zebra keelboot.timeout=-5 keelboot.sources=floppy "
			  "keelboot.watchdog=/etc/passwd rootfstype=nosuchfs rootflags=%//,,= "
			  "init=/nonexistent panic=x keelboot.enable=maybe \"\"\" x=\"unfinished\n";
	machine_boots_as("garbage_command_line_boots", 'a');
	assert_int_equal(machine.state.own.ops, 0);
	assert_once("exec /sbin/init: /sbin/init");
}

/* Each of these once kept all slots from booting, or had them written to. */
TEST(words_that_are_taken_and_wrong_stop_no_boot)
{
	static const char *const lines[] = {
		"rootfstype=tmpfs", "rootfstype=tmpfs rootflags=size=1k",
		"rootfstype=nosuchfs rootflags=%//,,=", "keelboot.watchdog=/dev/vda3"
	};

	for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		machine_restart();
		machine.cmdline = lines[i];
		machine_boots('a');
		assert_int_equal(machine.state.own.ops, 0);
	}
}

TEST(open_quote_does_not_take_the_end_of_the_line)
{
	os_sim_file("/etc/keelboot/modules", "/lib/modules/usb-storage.ko\n");
	machine.cmdline = "quiet usb-storage.quirks=\"1:2:u\n";
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	assert_once("finit_module /lib/modules/usb-storage.ko quirks=\"1:2:u");
	assert_absent("finit_module /lib/modules/usb-storage.ko quirks=\"1:2:u\n");
}

/* Of which less than the last byte has no room. */
static char *line_too_long_by(const char *words, size_t more)
{
	static char text[CMDLINE_MAX + 64];
	size_t len = strlen(words);

	memset(text, ' ', sizeof(text));
	memcpy(text + CMDLINE_MAX + more - len, words, len);
	memcpy(text + CMDLINE_MAX + more, "\n", 2);
	return text;
}

/* "/usr/sbin/firs" would be another program, "1:2:" another quirk. */
TEST(word_that_is_cut_in_a_long_command_line_is_ignored_with_a_warning)
{
	static const char too_long[] = "# kernel command line: longer than 4096 bytes";

	machine.init[0] = "/usr/sbin/first";
	for (size_t more = 0; more < 5; more++) {
		machine_restart();
		machine.cmdline = line_too_long_by("init=/usr/sbin/first", more);
		assert_int_equal(machine_boot(), OS_SIM_EXEC);
		assert_int_equal(os_sim_count(too_long), more > 0);
		assert_int_equal(os_sim_count("# root: init="), 0);
		assert_int_equal(os_sim_count("exec /usr/sbin/first: "), more == 0);
	}
	for (size_t more = 0; more < 2; more++) {
		machine_restart();
		os_sim_file("/etc/keelboot/modules", "/lib/modules/usb-storage.ko\n");
		machine.cmdline = line_too_long_by("usb-storage.quirks=1:2:u", more);
		assert_int_equal(machine_boot(), OS_SIM_EXEC);
		assert_int_equal(os_sim_count("finit_module /lib/modules/usb-storage.ko quirks="),
				 more == 0);
	}
}

TEST(panic_restarts_unless_told_otherwise)
{
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	assert_once("write /proc/sys/kernel/panic 10");
	machine_restart();
	machine.cmdline = "panic=-1\n";
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	assert_absent("write /proc/sys/kernel/panic");
	machine_restart();
	machine.cmdline = "panic=0\n";
	machine_boots_as("panic_0_is_warned_of", 'a');
	assert_once("# panic=0:");
	assert_absent("write /proc/sys/kernel/panic");
}

#define ON_PANIC "/sys/firmware/shutdown_actions/on_panic"

/* How often the boot sets what a mainframe does on a panic, by that line, where it was action. */
static unsigned panic_is_set(const char *cmdline, const char *action)
{
	machine_restart();
	machine.cmdline = cmdline;
	os_sim_file(ON_PANIC, action);
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	assert_int_equal(os_sim_count("write " ON_PANIC " reipl"), os_sim_count("write " ON_PANIC));
	return os_sim_count("write " ON_PANIC);
}

/* Its kernel heeds no panic=: one of its own actions is done, at once. */
TEST(panic_restarts_a_mainframe_unless_told_otherwise)
{
	EQUAL((panic_is_set("", "stop\n"), 1), (panic_is_set("panic=5\n", "stop\n"), 1),
	      (panic_is_set("panic=5\n", "dump_reipl\n"), 0),
	      (panic_is_set("panic=0\n", "stop\n"), 0));
}

TEST(init_gets_the_kernels_arguments_and_may_be_another)
{
	machine.cmdline = "init=/usr/lib/systemd/systemd rootflags=noload\n";
	machine.init[0] = "/usr/lib/systemd/systemd";
	machine_boots_as("init_of_the_command_line", 'a');
	assert_once("mount " SLOT_A_DEV " /sysroot ext4 ro,noload");
	assert_once("exec /usr/lib/systemd/systemd: /usr/lib/systemd/systemd single; env HOME=/");
}

TEST(command_line_that_is_not_trusted_chooses_nothing)
{
	machine.conf = "[system]\ncompatible=trace\ncommand-line=quiet,keelboot.log\n";
	machine.cmdline = "keelboot.enable=0 root=/dev/sda1 init=/bin/sh keelboot.slot=b "
			  "keelboot.watchdog=off panic=0 rootflags=evil keelboot.shell=1 "
			  "virtio_blk.queue_depth=x quiet\n";
	os_sim_file("/etc/keelboot/modules", "/lib/modules/virtio_blk.ko\n");
	os_sim_file("/lib/modules/virtio_blk.ko", "");
	machine_boots_as("command_line_not_trusted", 'a');
	assert_once("exec /sbin/init: /sbin/init; env HOME=/ TERM=linux\n");
	assert_once("watchdog /dev/watchdog0");
	assert_once("write /proc/sys/kernel/panic 10");
	assert_once("# init: ignored: [system] command-line= does not name it");
	assert_once("finit_module /lib/modules/virtio_blk.ko\n");
}

TEST_MAIN("trace of a boot", .set_up = machine_set_up, .tear_down = machine_tear_down)
