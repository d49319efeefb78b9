/* SPDX-License-Identifier: Apache-2.0 */
/* What is measured where one kernel starts another one. */
#include "tests/trace/measures.h"

#include "update/wire/kexec_end.h"

#define KEXEC  "[loader]\nkind=kexec\n"
#define STARTS "keelboot.pair=a quiet panic=10\n"
#define NONE   "tier=none"
#define CHECKS "spawn " CHILD " check 13"
#define OTHER  "why=another slot"

static void kernels_load(void)
{
	machine_child_says("keelboot-kexec", NULL, "", KEXEC_LOADED);
}

static void set_up(void)
{
	machine_set_up();
	machine.conf = CONF KEXEC;
	machine.cmdline = "quiet panic=10\n";
}

static void comes_by_kexec(const char *cmdline)
{
	machine.cmdline = cmdline;
	os_sim_file("/proc/sys/kernel/bootloader_type", "208\n");
}

/* The kernel of slot a, which another one started. */
static void second_kernel(const char *cmdline)
{
	machine_restart();
	tpm_answers("measure");
	tpm_answers("check");
	comes_by_kexec(cmdline);
}

TEST(first_kernel_measures_before_it_starts_the_slots)
{
	tpm_answers("measure");
	kernels_load();
	assert_int_equal(machine_boot(), OS_SIM_KEXEC);
	assert_once(MEASURES);
	assert_order(MEASURES, "kexec");
	second_kernel(STARTS);
	machine_boots('a');
	assert_once("spawn " CHILD);
	assert_once(CHECKS);
	machine_told("\"by\":\"the first kernel\"}");
}

/* It could not, and need not: only its console said so, and a trial's history. */
TEST(text_that_the_first_kernel_owes_is_reported_by_the_second)
{
	for (unsigned hangs = 0; hangs <= 1; hangs++) {
		machine_restart();
		comes_by_kexec(STARTS);
		machine_child((struct os_sim_child){
			.argv0 = CHILD,
			.say = { { 10, "keelboot-tpm: nothing has extended it\n", 0 } },
			.duration_ms = 20,
			.status = TPM_FAILED << 8,
			.hangs = hangs });
		machine_boots('a');
		assert_absent(MEASURES);
		assert_once("# measure: the first kernel has not measured slot a: PCR 13: ");
		machine_told("\"by\":\"nobody\"}");
		machine_told("{\"id\":\"measure\",\"text\":\"PCR 13: keelboot-tpm: nothing has ");
	}
}

/* What is in its PCR is of slot a: slot b must not get the secrets of that. */
TEST(second_kernel_that_boots_another_slot_spoils_the_value)
{
	second_kernel(STARTS);
	machine.init[0] = NULL;
	machine.no_state_bdev = true;
	machine_boots('b');
	assert_once(MEASURES);
	measured(NONE);
	measured(OTHER);
	assert_order(MEASURES, "write /run/keelboot/slot");
	machine_told("\"by\":\"nobody\",\"spoiled\":true");
	machine_told("no secret that is sealed to PCR 13 opens in this boot");
}

TEST(second_kernel_that_was_asked_for_a_slot_spoils_the_value)
{
	second_kernel("keelboot.slot=b " STARTS);
	machine_boots('b');
	measured(OTHER);
	second_kernel("keelboot.slot=a " STARTS);
	machine_boots('a');
	measured(OTHER);
}

TEST(second_kernel_that_boots_no_slot_spoils_the_value)
{
	second_kernel("keelboot.enable=0 root=PARTLABEL=root-a " STARTS);
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	measured("why=keelboot.enable=0");
	second_kernel("console=ttyS0 keelboot.shell=1 " STARTS);
	machine.conf = CONF KEXEC "[rescue]\nwait=20\n";
	os_sim_file("/etc/keelboot/debug-shell", "");
	os_sim_fail("mount /dev/vda", 0, KB_EMOUNT);
	machine.no_state_bdev = true;
	machine_child((struct os_sim_child){ .argv0 = "sh", .duration_ms = 100 });
	assert_int_equal(machine_boot(), OS_SIM_REBOOT);
	measured("why=a shell");
	assert_order(MEASURES, "spawn sh -i");
}

/* It was measured as one that nothing stands against. */
TEST(slot_that_is_a_last_resort_for_the_second_kernel_spoils_the_value)
{
	struct state s = machine_good();

	s.slot[0].st = s.slot[1].st = STATE_BAD;
	machine_put(s);
	second_kernel(STARTS);
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	measured(OTHER);
}

TEST(kernel_of_a_slot_that_must_be_measured_is_not_started_without)
{
	tpm_fails_late();
	machine.conf = REQUIRED KEXEC;
	kernels_load();
	assert_int_equal(machine_boot(), OS_SIM_REBOOT);
	assert_absent("kexec");
	assert_absent("switch_root");
}

static void base_restarts(void)
{
	machine_restart();
	machine.cmdline = "quiet panic=10\n";
	kernels_load();
}

/* Neither one on trial, nor a good one that is counted after a crash: no slot can be measured. */
TEST(tpm_that_fails_late_costs_no_slot_a_try)
{
	for (unsigned good = 0; good <= 1; good++) {
		struct state s = good ? machine_good() : machine_trial();

		machine_anew();
		machine.conf = REQUIRED KEXEC "[system]\ncount=always\n";
		machine_put(s);
		for (unsigned n = 0; n < 3; n++) {
			base_restarts();
			tpm_fails_late();
			assert_int_equal(machine_boot(), OS_SIM_REBOOT);
			assert_once(MEASURES);
			assert_absent("kexec");
			assert_once("# measure: slot ");
			assert_once("# restarting in 30 s: [measure] required=yes");
			assert_int_equal(os_sim_count("sleep 1 s"), 30);
		}
		base_restarts();
		tpm_answers("look");
		tpm_answers("measure");
		assert_int_equal(machine_boot(), OS_SIM_KEXEC);
		assert_once(good ? "# slot a: starting its kernel"
				 : "# slot b: starting its kernel");
		s = machine_get();
		EQUAL((s.slot[0].st, STATE_GOOD), (s.slot[0].streak, 0));
		if (!good)
			EQUAL((s.slot[1].tries, STATE_TRIES - 1));
	}
}

/* ---------------------------------------------------------------- a kernel beside the root */

#define BESIDE                                                                              \
	"[slot.a]\nroot=PARTLABEL=root-a\nboot=PARTLABEL=boot-a\n[slot.b]\nroot=PARTLABEL=" \
	"root-b\n"

static void kernel_beside(const char *conf)
{
	machine.conf = conf;
	machine.disk.part[machine.disk.nparts++] =
		(struct os_sim_part){ .partlabel = "boot-a", .size = 32 * MIB };
	tpm_answers("look");
	tpm_answers("measure");
	kernels_load();
}

/* Nothing compares that partition with the manifest: any kernel would have the slot's value. */
TEST(kernel_that_nothing_checks_is_no_slots)
{
	kernel_beside(CONF KEXEC BESIDE);
	assert_int_equal(machine_boot(), OS_SIM_KEXEC);
	assert_once(MEASURES);
	measured("why=a kernel that nothing checks");
	assert_order(MEASURES, "kexec");
	second_kernel(STARTS);
	machine_boots('a');
	assert_absent(MEASURES);
	machine_told("\"by\":\"nobody\"");
	machine_told("its kernel is in a partition of its own, which nothing checks");
}

TEST(kernel_that_nothing_checks_is_not_started_where_it_must_be_measured)
{
	kernel_beside(REQUIRED KEXEC BESIDE);
	assert_int_equal(machine_boot(), OS_SIM_REBOOT);
	measured(NONE);
	assert_absent("kexec");
	assert_absent("switch_root");
}

/* It was measured, and its kernel did not start: what is entered then is measured as well. */
TEST(value_of_two_texts_is_reported)
{
	tpm_answers("measure");
	kernels_load();
	os_sim_fail("kexec", 0, KB_EIO);
	machine_boots('a');
	assert_int_equal(os_sim_count(MEASURES), 2);
	machine_told("\"by\":\"this kernel\",\"spoiled\":true");
	machine_told("no secret that is sealed to PCR 13 opens in this boot");
}

TEST_MAIN("measure by kexec", .set_up = set_up, .tear_down = machine_tear_down)
