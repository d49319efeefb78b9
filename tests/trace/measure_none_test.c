/* SPDX-License-Identifier: Apache-2.0 */
/* What is measured, or must be, where something else than a slot gets the machine. */
#include "tests/trace/applies.h"
#include "tests/trace/measures.h"

#include "initramfs/select/generator.h"
#include "initramfs/select/select.h"

#define PLAIN "keelboot.enable=0 root=PARTLABEL=root-a\n"

static void set_up(void)
{
	machine_set_up();
	machine.conf = CONF;
}

/* An initramfs of --debug-shell, with the key. */
static void debug_image(void)
{
	machine.cmdline = "console=ttyS0 keelboot.shell=1\n";
	os_sim_file("/etc/keelboot/debug-shell", "");
	machine_child((struct os_sim_child){ .argv0 = "sh", .duration_ms = 100 });
}

TEST(boot_without_a_slot_that_must_be_measured_restarts)
{
	no_tpm();
	machine.conf = REQUIRED;
	machine.cmdline = PLAIN;
	assert_int_equal(machine_boot(), OS_SIM_REBOOT);
	assert_absent("switch_root");
	assert_once("# measure: PCR 13: " NO_TPM
		    "; [measure] required=yes: no boot without a slot (keelboot.enable=0)");
	assert_once("# unable to boot: ");
	assert_in_range(os_now_ms(), 30000, 40000);
}

TEST(boot_without_a_slot_goes_on_where_it_need_not_be_measured)
{
	no_tpm();
	machine.cmdline = PLAIN;
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	assert_once("# measure: PCR 13: " NO_TPM
		    "; secrets that wait for a slot are not protected in this boot");
}

TEST(tpm_that_hangs_ends_a_boot_without_a_slot_in_time)
{
	machine_child((struct os_sim_child){ .argv0 = CHILD, .hangs = true });
	machine.conf = REQUIRED;
	machine.cmdline = PLAIN;
	assert_int_equal(machine_boot(), OS_SIM_REBOOT);
	assert_in_range(os_now_ms(), 50000, 60000);
}

TEST(shell_that_must_be_measured_is_not_opened_without)
{
	tpm_fails_late();
	machine.conf = REQUIRED "[rescue]\nwait=20\n";
	debug_image();
	os_sim_fail("mount /dev/vda", 0, KB_EMOUNT);
	assert_int_equal(machine_boot(), OS_SIM_REBOOT);
	assert_absent("spawn sh");
	assert_absent("# shell: on");
}

/* ---------------------------------------------------------------- a shell, and a slot after it */

static void install(void *ctx, const char *const *argv)
{
	(void)ctx, (void)argv;
	applies_whole(PLAN_RESCUE);
	os_sim_fs("/dev/vda3", "ext4");
}

/* A shell opens since nothing mounts; then a stick repairs slot b. */
static void shell_and_rescue(void)
{
	struct os_sim_disk stick = machine_stick();
	struct os_sim_child fixes = apply(0, "--rescue");

	debug_image();
	os_sim_fail("mount /dev/vda2", 0, KB_EMOUNT);
	os_sim_fail("mount /dev/vda3", 1, KB_EMOUNT);
	stick.at_ms = 95000;
	machine_plug(stick);
	fixes.run = install;
	os_sim_child(&fixes);
}

TEST(slot_after_a_shell_has_no_value_of_a_slot)
{
	tpm_answers("measure");
	shell_and_rescue();
	machine_boots('b');
	measured("why=a shell");
	assert_int_equal(os_sim_count(MEASURES), 2);
	machine_told("\"by\":\"this kernel\",\"spoiled\":true");
}

/* A shell that is in no PCR goes in before the slot. */
TEST(text_that_is_owed_is_paid_before_that_of_a_slot)
{
	machine_child((struct os_sim_child){ .argv0 = CHILD,
					     .say = { { 10, NO_TPM "\n", 0 } },
					     .status = TPM_NONE << 8,
					     .times = 1 });
	tpm_answers("measure");
	shell_and_rescue();
	machine_boots('b');
	assert_int_equal(os_sim_count(MEASURES), 3);
	assert_once("# measure: PCR 13: no slot (a shell)");
	assert_order("# measure: PCR 13: no slot (a shell)", "# slot b: measured into PCR 13");
	machine_told("\"by\":\"this kernel\",\"spoiled\":true");
}

TEST(slot_after_a_shell_that_stays_owed_is_not_measured)
{
	no_tpm();
	shell_and_rescue();
	machine_boots('b');
	assert_int_equal(os_sim_count(MEASURES), 2);
	assert_absent("# slot b: measured into PCR 13");
	machine_told("\"by\":\"nobody\"}");
	machine_told("{\"id\":\"measure\",\"text\":\"PCR 13: " NO_TPM);
}

/* ---------------------------------------------------------------- other initramfses */

static struct boot *fresh_call(void)
{
	memset(&machine.boot, 0, sizeof(machine.boot));
	return &machine.boot;
}

static void power_on(void)
{
	if (!machine.has_state)
		machine_put(machine_good());
	machine_lay_out();
}

/* Nor is a prompt, which [initramfs] prompt= asks for. */
TEST(other_initramfs_goes_on_without_a_slot_only_where_that_is_measured)
{
	machine.conf = REQUIRED "[initramfs]\nprompt=yes\n";
	machine.cmdline = "keelboot.enable=0 root=/dev/sda1\n";
	no_tpm();
	power_on();
	assert_int_equal(select_choose(fresh_call()), SELECT_FAILED);
	assert_int_equal(os_sim_ended(), OS_SIM_REBOOT);
	assert_null(os_sim_text("/run/keelboot/aside"));
}

TEST(prompt_is_measured_or_none)
{
	for (unsigned works = 0; works <= 1; works++) {
		machine_anew();
		machine.conf = REQUIRED "[initramfs]\nprompt=yes\n";
		machine_child_says(CHILD, NULL, "sha256\n", works ? TPM_DONE : TPM_NONE);
		power_on();
		assert_int_equal(select_fail(fresh_call(), "break=mount"), SELECT_FAILED);
		measured("why=a prompt");
		assert_int_equal(os_sim_ended(), works ? OS_SIM_RUNS : OS_SIM_REBOOT);
	}
}

/* Its watchdog stands until then. */
TEST(root_without_a_choice_is_measured_before_the_watchdog_stops)
{
	machine.conf = REQUIRED;
	machine.cmdline = "root=/dev/nfs\n";
	tpm_answers("measure");
	power_on();
	assert_int_equal(select_enter(fresh_call(), "/root"), SELECT_ASIDE);
	assert_order(MEASURES, "watchdog release");
}

/* break= may ask for a prompt, and a root may come from elsewhere, before anybody asks for a slot.
 */
TEST(other_initramfs_without_keelboot_is_measured_whoever_asks_first)
{
	for (unsigned enters = 0; enters <= 1; enters++) {
		machine_anew();
		machine.conf = CONF;
		machine.cmdline = "keelboot.enable=0 root=/dev/nfs break=top\n";
		tpm_answers("measure");
		power_on();
		assert_int_equal(enters ? select_enter(fresh_call(), "/root")
					: select_fail(fresh_call(), "a prompt"),
				 SELECT_ASIDE);
		measured("why=keelboot.enable=0");
		EQUAL((select_choose(fresh_call()), SELECT_ASIDE),
		      (select_enter(fresh_call(), "/root"), SELECT_ASIDE));
		assert_once(MEASURES);
	}
}

/* Each call is a process of its own. */
TEST(slot_after_a_prompt_has_no_value_of_a_slot)
{
	tpm_answers("measure");
	os_sim_file(TPM_LOG, "of the prompt");
	power_on();
	assert_int_equal(select_choose(fresh_call()), SELECT_DONE);
	machine_told("\"by\":\"this kernel\",\"spoiled\":true");
}

TEST(prompt_that_was_not_measured_goes_in_before_the_slot)
{
	machine.conf = CONF "[initramfs]\nprompt=yes\n";
	machine_child((struct os_sim_child){ .argv0 = CHILD,
					     .say = { { 10, NO_TPM "\n", 0 } },
					     .status = TPM_NONE << 8,
					     .times = 1 });
	tpm_answers("measure");
	power_on();
	assert_int_equal(select_fail(fresh_call(), "break=top"), SELECT_FAILED);
	assert_int_equal(select_choose(fresh_call()), SELECT_DONE);
	assert_int_equal(os_sim_count(MEASURES), 3);
	assert_order("# measure: PCR 13: no slot (a prompt)", "# slot a: measured into PCR 13");
	machine_told("\"by\":\"this kernel\",\"spoiled\":true");
	assert_false(os_exists("/run/keelboot/measure-owed"));
}

static void generates(const char *conf)
{
	static char *argv[] = { (char *)"keelboot-generator", (char *)"/normal", (char *)"/early",
				(char *)"/late", NULL };

	machine_anew();
	machine.conf = conf;
	machine.cmdline = PLAIN;
	os_sim_file("/etc/initrd-release", "");
	power_on();
	assert_int_equal(generator_main(4, argv), 0);
}

/* Nothing else asks for a slot there. */
TEST(systemd_measures_before_it_mounts_a_root_without_keelboot)
{
	generates("[system]\ncompatible=trace\n");
	assert_absent("write /early/");
	generates(CONF);
	assert_non_null(strstr(os_sim_text("/early/sysroot.mount.d/keelboot.conf"),
			       "Requires=keelboot-select.service\nAfter=keelboot-select.service"));
	assert_non_null(os_sim_text("/early/initrd-root-fs.target.d/keelboot.conf"));
	assert_non_null(strstr(os_sim_text("/early/emergency.service.d/keelboot.conf"), "fail"));
	assert_null(os_sim_text("/early/sysroot.mount"));
}

TEST_MAIN("measure none", .set_up = set_up, .tear_down = machine_tear_down)
