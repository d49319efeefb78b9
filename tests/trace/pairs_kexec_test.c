/* SPDX-License-Identifier: Apache-2.0 */
/* Slots that have a kernel of their own each, which the one that a boot loader starts loads. */
#include "tests/trace/applies.h"
#include "tests/trace/kexecs.h"
#include "tests/trace/verified.h"

TEST(trial_is_charged_loaded_and_booted_by_its_own_kernel)
{
	machine_put(machine_trial());
	kernels_load();
	assert_int_equal(machine_boot(), OS_SIM_KEXEC);
	trace_expect("kexec_is_handed_over");
	assert_order("mount " SLOT_B_DEV, LOADS);
	assert_order(LOADS, "umount /sysroot");
	assert_order("umount /sysroot", "kexec");
	EQUAL((machine_get().slot[1].tries, STATE_TRIES - 1), (machine_get().open, 1));

	starts("keelboot.pair=b quiet panic=10\n");
	machine_boots_as("kexec_has_come_up", 'b');
	EQUAL((machine_get().slot[1].tries, STATE_TRIES - 1), (machine_get().open, 1));
	assert_true(machine_get().handed == 0);
	assert_absent("spawn " CHILD);
	machine_told("\"pair\":\"b\"");
	assert_non_null(strstr(os_sim_text("/run/keelboot/devices"), "loader kexec \npair b\n"));
}

TEST(healthy_boot_loads_its_kernel_and_writes_nothing)
{
	machine_put(machine_good());
	kernels_load();
	assert_int_equal(machine_boot(), OS_SIM_KEXEC);
	trace_expect("kexec_of_a_good_slot");
	assert_absent("write " STATE_DEV);

	starts("keelboot.pair=a quiet panic=10\n");
	machine_boots_as("kexec_good_slot_has_come_up", 'a');
	assert_absent("write " STATE_DEV);
	assert_absent("spawn " CHILD);
}

/* It is only looked into: what was closed may be written to. */
TEST(kernel_of_a_slot_behind_verity_is_read_from_a_protected_partition)
{
	struct state s = machine_good();

	put_with_manifest(&s, 0, true);
	verity_opens(&s, 0);
	kernels_load();
	assert_int_equal(machine_boot(), OS_SIM_KEXEC);
	assert_order("protect " SLOT_A_DEV, "mount /dev/dm-0");
	assert_order(LOADS, "dm remove keelboot-root-a");
	assert_order("dm remove keelboot-root-a", "unprotect " SLOT_A_DEV);
}

TEST(watchdog_is_fed_right_before_and_not_stopped)
{
	kernels_load();
	assert_int_equal(machine_boot(), OS_SIM_KEXEC);
	assert_absent("wdt release");
	assert_absent("wdt stop");
}

/* Its bad sectors keep the child, or memory was short: the good slot has its own kernel all the
 * same. */
TEST(kernel_whose_loading_does_not_end_is_its_own_slots_fault)
{
	for (unsigned i = 0; i < 2; i++) {
		machine_anew();
		machine.conf = CONF;
		machine.cmdline = "quiet panic=10\n";
		os_sim_file(PMSG, "");
		machine_put(machine_trial());
		machine_child((struct os_sim_child){
			.argv0 = CHILD, .arg = "b", .status = SIGKILL, .hangs = i == 0 });
		kernel_of("a", KEXEC_LOADED, "");
		assert_int_equal(machine_boot(), OS_SIM_KEXEC);
		assert_once("# slot a: starting its kernel");
		EQUAL((machine_get().slot[1].tries, STATE_TRIES - 1));
	}
}

TEST(kernel_that_does_not_come_up_costs_a_try_each_time)
{
	machine_put(machine_trial());
	for (unsigned tries = STATE_TRIES; tries > 0; tries--) {
		kernels_load();
		assert_int_equal(machine_boot(), OS_SIM_KEXEC);
		assert_once("# slot b: starting its kernel");
		EQUAL((machine_get().slot[1].tries, tries - 1), (machine_get().open, 1));
		reset();
	}
	kernels_load();
	assert_int_equal(machine_boot(), OS_SIM_KEXEC);
	assert_once("# slot a: starting its kernel");
	EQUAL((machine_get().slot[1].st, STATE_BAD), (machine_get().open, STATE_NONE));
	assert_string_equal(machine_get().slot[1].reason, "its kernel did not come up");
}

/* Its kernel hangs, and the watchdog says that it has fired. */
TEST(good_slot_whose_kernel_hangs_is_left)
{
	unsigned boots = 0;

	machine_put(machine_good());
	for (;; boots++) {
		kernels_load();
		assert_int_equal(machine_boot(), OS_SIM_KEXEC);
		if (os_sim_count("# slot b: starting its kernel") > 0)
			break;
		reset();
		machine.watchdog.bootstatus = WDIOF_CARDRESET;
		assert_true(boots < 10);
	}
	assert_int_equal(boots, STATE_STREAK_LIMIT);
	assert_string_equal(machine_get().slot[0].reason, "crashed or hung");
}

/* It panics before its init, and restarts: nothing but a mark in memory says so. From then on the
 * slot is counted. */
TEST(good_slot_whose_kernel_panics_early_is_left)
{
	unsigned boots = 0;

	machine_put(machine_good());
	for (;; boots++) {
		kernels_load();
		assert_int_equal(machine_boot(), OS_SIM_KEXEC);
		assert_once("write " PMSG " " MARK);
		if (os_sim_count("# slot b: starting its kernel") > 0)
			break;
		assert_int_equal(os_sim_count("write " STATE_DEV) > 0, boots > 0);
		reset();
		os_sim_file(RECORD, COOKIE MARK);
		assert_true(boots < 10);
	}
	assert_int_equal(boots, 1 + STATE_STREAK_LIMIT);
	assert_string_equal(machine_get().slot[0].reason, "its kernel did not come up");
}

/* A kernel without a driver for that memory leaves it, and has come up all the same. */
TEST(mark_alone_costs_nothing_but_the_count)
{
	machine_put(machine_good());
	os_sim_file(RECORD, COOKIE MARK);
	kernels_load();
	assert_int_equal(machine_boot(), OS_SIM_KEXEC);
	EQUAL((machine_get().slot[0].streak, 0), (machine_get().open, 0));
	starts("keelboot.pair=a quiet panic=10\n");
	machine_boots('a');
	EQUAL((machine_get().slot[0].streak, 0), (machine_get().slot[0].doubt, 0));
	assert_true(machine_get().handed == 0);
}

TEST(good_slots_are_counted_where_no_memory_keeps_a_mark)
{
	machine_anew();
	machine.conf = CONF;
	machine.cmdline = "quiet panic=10\n";
	kernels_load();
	assert_int_equal(machine_boot(), OS_SIM_KEXEC);
	assert_int_equal(machine_get().open, 0);
	assert_true(machine_get().handed != 0);
}

/* The base has settled it: the same report must not count twice. */
TEST(what_the_hardware_says_again_counts_once)
{
	machine_put(machine_good());
	machine.watchdog.bootstatus = WDIOF_CARDRESET;
	kernels_load();
	assert_int_equal(machine_boot(), OS_SIM_KEXEC);
	assert_int_equal(machine_get().slot[0].streak, 1);
	starts("keelboot.pair=a quiet panic=10\n");
	machine_boots('a');
	EQUAL((machine_get().slot[0].streak, 1), (machine_get().warm, false));
	assert_absent("write " STATE_DEV);
}

/* No reset was survived: who believed that would excuse each crash by the missing cookie. */
TEST(memory_that_survives_kexec_proves_nothing)
{
	machine_put(machine_good());
	starts("keelboot.pair=a quiet panic=10\n");
	os_sim_file(RECORD, COOKIE);
	machine_boots('a');
	assert_false(machine_get().warm);
}

/* Else a line that somebody copied would be believed. */
TEST(line_of_a_boot_loader_names_no_pair)
{
	machine.cmdline = "keelboot.pair=b quiet panic=10\n";
	kernels_load();
	assert_int_equal(machine_boot(), OS_SIM_KEXEC);
	assert_once("# slot a: starting its kernel");
}

TEST(kernel_by_kexec_that_nobody_named_starts_no_other)
{
	starts("quiet panic=10\n");
	kernels_load();
	machine_boots('a');
	assert_absent("spawn " CHILD);
	machine_told("nobody says whose it is");
	assert_non_null(strstr(os_sim_text("/run/keelboot/devices"), "loader kexec unnamed\n"));
}

/* What a reset starts may install: the console must not say that no slot's kernel can be started.
 */
TEST(kernel_by_kexec_that_nobody_named_installs_nothing_in_this_boot)
{
	machine_put(machine_staged());
	starts("quiet panic=10\n");
	machine_child(apply(0, NULL));
	machine_boots('a');
	assert_absent("spawn " APPLY);
	assert_once(
		"# update: skipped: nobody says whose kernel runs; a reset starts the first one");
}

TEST(kernel_without_kexec_boots_what_proved_itself_and_says_so)
{
	static const struct {
		enum kb_err err;
		const char *says;
	} cases[] = { { KB_ENOENT, "it needs CONFIG_KEXEC_FILE=y" },
		      { KB_EPERM, "it is forbidden" } };

	for (unsigned i = 0; i < KB_ARRAY_LEN(cases); i++) {
		machine_anew();
		machine.conf = CONF;
		machine.cmdline = "quiet panic=10\n";
		os_sim_fail("can kexec", 1, cases[i].err);
		machine_put(machine_trial());
		machine_boots('a');
		assert_absent("spawn " CHILD);
		machine_told(cases[i].says);
		assert_non_null(
			strstr(os_sim_text("/run/keelboot/devices"), "loader kexec none\n"));
		assert_int_equal(machine_get().slot[1].tries, STATE_TRIES);
	}
}

/* Since Linux 6.3: the question alone uses up what kernel.kexec_load_limit_reboot allows, and the
 * load was refused then. That looked like a kernel with a wrong signature. */
TEST(kernel_that_counts_its_kexecs_is_not_asked)
{
	static const struct {
		const char *limit, *says;
		unsigned end;
	} cases[] = {
		{ "1\n", NULL, OS_SIM_KEXEC },
		{ "0\n", "it is forbidden (kernel.kexec_load_limit_reboot=0)", OS_SIM_EXEC },
		{ "-1\n", "it is forbidden (kernel.kexec_load_disabled)", OS_SIM_EXEC },
	};

	for (unsigned i = 0; i < KB_ARRAY_LEN(cases); i++) {
		machine_anew();
		machine.conf = CONF;
		os_sim_file("/proc/sys/kernel/kexec_load_limit_reboot", cases[i].limit);
		os_sim_fail("can kexec", 1, KB_EPERM);
		kernels_load();
		machine_put(machine_trial());
		assert_int_equal(machine_boot(), cases[i].end);
		if (cases[i].says != NULL)
			machine_told(cases[i].says);
	}
}

/* Each load was refused then, at the slot's cost: the limit hides neither of these. */
TEST(kernel_that_counts_its_kexecs_and_starts_none_is_found_out)
{
	static const struct {
		const char *disabled, *says;
		enum kb_err has;
	} cases[] = {
		{ "1\n", "it is forbidden (kernel.kexec_load_disabled)", KB_OK },
		{ "0\n", "it needs CONFIG_KEXEC_FILE=y", KB_ENOENT },
	};

	for (unsigned i = 0; i < KB_ARRAY_LEN(cases); i++) {
		machine_anew();
		machine.conf = CONF;
		os_sim_file("/proc/sys/kernel/kexec_load_limit_reboot", "1\n");
		os_sim_file("/proc/sys/kernel/kexec_load_disabled", cases[i].disabled);
		os_sim_fail("has kexec", 1, cases[i].has);
		machine_put(machine_trial());
		machine_boots('a');
		assert_absent("spawn " CHILD);
		assert_absent("can kexec");
		machine_told(cases[i].says);
		EQUAL((machine_get().slot[1].tries, STATE_TRIES),
		      (machine_get().slot[0].streak, 0));
	}
}

static void uses_up_the_load(void *ctx, const char *const *argv)
{
	(void)argv;
	os_sim_file("/proc/sys/kernel/kexec_load_limit_reboot", ctx);
}

/* Linux refuses the second load as it does a kernel with a wrong signature. A kernel that is not
 * even given to Linux leaves the load to the next slot. */
TEST(trial_that_takes_the_last_load_costs_the_good_slot_nothing)
{
	static char none[] = "0\n", one[] = "1\n";

	for (unsigned i = 0; i < 2; i++) {
		machine_anew();
		machine.conf = CONF;
		machine.cmdline = "quiet panic=10\n";
		os_sim_file(PMSG, "");
		os_sim_file("/proc/sys/kernel/kexec_load_limit_reboot", one);
		machine_put(machine_trial());
		machine_child((struct os_sim_child){ .argv0 = CHILD,
						     .arg = "b",
						     .status = KEXEC_OF_SLOT << 8,
						     .run = uses_up_the_load,
						     .ctx = i == 0 ? none : one });
		kernel_of("a", i == 0 ? KEXEC_OF_SLOT : KEXEC_LOADED, "");
		assert_int_equal(machine_boot(), i == 0 ? OS_SIM_EXEC : OS_SIM_KEXEC);
		assert_int_equal(os_sim_count(LOADS " a"), i);
		EQUAL((machine_get().slot[1].tries, STATE_TRIES - 1),
		      (machine_get().slot[0].streak, 0), (machine_get().open, STATE_NONE));
		if (i == 0)
			assert_once(
				"# slot a: kernel.kexec_load_limit_reboot leaves no load for its kernel");
	}
}

/* What lasts is found out before a trial is charged. */
TEST(kernel_without_kexec_writes_nothing_in_the_boots_that_follow)
{
	static const enum kb_err cases[] = { KB_ENOENT, KB_EPERM };

	for (unsigned i = 0; i < KB_ARRAY_LEN(cases); i++) {
		machine_anew();
		machine.conf = CONF;
		machine_put(machine_trial());
		for (unsigned boot = 0; boot < 2; boot++) {
			reset();
			kernels_load();
			os_sim_fail("can kexec", 1, cases[i]);
			machine_boots('a');
			assert_absent("write " STATE_DEV);
			machine_told("this kernel cannot start that of a slot");
			assert_once(
				"# slot b is preferred, but skipped: on trial, and the first kernel starts no other");
		}
	}
}

/* As that of a distribution, where nothing was installed that installs. */
TEST(base_without_the_helper_writes_nothing_and_says_so)
{
	machine.no_helper = true;
	machine_put(machine_trial());
	for (unsigned boot = 0; boot < 2; boot++) {
		reset();
		kernels_load();
		machine_boots('a');
		assert_absent("write " STATE_DEV);
		assert_absent("spawn " CHILD);
		machine_told("its initramfs has no /usr/lib/keelboot/keelboot-helper");
		assert_once(
			"# slot b is preferred, but skipped: on trial, and the first kernel starts no other");
	}
	assert_non_null(strstr(os_sim_text("/run/keelboot/devices"), "loader kexec none\n"));
	EQUAL((machine_get().slot[1].tries, STATE_TRIES), (machine_get().open, STATE_NONE));
}

TEST(slot_without_a_kernel_is_left_and_says_why)
{
	machine_put(machine_trial());
	kernel_of("b", KEXEC_OF_SLOT, "keelboot-kexec: the slot has no kernel\n");
	kernel_of("a", KEXEC_LOADED, "");
	assert_int_equal(machine_boot(), OS_SIM_KEXEC);
	assert_once("# slot a: starting its kernel");
	assert_once("# slot b: its kernel: keelboot-kexec: the slot has no kernel");
	assert_string_equal(machine_get().slot[1].reason, "its kernel cannot be started");
	assert_int_equal(machine_get().slot[1].tries, STATE_TRIES - 1);
}

/* Something boots. */
TEST(slots_without_kernels_boot_by_the_base)
{
	kernel_of("a", KEXEC_OF_SLOT, "no kernel\n");
	kernel_of("b", KEXEC_OF_SLOT, "no kernel\n");
	machine_boots('a');
	machine_told("\"pair\":\"-\"");
}

TEST(base_that_is_refused_boots_the_good_slot_itself)
{
	kernel_of("a", KEXEC_OF_BASE, "not here\n");
	machine_boots('a');
	assert_int_equal(machine_get().slot[0].streak, 0);
	reset();
	kernel_of("a", KEXEC_OF_BASE, "not here\n");
	machine_boots('a');
	assert_absent("write " STATE_DEV); /* the history has it */
}

TEST(base_that_is_refused_spends_no_try)
{
	machine_put(machine_trial());
	kernel_of("b", KEXEC_OF_BASE, "not here\n");
	machine_boots('a');
	EQUAL((machine_get().slot[1].tries, STATE_TRIES), (machine_get().open, STATE_NONE));
}

/* One line says why, another one what boots instead: both are there already. */
TEST(base_that_is_refused_adds_no_line_of_history_in_each_boot)
{
	machine_put(machine_trial());
	for (unsigned boot = 0; boot < 3; boot++) {
		reset();
		kernel_of("b", KEXEC_OF_BASE, "not here\n");
		machine_boots('a');
		/* the ring begins at 3072 KiB */
		assert_int_equal(os_sim_count("write " STATE_DEV " at 30"), boot == 0 ? 2 : 0);
	}
}

TEST(start_that_the_kernel_refuses_boots_the_good_slot_itself)
{
	kernels_load();
	os_sim_fail("kexec", 1, KB_EPERM);
	machine_boots('a');
	assert_once("# slot a: this kernel refuses to start another one");
}

TEST(child_that_hangs_is_ended)
{
	machine_child((struct os_sim_child){ .argv0 = CHILD, .hangs = true });
	machine_boots('a');
	assert_int_equal(os_sim_count("# keelboot-kexec does not end"), 2);
}

TEST(trial_that_does_not_mount_costs_no_restart)
{
	machine_put(machine_trial());
	machine.init[1] = NULL;
	kernels_load();
	assert_int_equal(machine_boot(), OS_SIM_KEXEC);
	assert_absent("spawn " CHILD " /sysroot  b");
	assert_once("# slot a: starting its kernel");
}

/* The base has looked, and a medium that crashes it would crash this one. */
TEST(kernel_that_the_base_started_looks_for_no_update)
{
	machine_put(machine_staged());
	starts("keelboot.pair=a quiet panic=10\n");
	machine_child(apply(0, NULL));
	machine_boots('a');
	assert_absent("spawn " APPLY);
}

TEST(base_installs_before_it_starts_a_kernel)
{
	machine_put(machine_staged());
	machine_child(apply(2, NULL));
	kernels_load();
	assert_int_equal(machine_boot(), OS_SIM_KEXEC);
	assert_order("spawn " APPLY, LOADS);
}

TEST(kernel_lies_in_a_partition_of_its_own)
{
	machine.conf = "[system]\ncompatible=trace\n"
		       "[slot.a]\nroot=PARTLABEL=root-a\nboot=PARTLABEL=boot-a\n"
		       "[slot.b]\nroot=PARTLABEL=root-b\n"
		       "[loader]\nkind=kexec\nkernel=/k\ninitramfs=/i\nkernel-words=/w\n";
	machine.disk.part[machine.disk.nparts++] =
		(struct os_sim_part){ .partlabel = "boot-a", .size = 32 * MIB };
	kernels_load();
	assert_int_equal(machine_boot(), OS_SIM_KEXEC);
	assert_once(LOADS "/dev/vda5 a /k /i /w");
	reset();
	machine.disk.part[machine.disk.nparts - 1].partlabel = "other";
	kernels_load();
	assert_int_equal(machine_boot(), OS_SIM_KEXEC);
	assert_once("# slot b: starting its kernel");
	reset();
	os_sim_fail("mount " SLOT_B_DEV, 1, KB_EMOUNT);
	machine_boots('a');
	assert_once("# slot a runs with the first kernel: its own kernel cannot be started");
}

TEST(chosen_slot_boots_by_the_base)
{
	machine.cmdline = "keelboot.slot=b\n";
	machine_boots('b');
	assert_absent("spawn " CHILD);
}

TEST_MAIN("trace of the pairs by kexec", .set_up = kexecs_set_up, .tear_down = machine_tear_down)
