/* SPDX-License-Identifier: Apache-2.0 */
/* Boots in the initramfs of a distribution: what keelboot-select does in its calls. */
#include "tests/trace/machine.h"

#include "initramfs/select/drivers.h"
#include "initramfs/select/handout.h"
#include "initramfs/select/select.h"

static void power_on(void)
{
	if (!machine.has_state)
		machine_put(machine_good());
	machine_lay_out();
}

static struct boot *fresh_call(void)
{
	memset(&machine.boot, 0, sizeof(machine.boot));
	return &machine.boot;
}

static enum select_end chooses(void)
{
	return select_choose(fresh_call());
}

static void handed_out(const char *line)
{
	const char *text = os_sim_text(HANDOUT_FILE);

	assert_non_null(text);
	if (strstr(text, line) == NULL)
		fail_msg("root.env has no %s: %s", line, text);
}

TEST(healthy_boot_hands_the_preferred_slot_out_and_writes_nothing)
{
	power_on();
	EQUAL((select_arm(fresh_call()), SELECT_DONE), (chooses(), SELECT_DONE));
	EQUAL((select_enter(fresh_call(), "/root"), SELECT_DONE));
	trace_expect("select_healthy_boot");
	assert_int_equal(machine.state.own.ops, 0);
	handed_out("KEELBOOT_SLOT='a'\n");
	handed_out("KEELBOOT_ROOT='/dev/vda2'\nKEELBOOT_FSTYPE='ext4'\nKEELBOOT_OPTIONS=''\n");
	handed_out("KEELBOOT_PROTECTED='yes'\n");
	handed_out("KEELBOOT_DEVICE='/dev/vda2'\nKEELBOOT_NAME='PARTLABEL=root-a'\n");
	assert_string_equal(os_sim_text("/run/keelboot/token"), "a 0\n");
}

/* ---------------------------------------------------------------- the watchdog's driver */

#define CHIPSET "/sys/bus/pci/devices/0000:00:1f.0/modalias"

static void drivers_are(const char *table)
{
	os_sim_exec("/sbin/modprobe");
	os_sim_file(DRIVERS_FILE, table);
	os_sim_file("/sys/bus/usb/devices/1-1/modalias", "usb:v1D6Bp0002\n");
	os_sim_file(CHIPSET, "pci:v00008086d00001C44sv00000000\n");
}

TEST(driver_is_loaded_that_the_hardware_asks_for)
{
	machine.no_watchdog = true;
	power_on();
	drivers_are(
		"ipmi_watchdog acpi*:IPI0001:*\nlpc_ich pci:v00008086d00001C44sv*\n"
		"lpc_ich pci:v00008086d00001C4[0-3]sv*\niTCO_wdt platform:iTCO_wdt\nit87_wdt\n");
	machine_child((struct os_sim_child){ .argv0 = "modprobe" });
	assert_int_equal(select_arm(fresh_call()), SELECT_DONE);
	assert_once("spawn modprobe -q -a -- lpc_ich\n");
	/* No watchdog came of it: some can only find out themselves. */
	assert_once("spawn modprobe -q -a -- ipmi_watchdog iTCO_wdt it87_wdt\n");
}

TEST(no_driver_is_loaded_for_a_watchdog_that_is_there_or_not_wanted)
{
	for (int off = 0; off <= 1; off++) {
		machine.no_watchdog = off;
		machine.conf = off ? "[system]\ncompatible=trace\n[watchdog]\ndevice=off\n"
				   : "[system]\ncompatible=trace\n";
		power_on();
		drivers_are("lpc_ich pci:*\nit87_wdt\n");
		assert_int_equal(select_arm(fresh_call()), SELECT_DONE);
		assert_absent("modprobe");
		machine_anew();
	}
}

/* Without Keelboot nothing of this boot is different. */
TEST(no_driver_is_loaded_where_the_command_line_leaves_keelboot_out)
{
	machine.no_watchdog = true;
	machine.cmdline = "root=/dev/vda2 keelboot.enable=0\n";
	power_on();
	drivers_are("lpc_ich pci:*\n");
	assert_int_equal(select_arm(fresh_call()), SELECT_ASIDE);
	assert_absent("modprobe");
}

TEST(driver_that_never_ends_loading_does_not_hold_up_the_boot)
{
	machine.no_watchdog = true;
	power_on();
	drivers_are("lpc_ich pci:*\n");
	machine_child((struct os_sim_child){ .argv0 = "modprobe", .hangs = true });
	assert_int_equal(select_arm(fresh_call()), SELECT_DONE);
	assert_once("kill");
}

TEST(table_of_drivers_that_is_garbage_loads_nothing_and_is_survived)
{
	static char long_line[70000];

	memset(long_line, 'x', sizeof(long_line) - 1);
	machine.no_watchdog = true;
	power_on();
	for (int i = 0; i < 3; i++) {
		drivers_are(i == 0 ? "" : i == 1 ? "\n\n \n  pci:*\n" : long_line);
		machine_child((struct os_sim_child){ .argv0 = "modprobe" });
		assert_int_equal(select_arm(fresh_call()), SELECT_DONE);
	}
}

/* ---------------------------------------------------------------- the choice */

TEST(trial_is_charged_before_it_is_handed_out)
{
	machine_put(machine_trial());
	power_on();
	assert_int_equal(chooses(), SELECT_DONE);
	handed_out("KEELBOOT_SLOT='b'\n");
	assert_order("flush " STATE_DEV, "mount " SLOT_B_DEV);
	assert_order("umount /sysroot", "link /run/keelboot/root");
	assert_int_equal(machine_get().slot[1].tries, STATE_TRIES - 1);
}

TEST(second_call_in_one_boot_charges_nothing)
{
	machine_put(machine_trial());
	power_on();
	EQUAL((chooses(), SELECT_DONE), (chooses(), SELECT_DONE));
	assert_int_equal(machine_get().slot[1].tries, STATE_TRIES - 1);
	assert_once("mount " SLOT_B_DEV);
}

static enum kb_err lock_is_held(const char *call)
{
	return strcmp(call, "lock") == 0 ? KB_EBUSY : KB_OK;
}

TEST(call_beside_another_one_does_nothing)
{
	power_on();
	os_sim_on_call(lock_is_held);
	assert_int_equal(chooses(), SELECT_BUSY);
	os_sim_on_call(NULL);
	assert_absent("mount ");
}

static enum kb_err lock_is_refused(const char *call)
{
	return strcmp(call, "lock") == 0 ? KB_EIO : KB_OK;
}

/* That is no other call, so it does not end as if there were one. */
TEST(lock_that_cannot_be_taken_is_told_and_restarts)
{
	power_on();
	os_sim_on_call(lock_is_refused);
	assert_int_equal(chooses(), SELECT_FAILED);
	os_sim_on_call(NULL);
	assert_once("# unable to lock /run/keelboot/select.lock");
	assert_int_equal(os_sim_ended(), OS_SIM_REBOOT);
}

TEST(slot_that_does_not_mount_costs_no_restart)
{
	machine_put(machine_trial());
	power_on();
	os_sim_fail("mount " SLOT_B_DEV, 0, KB_EMOUNT);
	assert_int_equal(chooses(), SELECT_DONE);
	handed_out("KEELBOOT_SLOT='a'\n");
	machine_told("\"reason\":\"b: no mount");
}

/* An initramfs in which systemd runs would take it, and stop it when it goes. */
TEST(watchdog_goes_to_systemd_in_the_last_call)
{
	static const char drop_in[] = "/run/systemd/system.conf.d/00-keelboot.conf";

	power_on();
	EQUAL((select_arm(fresh_call()), SELECT_DONE), (chooses(), SELECT_DONE));
	assert_null(os_sim_text(drop_in));
	assert_int_equal(select_enter(fresh_call(), "/root"), SELECT_DONE);
	assert_non_null(os_sim_text(drop_in));
	assert_absent("watchdog release");
	assert_int_equal(os_sim_count("watchdog /dev/watchdog0"), 3);
}

TEST(released_watchdog_covers_the_distribution_first)
{
	machine.conf = "[system]\ncompatible=trace\n[watchdog]\nhandover=release\n";
	power_on();
	assert_int_equal(chooses(), SELECT_DONE);
	assert_absent("watchdog release");
	assert_int_equal(select_enter(fresh_call(), "/root"), SELECT_DONE);
	assert_once("watchdog release");
}

TEST(overlay_is_started_by_a_program_of_the_slot)
{
	for (int has = 0; has <= 1; has++) {
		machine.conf = "[system]\ncompatible=trace\nroot-overlay=tmpfs\n";
		power_on();
		if (has)
			os_sim_fs_file(SLOT_A_DEV, "/usr/lib/keelboot/keelboot-overlay", NULL);
		assert_int_equal(chooses(), SELECT_DONE);
		handed_out(has ? "KEELBOOT_INIT='/usr/lib/keelboot/keelboot-overlay'\n"
			       : "KEELBOOT_INIT='/sbin/init'\n");
		machine_anew();
	}
}

/* ---------------------------------------------------------------- the distribution fails */

TEST(root_that_the_distribution_cannot_mount_is_noted_and_restarts)
{
	struct state after;

	machine_put(machine_trial());
	power_on();
	assert_int_equal(chooses(), SELECT_DONE);
	assert_int_equal(select_fail(fresh_call(), "initramfs cannot mount it"), SELECT_FAILED);
	assert_int_equal(os_sim_ended(), OS_SIM_REBOOT);
	after = machine_get();
	EQUAL((after.slot[1].tries, STATE_TRIES - 1), (after.open, STATE_NONE));
	assert_string_equal(after.slot[1].reason, "initramfs cannot mount it");
}

TEST(another_root_than_the_slot_is_not_entered)
{
	machine_put(machine_trial());
	power_on();
	assert_int_equal(chooses(), SELECT_DONE);
	os_sim_fail("is mounted", 1, KB_EMOUNT);
	assert_int_equal(select_enter(fresh_call(), "/root"), SELECT_FAILED);
	assert_int_equal(os_sim_ended(), OS_SIM_REBOOT);
	assert_string_equal(machine_get().slot[1].reason, "another root was mounted");
}

TEST(prompt_is_for_a_maker_who_asks_for_it)
{
	machine.conf = "[system]\ncompatible=trace\n[initramfs]\nprompt=yes\n";
	power_on();
	assert_int_equal(chooses(), SELECT_DONE);
	assert_int_equal(select_fail(fresh_call(), "initramfs cannot mount it"), SELECT_FAILED);
	assert_int_equal(os_sim_ended(), OS_SIM_RUNS);
	assert_once("watchdog release");
}

/* dracut's shell mounts again and again; initramfs-tools comes back for each prompt. */
TEST(slot_that_cannot_be_mounted_pays_once_in_one_boot)
{
	machine.conf = "[system]\ncompatible=trace\n[initramfs]\nprompt=yes\n";
	power_on();
	assert_int_equal(chooses(), SELECT_DONE);
	for (unsigned i = 0; i < STATE_STREAK_LIMIT; i++)
		assert_int_equal(select_fail(fresh_call(), "unable to mount it"), SELECT_FAILED);
	assert_int_equal(machine_get().slot[0].streak, 1);
	assert_int_equal(machine_get().slot[0].st, STATE_GOOD);
	os_sim_remove("/run");
	assert_int_equal(chooses(), SELECT_DONE);
	assert_int_equal(select_fail(fresh_call(), "unable to mount it"), SELECT_FAILED);
	assert_int_equal(machine_get().slot[0].streak, 2);
}

TEST(second_call_after_a_choice_that_failed_looks_for_nothing)
{
	machine.conf = "[system]\ncompatible=trace\ntimeout=2\n[initramfs]\nprompt=yes\n";
	machine.no_disk = true;
	power_on();
	EQUAL((chooses(), SELECT_FAILED), (chooses(), SELECT_FAILED));
	assert_int_equal(os_sim_ended(), OS_SIM_RUNS);
	assert_once("# unable to boot: ");
}

TEST(watchdog_that_cannot_be_stopped_is_told)
{
	machine.conf = "[system]\ncompatible=trace\n[initramfs]\nprompt=yes\n";
	power_on();
	os_sim_file("/sys/class/watchdog/watchdog0/nowayout", "1\n");
	assert_int_equal(select_fail(fresh_call(), "initramfs cannot mount it"), SELECT_FAILED);
	assert_once(
		"# watchdog: /dev/watchdog0 cannot be stopped (nowayout): it restarts the machine in ");
}

TEST(handed_out_root_that_was_altered_is_not_entered)
{
	machine.cmdline = "root=/dev/vda2\n";
	power_on();
	assert_int_equal(chooses(), SELECT_DONE);
	os_sim_file(HANDOUT_FILE, "KEELBOOT_SLOT='z'\n");
	assert_int_equal(select_enter(fresh_call(), "/root"), SELECT_FAILED);
	assert_int_equal(os_sim_ended(), OS_SIM_REBOOT);
}

/* ---------------------------------------------------------------- nothing to choose */

/* initramfs-tools with boot=nfs or live never comes to the call. */
TEST(root_that_was_mounted_without_a_choice_stops_the_watchdog)
{
	machine.cmdline = "root=/dev/nfs\n";
	power_on();
	(void)select_arm(fresh_call());
	assert_int_equal(os_sim_count("watchdog release"), 0);
	assert_int_equal(select_enter(fresh_call(), "/root"), SELECT_ASIDE);
	assert_once("watchdog release");
	assert_once(
		"# the root was mounted without a slot being asked for: this boot goes on without Keelboot");
	assert_int_equal(os_sim_ended(), OS_SIM_RUNS);
}

TEST(root_that_was_mounted_without_a_choice_is_not_entered_where_slots_are_required)
{
	machine.cmdline = "root=/dev/nfs\n";
	machine.conf = "[system]\ncompatible=trace\n[initramfs]\nrequired=yes\n";
	power_on();
	assert_int_equal(select_enter(fresh_call(), "/root"), SELECT_FAILED);
	assert_int_equal(os_sim_ended(), OS_SIM_REBOOT);
}

/* Nobody would feed a watchdog that goes on. */
static void steps_aside(const char *cmdline, const char *why)
{
	machine.cmdline = cmdline;
	power_on();
	(void)select_arm(fresh_call());
	assert_int_equal(chooses(), SELECT_ASIDE);
	assert_int_equal(os_sim_count("watchdog /dev/watchdog0") > 0,
			 os_sim_count("watchdog release"));
	assert_string_equal(os_sim_text(ASIDE_FILE), why);
	/* And so does each later call of this boot. */
	EQUAL((chooses(), SELECT_ASIDE), (select_enter(fresh_call(), "/root"), SELECT_ASIDE));
	EQUAL((select_fail(fresh_call(), "no root"), SELECT_ASIDE), (os_sim_ended(), OS_SIM_RUNS));
	assert_null(os_sim_text(HANDOUT_FILE));
	machine_anew();
}

/* break= of the command line asks for a prompt before anything was chosen. */
TEST(boot_that_fails_before_the_choice_restarts_unless_keelboot_is_off)
{
	machine.cmdline = "root=/dev/vda2\n";
	power_on();
	assert_int_equal(select_fail(fresh_call(), "no root"), SELECT_FAILED);
	assert_int_equal(os_sim_ended(), OS_SIM_REBOOT);
	machine_anew();
	machine.cmdline = "keelboot.enable=0 break=premount\n";
	power_on();
	assert_int_equal(select_fail(fresh_call(), "no root"), SELECT_ASIDE);
	assert_int_equal(os_sim_ended(), OS_SIM_RUNS);
}

/* What nobody checks is not started by the command line, in whichever call. */
TEST(keelboot_cannot_be_left_out_where_each_boot_checks_its_slot)
{
	machine.cmdline = "root=/dev/vda2 keelboot.enable=0\n";
	machine.conf = "[system]\ncompatible=trace\nverify-slot=always\n";
	power_on();
	assert_int_equal(select_arm(fresh_call()), SELECT_DONE);
	machine_anew();
	machine.cmdline = "root=/dev/vda2\n";
	machine.no_disk = true;
	machine.conf = "[system]\ncompatible=trace\nverify-slot=always\ntimeout=2\n";
	power_on();
	assert_int_equal(chooses(), SELECT_FAILED);
	assert_int_equal(os_sim_ended(), OS_SIM_REBOOT);
}

TEST(boot_goes_on_with_root_where_nothing_can_be_chosen)
{
	steps_aside("root=/dev/vda2 keelboot.enable=0\n", "keelboot.enable=0");
	steps_aside("keelboot.enable=0\n", "keelboot.enable=0");
	machine.conf = NULL;
	steps_aside("root=/dev/vda2\n", "no system.conf in this initramfs");
	machine.no_disk = true;
	steps_aside("root=/dev/vda2\n", "no disk of this device");
	machine.conf = "[state]\npartition=PARTLABEL=lost\n[system]\ntimeout=2\n";
	steps_aside("root=/dev/vda2\n", "no usable state");
	machine.conf = "[system]\ntimeout=2\n[slot.a]\nroot=PARTLABEL=lost\n";
	steps_aside("root=/dev/vda2\n", "no slot of system.conf is there");
}

/* One that is there is chosen, whatever the lines of the others say. */
TEST(boot_goes_on_with_the_slot_that_is_there)
{
	machine.cmdline = "root=/dev/vda2\n";
	machine.conf =
		"[system]\ntimeout=2\n[slot.a]\nroot=PARTLABEL=root-a\n[slot.b]\nroot=PARTLABEL=lost\n";
	power_on();
	assert_int_equal(chooses(), SELECT_DONE);
	handed_out("KEELBOOT_SLOT='a'\n");
}

TEST(without_another_root_a_lost_state_boots_what_mounts)
{
	static const char *const lines[] = { "quiet\n", "root=keelboot\n" };

	for (unsigned i = 0; i < KB_ARRAY_LEN(lines); i++) {
		machine.cmdline = lines[i];
		machine.conf = "[state]\npartition=PARTLABEL=lost\n[system]\ntimeout=2\n";
		power_on();
		assert_int_equal(chooses(), SELECT_DONE);
		handed_out("KEELBOOT_SLOT='a'\n");
		machine_anew();
	}
}

TEST(required_keelboot_restarts_where_nothing_can_be_chosen)
{
	machine.conf = "[initramfs]\nrequired=yes\n[system]\ntimeout=2\n";
	machine.cmdline = "root=/dev/vda2\n";
	machine.no_disk = true;
	power_on();
	assert_int_equal(chooses(), SELECT_FAILED);
	assert_int_equal(os_sim_ended(), OS_SIM_REBOOT);
	machine_anew();
	machine.cmdline = "root=/dev/vda2\n";
	machine.conf =
		"[initramfs]\nrequired=yes\n[system]\ntimeout=2\n[slot.a]\nroot=PARTLABEL=lost\n";
	power_on();
	assert_int_equal(chooses(), SELECT_FAILED);
	assert_int_equal(os_sim_ended(), OS_SIM_REBOOT);
}

/* As in an initramfs of Keelboot's own: a record that is lost ends no device. */
TEST(required_keelboot_boots_what_mounts_where_the_state_is_lost)
{
	machine.cmdline = "root=/dev/vda2\n";
	machine.conf =
		"[initramfs]\nrequired=yes\n[state]\npartition=PARTLABEL=lost\n[system]\ntimeout=2\n";
	power_on();
	assert_int_equal(chooses(), SELECT_DONE);
	handed_out("KEELBOOT_SLOT='a'\n");
	assert_false(os_exists(ASIDE_FILE));
}

TEST_MAIN("trace of keelboot-select", .set_up = machine_set_up, .tear_down = machine_tear_down)
