/* SPDX-License-Identifier: Apache-2.0 */
/* What the boot measures, when, and what it does without a TPM that answers. */
#include "tests/trace/measures.h"

#include "initramfs/select/select.h"

static void set_up(void)
{
	machine_set_up();
	machine.conf = CONF;
}

TEST(nothing_is_measured_unless_system_conf_says_so)
{
	machine.conf = "[system]\ncompatible=trace\n";
	machine_boots('a');
	assert_absent("spawn " CHILD);
	assert_null(strstr(os_sim_text("/run/keelboot/boot.json"), "measured"));
}

TEST(slot_is_measured_once_it_mounts_and_before_it_is_told)
{
	tpm_answers("measure");
	machine_put(machine_trial());
	machine_boots_as("measure_trial", 'b');
	assert_order("mount " SLOT_B_DEV, MEASURES);
	assert_order(MEASURES, "write /run/keelboot/slot");
	measured("compatible=trace");
	measured("version=2.0");
	measured("sequence=20");
	measured("root=-");
	measured("tier=trial");
	machine_told("\"measured\":{\"pcr\":13,\"banks\":\"sha1,sha256\",\"by\":\"this kernel\"}");
}

TEST(healthy_boot_is_measured_and_writes_nothing)
{
	tpm_answers("measure");
	machine_put(machine_good());
	machine.state.writes = 0;
	machine_boots('a');
	measured("tier=good");
	assert_absent(LOOKS);
	assert_int_equal(machine.state.writes, 0);
}

TEST(root_hash_is_measured_where_it_was_verified)
{
	struct state s = machine_good();

	tpm_answers("measure");
	put_with_manifest(&s, 0, true);
	verity_opens(&s, 0);
	machine_boots('a');
	measured("root=sha256:" ROOT_HASH_16);
}

TEST(slot_that_fails_is_never_measured)
{
	tpm_answers("measure");
	machine_put(machine_trial());
	machine.init[1] = NULL;
	machine_boots('a');
	assert_once(MEASURES);
	measured("version=1.0");
}

TEST(last_resort_is_measured_as_one)
{
	tpm_answers("measure");
	machine_put(machine_both_bad());
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	measured("tier=last-resort");
}

TEST(forced_slot_is_measured_as_one)
{
	tpm_answers("measure");
	machine.cmdline = "console=ttyS0 keelboot.slot=b\n";
	machine_boots('b');
	measured("tier=forced");
}

TEST(boot_without_keelboot_ends_what_a_policy_could_wait_for)
{
	tpm_answers("measure");
	machine.cmdline = "console=ttyS0 keelboot.enable=0 root=PARTLABEL=root-a\n";
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	measured("tier=none");
	measured("why=keelboot.enable=0");
	assert_order(MEASURES, "switch_root");
}

/* ---------------------------------------------------------------- without an answer */

TEST(slot_is_entered_with_a_warning)
{
	no_tpm();
	machine_put(machine_trial());
	machine_boots('b');
	assert_once("# measure: slot b is entered without being measured: PCR 13: " NO_TPM);
	machine_told("\"by\":\"nobody\"");
	machine_told("{\"id\":\"measure\",\"text\":\"PCR 13: " NO_TPM);
}

TEST(healthy_boot_without_a_tpm_writes_nothing)
{
	no_tpm();
	machine_put(machine_good());
	machine.state.writes = 0;
	machine_boots('a');
	assert_int_equal(machine.state.writes, 0);
}

TEST(tpm_that_hangs_is_left)
{
	machine_child((struct os_sim_child){ .argv0 = CHILD, .hangs = true });
	machine_boots('a');
	assert_once("# keelboot-tpm does not end; stopped");
	assert_once("kill " CHILD);
	machine_told("PCR 13: the TPM does not answer");
}

TEST(helper_that_dies_or_talks_is_no_answer)
{
	static char words[1024];

	memset(words, 'w', sizeof(words) - 1);
	machine_child((struct os_sim_child){ .argv0 = CHILD, .status = SIGSEGV, .times = 1 });
	machine_boots('a');
	machine_told("\"by\":\"nobody\"");
	machine_restart();
	machine_child_says(CHILD, NULL, words, TPM_DONE);
	machine_boots('a');
	machine_told("\"by\":\"nobody\"");
}

TEST(required_measurement_is_asked_for_before_a_slot_is_charged)
{
	no_tpm();
	machine.conf = REQUIRED;
	machine_put(machine_trial());
	machine_reboots_as("measure_required_no_tpm");
	assert_absent(MEASURES);
	assert_absent("mount " SLOT_B_DEV);
	EQUAL((machine_get().slot[1].tries, STATE_TRIES), (machine_get().open, STATE_NONE));
	assert_once("# measure: PCR 13: " NO_TPM "; [measure] required=yes: no slot is booted");
}

TEST(slot_that_is_not_measured_is_not_entered_and_pays_nothing)
{
	tpm_fails_late();
	machine.conf = REQUIRED;
	machine_put(machine_trial());
	machine_reboots_as("measure_required_fails_late");
	assert_absent("switch_root");
	EQUAL((machine_get().open, 1), (machine_get().clean, true));
	machine_restart();
	tpm_answers("look");
	tpm_answers("measure");
	machine_boots('b');
	assert_int_equal(machine_get().slot[1].tries, STATE_TRIES - 1);
}

TEST(value_that_cannot_be_read_is_the_one_that_trusts_least)
{
	machine.conf = "[system]\ncompatible=trace\n[measure]\npcr=l3\nrequired=ja\n";
	no_tpm();
	assert_int_equal(machine_boot(), OS_SIM_REBOOT);
	assert_once(LOOKS);
}

/* ---------------------------------------------------------------- other initramfses */

static enum select_end chooses(void)
{
	if (!machine.has_state)
		machine_put(machine_good());
	machine_lay_out();
	memset(&machine.boot, 0, sizeof(machine.boot));
	return select_choose(&machine.boot);
}

TEST(other_initramfs_gets_a_slot_that_is_measured)
{
	tpm_answers("measure");
	assert_int_equal(chooses(), SELECT_DONE);
	measured("tier=good");
	assert_order(MEASURES, "write /run/keelboot/root.env");
}

TEST(other_initramfs_that_goes_on_without_a_slot_is_measured_as_that)
{
	tpm_answers("measure");
	machine.cmdline = "keelboot.enable=0 root=/dev/sda1\n";
	assert_int_equal(chooses(), SELECT_ASIDE);
	measured("why=keelboot.enable=0");
}

TEST_MAIN("measure", .set_up = set_up, .tear_down = machine_tear_down)
