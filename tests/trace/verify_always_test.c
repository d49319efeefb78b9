/* SPDX-License-Identifier: Apache-2.0 */
/* verify-slot=always: a disk that a stranger can write to boots nothing of his. */
#include "tests/trace/kexecs.h"
#include "tests/trace/verified.h"

#define ALWAYS_CONF "[system]\nverify-slot=always\n"

/* Threats 23, 24: whoever can write to the disk can make a manifest, a release, or the whole state
 * be gone. */
TEST(with_always_nothing_boots_without_a_signed_root_hash)
{
	struct state s = machine_good();

	machine.conf = ALWAYS_CONF;
	put_with_manifest(&s, 0, false);
	make_answer(&s, 0, false);
	helper_answers(0);
	machine_reboots_as("verify_always_and_no_root_hash");
	assert_absent("mount " SLOT_A_DEV);
	assert_absent("mount " SLOT_B_DEV);
	machine_restart();
	s.slot[0].has_release = s.slot[1].has_release = false;
	s.slot[0].st = s.slot[1].st = STATE_BAD;
	machine_put(s);
	machine.cmdline = "keelboot.enable=0 root=" SLOT_A_DEV "\n";
	assert_int_equal(machine_boot(), OS_SIM_REBOOT);
	assert_once("# keelboot.enable=0: ignored with [system] verify-slot=always");
	assert_absent("mount " SLOT_A_DEV);
	machine_restart();
	bdev_sim_scribble(&machine.state, 0, STORE_MIN_SIZE, 7);
	assert_int_equal(machine_boot(), OS_SIM_REBOOT);
	assert_absent("mount " SLOT_A_DEV);
	assert_absent("mount " SLOT_B_DEV);
}

TEST(with_always_a_slot_with_a_signed_root_hash_boots)
{
	struct state s = machine_good();

	machine.conf = ALWAYS_CONF;
	put_with_manifest(&s, 0, true);
	verity_opens(&s, 0);
	machine_boots('a');
	assert_order(VERIFY, "mount /dev/dm-0");
}

/* Slot a has its kernel in a partition, slot b in its root; the good one that is named boots. */
static void kernel_of_a_lies_apart(int boots)
{
	struct state s = machine_good();

	machine.conf = ALWAYS_CONF "[slot.a]\nroot=PARTLABEL=root-a\nboot=PARTLABEL=boot-a\n"
				   "[slot.b]\nroot=PARTLABEL=root-b\n[loader]\nkind=kexec\n";
	machine.disk.part[machine.disk.nparts++] =
		(struct os_sim_part){ .partlabel = "boot-a", .size = 32 * MIB };
	s.staged.source = STATE_SRC_DATA;
	put_with_manifest(&s, boots, true);
	verity_opens(&s, boots);
}

/* No hash covers that partition: the root is verified, and the base enters it itself. */
TEST(with_always_no_kernel_is_started_from_a_partition_that_nothing_checks)
{
	kernel_of_a_lies_apart(0);
	machine_child_says("keelboot-kexec", NULL, "", KEXEC_LOADED);
	machine_boots('a');
	assert_absent("spawn keelboot-kexec");
	assert_absent("spawn keelboot-apply");
	assert_once(
		"# update: skipped: with verify-slot=always, a slot's kernel in a partition (boot=) is never started");
	assert_non_null(
		strstr(os_sim_text("/run/keelboot/devices"), "loader kexec unchecked\npair -\n"));
	machine_told(
		"no kernel is started from the partition of [slot.a] boot=, which nothing checks");
	assert_absent("mount /dev/vda5");
	assert_order(VERIFY, "mount /dev/dm-0");
	assert_once("# slot a: its kernel is in a partition that nothing checks");
	assert_int_equal(machine_get().slot[0].streak, 0);
}

/* The base, which installs, has a system.conf of its own. That it started a kernel which this one
 * forbids shows that it does not refuse; of one in a root, nobody knows. */
TEST(with_always_the_conf_of_a_slots_kernel_forbids_no_update_that_the_base_installs)
{
	static const struct {
		const char *cmdline, *devices, *told;
		int boots;
	} cases[] = {
		{ "keelboot.pair=a\n", "loader kexec \npair a\n",
		  "[slot.a] boot=, which nothing checks; the first kernel has another system.conf",
		  0 },
		{ "keelboot.pair=b\n", "loader kexec unchecked\npair b\n",
		  "[slot.a] boot=, which nothing checks: nothing is installed", 1 },
	};

	for (unsigned i = 0; i < KB_ARRAY_LEN(cases); i++) {
		machine_anew();
		starts(cases[i].cmdline);
		kernel_of_a_lies_apart(cases[i].boots);
		machine_boots("ab"[cases[i].boots]);
		assert_non_null(strstr(os_sim_text("/run/keelboot/devices"), cases[i].devices));
		machine_told(cases[i].told);
	}
}

/* Both are true, and a reset lifts one of them. */
TEST(with_always_a_kernel_by_hand_hides_no_kernel_that_nothing_checks)
{
	starts("quiet\n");
	kernel_of_a_lies_apart(0);
	machine_boots('a');
	assert_non_null(strstr(os_sim_text("/run/keelboot/devices"),
			       "loader kexec unchecked unnamed\npair -\n"));
}

/* Threat 34: a record of a newer Keelboot tells of no release, so nothing could ever boot by it. */
TEST(with_always_a_record_of_a_newer_keelboot_does_not_stop_the_boot)
{
	struct state s = machine_good();

	machine.conf = ALWAYS_CONF;
	put_manifest(0, &s, true);
	make_answer(&s, 0, true);
	s.newer = true;
	s.min_reader = STATE_FORMAT + 1;
	machine_put(s);
	helper_answers(0);
	mapped_device();
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	assert_once("mount /dev/dm-0 /sysroot ext4 ro");
	assert_absent("mount " SLOT_B_DEV);
	machine_told("\"state\":\"rebuilt\"");
}

TEST_MAIN("trace of verify-slot=always", .set_up = machine_set_up, .tear_down = machine_tear_down)
