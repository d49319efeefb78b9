/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The 24 ways in which boot selectors failed those who relied on them, and what this one does
 * instead: a test for each, in the order of docs/SCENARIOS.md, which says who was hit. The scenario
 * in tests/boot that tells the same story in QEMU is named where there is one.
 */
#include "cli/device/device.h"
#include "initramfs/guardian/guardian_plan.h"
#include "selector/plan.h"
#include "selector/store_internal.h"
#include "selector/verdict.h"
#include "tests/trace/machine.h"

#define APPLY "keelboot-apply"

static struct store store; /* after load() */

static struct state load(void)
{
	return machine_load(&store);
}

/* A reset after which the hardware tells this: bits of WDIOF_. */
static void reset_by(uint32_t bootstatus)
{
	machine_restart();
	machine.watchdog.bootstatus = bootstatus;
}

/* The plug, on a device whose memory would have outlived any other reset. */
static void cut_and_boot(char slot)
{
	machine_restart();
	os_sim_file("/dev/pmsg0", "");
	machine_boots(slot);
}

/* `keelboot mark good`, in the system that runs. */
static void mark_good(int slot)
{
	struct state s = load();
	bool committed;

	OK(verdict_good(&s, slot, s.open_token, 0, &committed));
	OK(store_save(&store, &s));
}

/* 1. tests/boot/test_both_exhausted_is_never_terminal.py */
TEST(both_exhausted_never_ends)
{
	uint64_t waited = 0;

	machine_put(machine_both_bad());
	for (int i = 0; i < 24; i++) {
		/* By turns, with more time for a stick each time, up to ten minutes. */
		machine_boots(i % 2 == 0 ? 'a' : 'b');
		assert_true(os_now_ms() >= waited || waited >= 600000);
		waited = os_now_ms();
		assert_in_range(waited, 5000, 602000);
		reset_by(WDIOF_CARDRESET);
	}
	/* Nor when nothing mounts at all: it waits, and begins again. */
	for (int i = 0; i < 4; i++) {
		os_sim_fail("mount /dev/vda", 0, KB_EMOUNT);
		assert_int_equal(machine_boot(), OS_SIM_REBOOT);
		machine_restart();
	}
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
}

/* 2. tests/boot/test_factory.py, test_switch.py */
TEST(empty_b_is_no_trap)
{
	struct state s = machine_good();

	states_set(&s, 1, STATE_EMPTY, 0);
	FAILS(verdict_switch(&s, 1, false, true, STATE_TRIES), KB_EINVAL);
	s.pref = 1; /* though somebody managed to prefer it */
	machine_put(s);
	machine_boots('a');
	assert_int_equal(machine.state.own.ops, 0); /* it cost nothing */
	/* The only system crashes forever: b is still no way out, and a is not given up. */
	for (int i = 0; i < 8; i++) {
		reset_by(WDIOF_CARDRESET);
		machine_boots('a');
		assert_absent("mount " SLOT_B_DEV);
	}
}

/* 3. tests/boot/test_root_does_not_mount.py */
TEST(failed_load_is_persisted)
{
	struct state s = machine_trial();

	machine_put(s);
	for (int left = STATE_TRIES - 1; left >= 0; left--) {
		os_sim_fail("mount " SLOT_B_DEV, 0, KB_EMOUNT);
		machine_boots('a');
		/* Durable before the risk, so that it counts whatever the risk does. */
		assert_order("flush " STATE_DEV, "mount " SLOT_B_DEV);
		machine_restart();
		assert_int_equal(machine_get().slot[1].tries, left);
	}
	machine_boots('a');
	assert_absent("mount " SLOT_B_DEV);
	s = machine_get();
	assert_int_equal(s.slot[1].st, STATE_BAD);
	assert_true(state_is_rejected(&s, states_id(20)));
}

/* 4. tests/boot/test_state_lost.py */
TEST(state_write_fails_boots_good)
{
	machine_put(machine_trial());
	os_sim_fail("write " STATE_DEV, 0, KB_EIO);
	machine_boots('a');
	assert_absent("mount " SLOT_B_DEV);
	machine_told("\"state\":\"unwritable\"");
	/* It still boots when only the trial mounts; and says that nobody counted it. */
	machine_restart();
	os_sim_fail("write " STATE_DEV, 0, KB_EIO);
	os_sim_fail("mount " SLOT_A_DEV, 0, KB_EMOUNT);
	machine_boots('b');
	assert_string_equal(os_sim_text("/run/keelboot/token"), "b 0\n");
	machine_told("\"counted\":false");
}

/* 4, the other half: one copy takes no write any more, and must not pin the counters. */
TEST(stale_copy_does_not_pin_the_counters)
{
	for (unsigned region = 0; region < 2; region++) {
		machine_anew();
		machine_put(machine_trial());
		for (int left = STATE_TRIES - 1; left >= 0; left--) {
			machine.state.dead[0].from = STORE_REGION(region);
			machine.state.dead[0].to = STORE_REGION(region) + STORE_REGION_APART;
			machine.state.dead[0].writes = true;
			machine_boots('b');
			machine_restart();
			assert_int_equal(machine_get().slot[1].tries, left);
		}
		machine_boots('a');
	}
}

/* 5. tests/boot/test_prepared_states.py, test_init_exits.py */
TEST(decision_is_never_bypassed)
{
	struct state s = machine_trial_ended(0);

	/* The preferred slot was in its last try, which ends here: settled first, ordered then. */
	machine_put(s);
	machine_boots('a');
	assert_absent("mount " SLOT_B_DEV);
	assert_int_equal(machine_get().slot[1].st, STATE_BAD);
	/* Half an image, preferred and asked for: no order is above what a slot is. */
	machine_restart();
	s = machine_good();
	states_set(&s, 1, STATE_WRITING, 0);
	s.pref = s.oneshot = 1;
	machine_put(s);
	machine_boots('a');
	assert_absent("mount " SLOT_B_DEV);
}

/* Every kind that a slot may be of. */
static void set_kind(struct state *s, int slot, unsigned kind)
{
	static const enum state_st st[] = { STATE_EMPTY, STATE_WRITING, STATE_TRIAL, STATE_TRIAL,
					    STATE_GOOD,	 STATE_GOOD,	STATE_BAD };

	states_set(s, slot, st[kind], 10u + (unsigned)slot);
	if (kind < 2)
		machine.disk.part[1 + slot].fstype = NULL; /* as the seal leaves it */
	if (kind == 3)
		s->slot[slot].tries = 0;
	if (kind == 5)
		s->slot[slot].streak = STATE_STREAK_LIMIT;
}

/* 6. Each pair of slots, each order: what the command says of the next boot, it does.
 * tests/boot/test_switch.py */
TEST(two_readers_agree)
{
	for (unsigned n = 0; n < 7 * 7 * 2; n++) {
		struct state s = machine_good();
		enum os_sim_end end;
		int next;

		machine_anew();
		set_kind(&s, 0, n / 2 % 7);
		set_kind(&s, 1, n / 14);
		s.pref = (int8_t)(n % 2);
		s.last = STATE_NONE;
		machine_put(s);
		next = device_next_boot(&s, false);
		end = machine_boot();
		assert_int_equal(end, next == STATE_NONE ? OS_SIM_REBOOT : OS_SIM_EXEC);
		if (next != STATE_NONE)
			assert_int_equal(os_sim_text("/run/keelboot/slot")[0], 'a' + next);
	}
}

static bool take_rejection(void *ctx, const struct history_event *e)
{
	*(unsigned *)ctx += e->kind == HISTORY_BAD && e->slot == 1;
	return true;
}

/* 7. tests/boot/test_guardian.py; that doctor complains: tests/test_cli_doctor.py */
TEST(nothing_marks_good_is_left_and_told)
{
	struct state after;
	unsigned rejections = 0;

	machine_put(machine_trial());
	for (int i = 0; i < STATE_TRIES; i++) {
		machine_boots('b');
		machine_told("\"status\":\"trial\"");
		assert_once(
			"detach @keelboot-guardian"); /* which waits for a verdict, not forever */
		machine_restart();
	}
	machine_boots('a');
	after = machine_get();
	assert_int_equal(after.slot[1].st, STATE_BAD);
	assert_string_equal(after.slot[1].reason, "reset before it was marked good");
	assert_true(state_is_rejected(&after, states_id(20)));
	assert_once("# slot b is rejected: reset before it was marked good");
	load();
	OK(store_history_read(&store, 0, take_rejection, &rejections));
	assert_int_equal(rejections, 1); /* what doctor goes by */
}

static enum kb_err swallow(struct bdev *b, uint64_t off, const void *buf, size_t len)
{
	return KB_OK;
}

/* 8. tests/boot/test_disk_errors.py; tests/test_cli.py: the exit code is not 0. */
TEST(mark_good_that_was_not_written_is_a_failure)
{
	struct bdev_ops lies = *machine.state.bdev.ops;
	const struct bdev_ops *honest = machine.state.bdev.ops;
	struct state s = machine_trial();
	bool committed;

	machine_put(s);
	machine_boots('b');
	s = load();
	OK(verdict_good(&s, 1, s.open_token, 0, &committed));
	assert_true(committed);
	lies.write = swallow; /* it says OK, and nothing has changed */
	machine.state.bdev.ops = &lies;
	assert_int_not_equal(store_save(&store, &s), KB_OK);
	machine.state.bdev.ops = honest;
	assert_int_equal(machine_get().slot[1].st, STATE_TRIAL);
	/* The next try to say so is good: the failure has closed nothing. */
	mark_good(1);
	assert_int_equal(machine_get().slot[1].st, STATE_GOOD);
}

/* 9. tests/boot/test_marked_too_early.py has the soak time of the unit that marks. */
TEST(marked_too_early_commits_nothing)
{
	struct state s = machine_trial();
	uint64_t token;
	bool committed;

	machine_put(s);
	machine_boots('b');
	token = load().open_token;
	reset_by(WDIOF_CARDRESET);
	machine_boots('b');
	/* What the boot that crashed had to say comes too late: it is no verdict on this one. */
	s = load();
	FAILS(verdict_good(&s, 1, token, 0, &committed), KB_ESTALE);
	assert_int_equal(s.slot[1].tries, STATE_TRIES - 2);
	/* And one that came too early is not forever, not even if it comes in each boot. */
	for (int i = 0; i < STATE_STREAK_LIMIT; i++) {
		mark_good(1);
		assert_int_equal(machine_get().slot[1].st, STATE_GOOD);
		reset_by(WDIOF_CARDRESET);
		machine_boots(i < STATE_STREAK_LIMIT - 1 ? 'b' : 'a');
	}
}

/* 10. tests/boot/test_guardian.py, test_guardian_debian.py */
TEST(unhealthy_system_is_rebooted_a_bounded_number_of_times)
{
	struct state s = machine_trial();
	struct guardian_plan plan;
	bool committed;

	machine_put(s);
	machine_boots('b');
	assert_once("detach @keelboot-guardian b 3 trial 300 600 300 0 keep"); /* token 3, 300 s */
	guardian_plan_start(&plan, &(struct guardian_terms){ .trial = true, .deadline_s = 300 }, 0);
	plan.note_at = UINT64_MAX; /* of no concern here */
	assert_int_equal(guardian_plan_next(&plan, 299999), GUARDIAN_WAIT);
	assert_int_equal(guardian_plan_next(&plan, 300000), GUARDIAN_RECORD);
	s = load();
	OK(verdict_bad(&s, 1, "deadline"));
	OK(store_save(&store, &s));
	/* Health that is reported after the deadline does not undo it. */
	FAILS(verdict_good(&s, 1, 3, 0, &committed), KB_ESTALE);
	guardian_plan_event(&plan, GUARDIAN_DONE, GUARDIAN_RECORDED, 300100);
	assert_int_equal(guardian_plan_next(&plan, 300100), GUARDIAN_ORDERLY);
	/* What is wrong may lie on the data partition, and follow: nobody reboots the good slot. */
	for (int i = 0; i < 3; i++) {
		machine_restart();
		machine_boots('a');
		assert_absent("detach");
	}
}

/* 11. tests/boot/test_checks.py: the machines there have no network, and every check passes. */
TEST(no_network_is_no_reason)
{
	machine_put(machine_trial());
	machine_boots('b');
	/* All that was started are the probers of the disk, and then the guardian. */
	assert_int_equal(os_sim_count("spawn "), os_sim_count("spawn keelboot-prober"));
	mark_good(1);
	machine_restart();
	machine_boots('b');
	machine_told("\"status\":\"good\"");
}

/* 12. tests/boot/test_reset_cause.py */
TEST(power_flicker_demotes_nothing)
{
	struct state s = machine_good();

	s.warm = true;
	machine_put(s);
	for (int i = 0; i < 50; i++)
		cut_and_boot('a');
	assert_int_equal(machine.state.own.ops, 0);
	s = machine_trial();
	s.warm = true;
	machine_put(s);
	cut_and_boot('b');
	for (int i = 0; i < STATE_GRACE; i++) {
		cut_and_boot('b');
		assert_int_equal(machine_get().slot[1].tries, STATE_TRIES - 1);
	}
	/* Bounded: the plug is also what people pull on a system that hangs. */
	for (int i = 0; i < STATE_TRIES - 1; i++)
		cut_and_boot('b');
	cut_and_boot('a');
}

/* 13. tests/boot/test_guardian.py */
TEST(orderly_early_reboot_is_not_counted)
{
	struct state s = machine_trial();

	machine_put(s);
	machine_boots('b');
	for (int i = 0; i < STATE_GRACE; i++) {
		s = load();
		OK(verdict_clean(&s, 1, s.open_token)); /* mark clean */
		OK(store_save(&store, &s));
		machine_restart();
		machine_boots('b');
		s = machine_get();
		EQUAL((s.slot[1].tries, STATE_TRIES - 1), (s.slot[1].grace, STATE_GRACE - 1 - i));
		assert_false(s.clean);
	}
}

/* 14. tests/boot/test_switch.py */
TEST(intent_outlives_a_power_cut)
{
	struct state s = machine_good();

	machine_put(s);
	s = load();
	OK(verdict_switch(&s, 1, true, false, STATE_TRIES));
	OK(store_save(&store, &s));
	machine.no_disk = true; /* power goes, and once more before the disk was there */
	for (int i = 0; i < 2; i++) {
		machine_restart();
		assert_int_equal(machine_boot(), OS_SIM_REBOOT);
	}
	machine.no_disk = false;
	machine_restart();
	machine_boots('b');
	machine_told("\"tier\":\"oneshot\"");
	machine_restart();
	machine_boots('a'); /* once is once */
	/* An intent whose slot is gone: dropped, and nothing is stuck. */
	s = machine_good();
	states_set(&s, 1, STATE_EMPTY, 0);
	s.oneshot = 1;
	for (int i = 0; i < 2; i++) {
		machine_restart();
		machine_put(s);
		machine_boots('a');
	}
}

/* 15. tests/boot/test_init_hangs.py, test_watchdog_handover.py, test_what_hangs_is_reset.py */
TEST(watchdog_has_no_gap)
{
	machine_put(machine_trial());
	machine_boots('b');
	assert_order("watchdog /dev/watchdog0 60 s", "spawn keelboot-prober");
	assert_order("mount " SLOT_B_DEV, "close watchdog");
	assert_order("close watchdog", "switch_root"); /* no magic: it goes on */
	assert_absent("watchdog release");
	/* A driver that would stop on close: it is kept open, in a process that feeds it. */
	machine_restart();
	machine.watchdog.options &= ~(uint32_t)WDIOF_MAGICCLOSE;
	os_sim_fail("write /sys/class/watchdog/watchdog0/nowayout", 0, KB_EPERM);
	machine_boots('b');
	machine_told("handover=keeper is used");
	assert_absent("watchdog release");
	/* Ten minutes of rescue: fed, though its time is one minute, and never disarmed. */
	machine_restart();
	os_sim_fail("mount /dev/vda", 0, KB_EMOUNT);
	assert_int_equal(machine_boot(), OS_SIM_REBOOT);
	assert_true(os_now_ms() > 600000);
	assert_absent("watchdog release");
}

/* 16. tests/boot/test_state_lost.py; the parser is fuzzed by tests/fuzz */
TEST(corrupt_state_never_stops_a_boot)
{
	static const uint64_t ring = (uint64_t)STORE_CELLS * STORE_CELL;

	assert_true(STORE_REGION_APART >= 4 * MIB); /* the erase groups of a card are below */
	for (uint64_t seed = 1; seed <= 48; seed++) {
		machine_anew();
		machine_put(machine_good());
		/* One region or the other is rubbish: nothing is lost, nothing is written. */
		bdev_sim_scribble(&machine.state, STORE_REGION(seed % 2), ring, seed);
		machine_boots('a');
		assert_int_equal(machine.state.own.ops, 0);
		machine_told("\"state\":\"found\"");
		/* Some sectors, or all of both: it boots. */
		bdev_sim_scribble(&machine.state, STORE_REGION((seed + 1) % 2),
				  ring / (seed % 5 + 1), seed);
		machine_restart();
		assert_int_equal(machine_boot(), OS_SIM_EXEC);
	}
}

/* 17. tests/boot/test_disk_comes_and_goes.py */
TEST(other_slot_does_not_block_the_good_one)
{
	struct state s = machine_good();

	machine_put(s);
	os_sim_fail("mount " SLOT_B_DEV, 0, KB_EIO);
	os_sim_fail("open " SLOT_B_DEV, 0, KB_EIO);
	machine.disk.part[2].fstype = NULL;
	machine_boots('a');
	assert_absent("mount " SLOT_B_DEV);
	assert_int_equal(machine.state.own.ops, 0);
	/* The running system's slot is gone altogether, and what is on trial is fine. */
	machine_restart();
	machine_defaults();
	s = machine_trial();
	machine_put(s);
	machine.disk.part[1].partlabel = "other";
	machine_boots('b');
	assert_int_equal(machine_get().slot[0].st, STATE_GOOD);
}

static unsigned installs;

/* What keelboot-apply does with the bundle on a stick, by the rules that it asks. */
static int apply_status;

static void install_if_accepted(void *ctx, const char *const *argv)
{
	const struct plan_release *r = ctx;
	const struct plan_terms terms = { .mode = PLAN_AUTOMATIC, .mountable = 3 };
	struct state s = load();
	int target;

	apply_status = 2 << 8;
	if (plan_accept(&s, r, &terms, &target) != KB_OK)
		return;
	plan_install_begin(&s, target, plan_back(&s, 3));
	OK(store_save_both(&store, &s));
	plan_install_end(&s, target, r, PLAN_AUTOMATIC, 0);
	OK(store_save(&store, &s));
	installs++;
	apply_status = 0;
}

static struct plan_release stick_release(uint8_t n)
{
	struct plan_release r = { .sequence = n, .version = "3.0" };

	memcpy(r.id, states_id(n), sizeof(r.id));
	return r;
}

/* Boots with a stick in that has this release. */
static void boots_with_stick(struct plan_release *r, char slot)
{
	struct os_sim_child c = {
		.argv0 = APPLY, .duration_ms = 100, .ctx = r, .result = &apply_status
	};

	c.run = install_if_accepted;
	machine_plug(machine_stick());
	os_sim_child(&c);
	machine_boots(slot);
	assert_once("spawn " APPLY);
	assert_absent("write /dev/sda");
}

/* 18. tests/boot/test_stick_left_in.py */
TEST(stick_left_in_installs_once)
{
	struct plan_release r = stick_release(30);
	struct state s = machine_good();

	installs = 0;
	machine_put(s);
	boots_with_stick(&r, 'b');
	mark_good(1);
	for (int boot = 2; boot <= 20; boot++) {
		machine_restart();
		boots_with_stick(&r, 'b');
	}
	assert_int_equal(installs, 1);
	s = machine_get();
	EQUAL((state_is_applied(&s, r.id), true), (s.slot[0].st, STATE_GOOD));
}

/* 19. tests/boot/test_reinstall_after_rollback_is_refused.py */
TEST(reinstall_after_rollback_is_refused)
{
	struct plan_release r = stick_release(30), fixed = stick_release(31);
	const struct plan_terms terms = { .mode = PLAN_COMMAND, .mountable = 3, .mounted = 1 };
	struct state s = machine_good();
	int target;

	installs = 0;
	machine_put(s);
	for (int i = 0; i < STATE_TRIES; i++) {
		boots_with_stick(&r, 'b');
		reset_by(WDIOF_CARDRESET);
	}
	for (int i = 0; i < 3; i++) {
		boots_with_stick(&r, 'a');
		reset_by(0);
	}
	assert_int_equal(installs, 1);
	/* Not by hand either, unless told to (`install --again`); what repairs it is welcome. */
	s = machine_get();
	FAILS(plan_accept(&s, &r, &terms, &target), KB_EREJECTED);
	boots_with_stick(&fixed, 'b');
	assert_int_equal(installs, 2);
}

/* 20. tests/boot/test_prepared_states.py; tests/test_cli.py has the command on such a state. */
TEST(state_of_a_newer_version_boots)
{
	struct plan_release r = stick_release(30);
	const struct plan_terms terms = { .mode = PLAN_AUTOMATIC, .mountable = 3, .mounted = 1 };
	struct state s = machine_trial();
	int target;

	s.format = s.min_reader = STATE_FORMAT + 1;
	memcpy(s.extra, "future=1\n", 9);
	s.extra_len = 9;
	machine_put(s);
	for (int left = STATE_TRIES - 1; left >= 0; left--) {
		machine_boots('b');
		machine_restart();
		s = machine_get();
		EQUAL((s.slot[1].tries, left), (s.newer, true), (s.min_reader, STATE_FORMAT + 1));
		assert_non_null(memmem(s.extra, s.extra_len, "future=1\n", 9));
	}
	machine_plug(machine_stick());
	machine_boots('a');
	assert_absent("spawn " APPLY);
	FAILS(plan_accept(&s, &r, &terms, &target), KB_ENEWER);
}

/* 21. tests/boot/test_copy_of_the_disk.py */
TEST(duplicate_ids_do_not_decide)
{
	struct os_sim_disk stick = machine_stick();

	for (unsigned i = 1; i < 3; i++) {
		machine.disk.part[i].partuuid = "5e1ec70e-0000-4000-8000-000000000001";
		machine.disk.part[i].uuid = "5e1ec70e-1111-4000-8000-000000000001";
		machine.disk.part[i].label = "root";
	}
	stick.nparts = machine.disk.nparts;
	memcpy(stick.part, machine.disk.part, sizeof(stick.part));
	stick.size = machine.disk.size;
	machine_plug(stick);
	machine_child((struct os_sim_child){ .argv0 = APPLY, .status = 512 });
	machine.disk.at_ms = 3000; /* the stick is there first */
	machine_boots('a');
	assert_once("mount " SLOT_A_DEV);
	assert_absent("mount /dev/sda");
	assert_absent("open /dev/sda");
}

/* 22. tests/boot/test_disk_comes_and_goes.py, test_late_stick.py */
TEST(slow_disk_is_waited_for_and_costs_nothing)
{
	struct state s = machine_trial(), after;

	machine_put(s);
	machine.no_disk = true;
	for (int i = 0; i < 2 * STATE_TRIES; i++) {
		assert_int_equal(machine_boot(), OS_SIM_REBOOT);
		assert_in_range(os_now_ms(), 60000, 61500); /* timeout=, and once more */
		machine_restart();
	}
	after = machine_get();
	assert_true(state_same(&after, &s)); /* absent is not bad */
	machine.no_disk = false;
	machine.disk.at_ms = 22000;
	machine_boots('b');
	assert_in_range(os_now_ms(), 22000, 22500); /* and no longer than it takes */
	assert_int_equal(machine_get().slot[1].tries, STATE_TRIES - 1);
}

/* 23. tests/boot/test_switch.py, test_command_line.py */
TEST(manual_choice_charges_what_boots)
{
	struct state s = machine_trial(), after;

	s.oneshot = 0;
	machine_put(s);
	machine_boots('a');
	after = machine_get();
	EQUAL((after.slot[1].tries, STATE_TRIES), (after.open, STATE_NONE), (after.pref, 1));
	machine_restart();
	machine_boots('b');
	assert_int_equal(machine_get().slot[1].tries, STATE_TRIES - 1);
	/* By hand at the console: nothing is charged, whoever boots. */
	machine.cmdline = "keelboot.slot=a\n";
	for (int i = 0; i < 3; i++) {
		after = machine_get();
		machine_restart();
		machine.state.own.ops = 0;
		machine_boots('a');
		assert_int_equal(machine.state.own.ops, 0);
	}
}

/* 24. tests/boot/test_fallback_of_good_slots.py */
TEST(good_is_not_for_ever)
{
	struct state s = machine_good();

	machine_put(s);
	machine_boots('a');
	for (int i = 1; i < STATE_STREAK_LIMIT; i++) {
		reset_by(WDIOF_CARDRESET);
		machine_boots('a');
		assert_int_equal(machine_get().slot[0].streak, i);
	}
	reset_by(WDIOF_CARDRESET);
	machine_boots('b');
	assert_int_equal(machine_get().slot[0].st, STATE_GOOD); /* but trusted no more */
	/* The same where no hardware tells a crash from a reboot. */
	machine_restart();
	machine_defaults();
	machine.no_pstore = machine.no_watchdog = true;
	s = machine_good();
	machine_put(s);
	for (int i = 0; i < 2 * STATE_STREAK_LIMIT; i++) { /* it may have been the plug */
		machine_boots('a');
		machine_restart();
	}
	machine_boots('b');
	machine_told(
		"\"reason\":\"a: reset soon after its start, cause unknown; tried again after 1 healthy boot\"");
}

TEST_MAIN("trace of what failed others", .set_up = machine_set_up, .tear_down = machine_tear_down)
