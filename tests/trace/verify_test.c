/* SPDX-License-Identifier: Apache-2.0 */
/* Slots whose manifest is verified again, and roots behind dm-verity. */
#include "tests/trace/verified.h"

TEST(trial_is_verified_before_its_charge)
{
	struct state s = machine_trial();

	put_with_manifest(&s, 1, false);
	machine.conf = VERITY_CONF;
	make_answer(&s, 1, false);
	helper_answers(0);
	machine_boots_as("trial_is_verified_again", 'b');
	assert_order(VERIFY, "write " STATE_DEV);
	assert_order(VERIFY, "mount " SLOT_B_DEV);
	assert_absent("dm ");
}

TEST(good_slot_without_a_root_hash_costs_nothing)
{
	struct state s = machine_good();

	put_with_manifest(&s, 0, false);
	machine.conf = VERITY_CONF;
	machine_boots('a');
	assert_absent(VERIFY);
	assert_int_equal(machine.state.own.ops, 0);
}

TEST(trial_that_cannot_be_verified_is_rejected)
{
	static const struct {
		int code;
		const char *reason;
	} cases[] = { { 5, "manifest not verified" },
		      { 6, "manifest for another device" },
		      { 1, "manifest cannot be verified" } };
	struct state s = machine_trial();

	for (unsigned i = 0; i < 3; i++) {
		put_with_manifest(&s, 1, false);
		machine.conf = VERITY_CONF;
		helper_answers(cases[i].code);
		machine_boots('a');
		assert_absent("mount " SLOT_B_DEV);
		assert_string_equal(machine_get().slot[1].reason, cases[i].reason);
		assert_int_equal(machine_get().slot[1].tries, STATE_TRIES - 1);
		machine_restart();
	}
}

TEST(helper_that_hangs_or_lies_rejects_the_trial)
{
	struct state s = machine_trial();

	put_with_manifest(&s, 1, false);
	machine.conf = VERITY_CONF "[watchdog]\ntimeout=10\n";
	machine_child((struct os_sim_child){ .argv0 = "keelboot-verify", .hangs = true });
	machine_boots_as("verify_hangs_next_candidate", 'a');
	assert_string_equal(machine_get().slot[1].reason, "manifest cannot be verified");
	assert_in_range(os_now_ms(), 15000, 17000);
	machine_restart();
	machine_put(s);
	make_answer(&s, 1, true);
	answer.root_hash[7] = ' ';
	helper_answers(0);
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	assert_string_equal(machine_get().slot[1].reason, "manifest cannot be verified");
	machine_restart();
	machine_put(s);
	make_answer(&s, 0, false);
	helper_answers(0);
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	assert_string_equal(machine_get().slot[1].reason, "manifest of another release");
}

TEST(good_slot_with_a_root_hash_boots_through_verity)
{
	struct state s = machine_good();

	machine_put(s);
	machine.conf = "[system]\ncount=never\n";
	put_manifest(0, &s, true);
	verity_opens(&s, 0);
	machine_boots_as("good_slot_boots_through_verity", 'a');
	assert_once("dm keelboot-root-a verity 640: 1 " SLOT_A_DEV " " SLOT_A_DEV
		    " 4096 4096 80 80 sha256 " ROOT_HASH_16);
	assert_once("mount /dev/dm-0 /sysroot ext4 ro");
	assert_absent("mount " SLOT_A_DEV);
	assert_int_equal(machine.state.own.ops, 0);
	/* A write to the partition would be a panic at the next read. */
	assert_order("protect " SLOT_A_DEV, "dm keelboot-root-a");
	assert_absent("unprotect");
}

TEST(partition_below_verity_may_be_written_where_slots_may)
{
	struct state s = machine_good();

	put_with_manifest(&s, 0, true);
	machine.conf = "[system]\nslots=writable\n";
	verity_opens(&s, 0);
	machine_boots('a');
	assert_absent("protect");
}

TEST(panics_of_a_good_slot_behind_verity_lead_to_the_other_one)
{
	struct state s = machine_good();

	/* The watchdog tells of its own resets, and nothing of a panic. */
	machine.no_pstore = true;
	put_with_manifest(&s, 0, true);
	make_answer(&s, 0, true);
	for (unsigned i = 0; i < STATE_STREAK_LIMIT; i++) {
		helper_answers(0);
		mapped_device();
		machine_boots('a');
		assert_order("write " STATE_DEV, "mount /dev/dm-0");
		machine_restart();
	}
	machine_boots('b');
}

TEST(slot_that_verity_does_not_open_or_mount_is_left)
{
	struct state s = machine_good();

	put_with_manifest(&s, 0, true);
	verity_opens(&s, 0);
	os_sim_fail("dm keelboot-root-a", 0, KB_EINVAL);
	machine_boots_as("verity_does_not_open_next_candidate", 'b');
	assert_int_equal(machine_get().slot[0].streak, 1);
	assert_absent("mount " SLOT_A_DEV);
	assert_once("unprotect " SLOT_A_DEV);
	machine_restart();
	machine_put(s);
	helper_answers(0);
	mapped_device();
	os_sim_fail("mount /dev/dm-0", 0, KB_EMOUNT);
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	assert_once("dm remove keelboot-root-a");
	assert_order("dm remove keelboot-root-a", "unprotect " SLOT_A_DEV);
	assert_order("unprotect " SLOT_A_DEV, "mount " SLOT_B_DEV);
}

/* Its tries are for what the slot does; the initramfs is to blame here, and another one boots it.
 */
TEST(kernel_without_verity_or_its_hash_costs_no_try)
{
	static const struct {
		const char *has, *algorithm, *lacks, *trace;
	} c[] = {
		{ NULL, "sha256", "dm-verity", "no_dm_verity_next_candidate" },
		{ "sha256", "sha512", "sha512", "no_hash_of_dm_verity_next_candidate" },
	};

	for (unsigned i = 0; i < 2; i++) {
		struct state s = machine_trial();

		put_with_manifest(&s, 1, true);
		make_answer(&s, 1, true);
		snprintf(answer.algorithm, sizeof(answer.algorithm), "%s", c[i].algorithm);
		if (strcmp(c[i].algorithm, "sha512") == 0)
			memset(answer.root_hash, 'c', 128);
		for (unsigned boots = 0; boots < STATE_TRIES + 2; boots++) {
			helper_answers(0);
			mapped_device();
			kernel_has(c[i].has);
			os_sim_fail("dm keelboot-root-b", 0, KB_ENOENT);
			assert_int_equal(machine_boot(), OS_SIM_EXEC);
			if (boots == 0)
				trace_expect(c[i].trace);
			assert_absent("mount " SLOT_B_DEV);
			assert_string_equal(os_sim_text("/run/keelboot/slot"), "a\n");
			machine_told(strf("\"reason\":\"b: no %s in this kernel\"", c[i].lacks));
			assert_int_equal(machine_get().slot[1].tries, STATE_TRIES);
			assert_int_equal(machine_get().slot[1].st, STATE_TRIAL);
			machine_restart();
		}
		helper_answers(0);
		mapped_device();
		kernel_has(c[i].algorithm);
		machine_boots('b');
		machine_anew();
	}
}

/* What procfs and sysfs show is a hint: the kernel has the last word. */
TEST(kernel_that_opens_the_tree_has_all_it_needs)
{
	struct state s = machine_trial();

	put_with_manifest(&s, 1, true);
	verity_opens(&s, 1);
	kernel_has(NULL);
	machine_boots('b');
	assert_order("dm remove keelboot-root-b", "mount /dev/dm-0");
	assert_order("write " STATE_DEV, "mount /dev/dm-0");
}

TEST(last_resort_never_mounts_a_verified_slot_without_verity)
{
	struct state s = machine_both_bad();

	put_with_manifest(&s, 0, true);
	put_manifest(1, &s, false);
	verity_opens(&s, 0);
	os_sim_fail("dm keelboot-root-a", 0, KB_ENOENT);
	machine_boots('b');
	assert_absent("mount " SLOT_A_DEV);
}

/* Threat 34: whoever writes the state partition can write a root hash into each cell, which nobody
 * signed, or only for another device. */
TEST(root_hash_that_nobody_signed_does_not_stop_the_boot)
{
	static const int codes[] = { 1, 5, 6 };
	struct state s = machine_good();

	for (unsigned i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		s.slot[0].st = s.slot[1].st = STATE_BAD;
		put_with_manifest(&s, 0, true);
		put_manifest(1, &s, true);
		helper_answers(codes[i]);
		assert_int_equal(machine_boot(), OS_SIM_EXEC);
		assert_once("mount " SLOT_A_DEV);
		machine_told("it was booted anyway");
		machine_anew();
	}
}

/* Nor does it where the slots are good: after three boots each. */
TEST(root_hash_that_nobody_signed_costs_good_slots_their_trust_first)
{
	struct state s = machine_good();

	put_with_manifest(&s, 0, true);
	put_manifest(1, &s, true);
	for (unsigned i = 0; i < STATE_STREAK_LIMIT; i++) {
		helper_answers(5);
		assert_int_equal(machine_boot(), OS_SIM_REBOOT);
		assert_absent("mount " SLOT_A_DEV);
		machine_restart();
	}
	helper_answers(5);
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	machine_told("\"tier\":\"last-resort\"");
}

static void damage_manifest(int slot, int copy)
{
	bdev_sim_scribble(&machine.state, STORE_MANIFEST(copy, slot), 512, 7);
}

static void lose_manifest(int slot)
{
	damage_manifest(slot, 0);
	damage_manifest(slot, 1);
}

/* Nobody knows any more whether it had a root hash. */
TEST(slot_whose_manifest_is_lost_is_passed_over)
{
	struct state s = machine_good();

	put_with_manifest(&s, 0, true);
	lose_manifest(0);
	machine_boots_as("manifest_lost_next_candidate", 'b');
	assert_absent("mount " SLOT_A_DEV);
	machine_told("\"reason\":\"a: manifest lost\"");
	machine_restart();
	put_with_manifest(&s, 0, true);
	damage_manifest(0, 0);
	machine.state.dead[0].from = STORE_MANIFEST(1, 0);
	machine.state.dead[0].to = STORE_MANIFEST(1, 1);
	machine.state.dead[0].reads = true;
	machine_boots('b');
	machine_told("\"reason\":\"a: manifest lost\"");
}

TEST(trial_whose_manifest_is_lost_is_refused_with_verify_slot)
{
	struct state s = machine_trial();

	put_with_manifest(&s, 1, false);
	lose_manifest(1);
	machine.conf = VERITY_CONF;
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	assert_absent("mount " SLOT_B_DEV);
	assert_string_equal(machine_get().slot[1].reason, "manifest lost");
	assert_int_equal(machine_get().slot[1].tries, STATE_TRIES - 1);
}

TEST(one_damaged_copy_of_a_manifest_costs_nothing)
{
	struct state s = machine_good();

	for (int copy = 0; copy < 2; copy++) {
		put_with_manifest(&s, 0, true);
		damage_manifest(0, copy);
		verity_opens(&s, 0);
		assert_int_equal(machine_boot(), OS_SIM_EXEC);
		assert_once("mount /dev/dm-0 /sysroot ext4 ro");
		machine_restart();
	}
}

/* A factory image that was laid down without a bundle. */
TEST(slot_that_never_had_a_manifest_boots)
{
	for (int copy = 0; copy < 2; copy++) {
		machine_put(machine_good());
		damage_manifest(0, copy);
		machine_boots('a');
		machine_anew();
	}
}

TEST(last_resort_boots_a_slot_whose_manifest_is_lost)
{
	struct state s = machine_both_bad();

	put_with_manifest(&s, 0, true);
	lose_manifest(0);
	machine_boots_as("manifest_lost_last_resort", 'a');
	assert_once("mount " SLOT_A_DEV);
	machine_told("\"slot a: manifest lost; it was booted anyway\"");
}

/* Three boots of a device with one slot, and then the last resort; at once if none can be counted.
 */
TEST(device_whose_manifests_are_all_lost_comes_up)
{
	struct state s = machine_good();

	s.slot[1].st = STATE_EMPTY;
	put_with_manifest(&s, 0, true);
	lose_manifest(0);
	for (unsigned i = 0; i < STATE_STREAK_LIMIT; i++) {
		assert_int_equal(machine_boot(), OS_SIM_REBOOT);
		machine_restart();
	}
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	machine_told("\"tier\":\"last-resort\"");
	machine_restart();
	s.slot[0].streak = 0;
	machine_put(s);
	machine.state.dead[0].to = machine.state.bdev.size;
	machine.state.dead[0].writes = true;
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	machine_told("\"slot a: manifest lost; it was booted anyway\"");
}

/* A state that can be read in part, and not be written: nothing is counted, so what was rejected
 * would boot forever beside the slot that is good. */
TEST(good_slot_without_its_manifest_goes_before_what_cannot_be_counted)
{
	static const enum state_st st[] = { STATE_TRIAL, STATE_BAD };

	for (unsigned i = 0; i < 2; i++) {
		struct state s = machine_trial();

		s.slot[1].st = st[i];
		put_with_manifest(&s, 0, true);
		lose_manifest(0);
		machine.state.dead[0].to = machine.state.bdev.size;
		machine.state.dead[0].writes = true;
		machine_boots('a');
		machine_told("\"slot a: manifest lost; it was booted anyway\"");
		assert_absent("mount " SLOT_B_DEV);
		machine_anew();
	}
}

TEST_MAIN("trace of verified slots", .set_up = machine_set_up, .tear_down = machine_tear_down)
