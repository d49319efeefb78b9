/* SPDX-License-Identifier: Apache-2.0 */
/* The units that keelboot-generator writes for the systemd of an initramfs: before a slot is
 * chosen, and anew once it is. */
#include "tests/trace/machine.h"

#include "initramfs/select/generator.h"
#include "initramfs/select/handout.h"
#include "initramfs/select/select.h"

#define MOUNT "/early/sysroot.mount"
#define ENTER "/early/initrd-switch-root.service.d/keelboot.conf"

static void generates(void)
{
	static char *argv[] = { (char *)"keelboot-generator", (char *)"/normal", (char *)"/early",
				(char *)"/late", NULL };

	assert_int_equal(generator_main(4, argv), 0);
}

static void boots(const char *conf, const char *cmdline)
{
	machine.conf = conf;
	machine.cmdline = cmdline;
	os_sim_file("/etc/initrd-release", "");
	machine_put(machine_good());
	machine_lay_out();
	generates();
}

static void chooses(void)
{
	memset(&machine.boot, 0, sizeof(machine.boot));
	assert_int_equal(select_choose(&machine.boot), SELECT_DONE);
}

static void mounts(const char *lines)
{
	const char *text = os_sim_text(MOUNT);

	assert_non_null(text);
	if (strstr(text, lines) == NULL)
		fail_msg("%s is not in %s", lines, text);
}

TEST(slot_that_mounts_as_expected_needs_no_other_unit)
{
	boots("[system]\ncompatible=trace\n",
	      "root=/dev/nothing rootfstype=ext4 rootflags=nodelalloc\n");
	mounts("Type=ext4\nOptions=ro,nodelalloc\n");
	chooses();
	assert_false(os_exists(HANDOUT_OTHERWISE));
}

/* Somebody wrote to it, and its device is write-protected: it mounts without its journal only. */
TEST(slot_whose_journal_is_not_empty_is_mounted_without_it)
{
	boots("[system]\ncompatible=trace\n", "root=/dev/nothing\n");
	mounts("Type=auto\nOptions=ro\n");
	os_sim_fail("mount " SLOT_A_DEV, 1, KB_EPERM);
	chooses();
	assert_true(os_exists(HANDOUT_OTHERWISE));
	generates();
	mounts("Type=ext4\nOptions=ro,noload\n");
}

/* What an installer left on the command line stops no boot. */
TEST(wrong_type_and_options_are_left_out)
{
	boots("[system]\ncompatible=trace\n",
	      "root=/dev/nothing rootfstype=xfs rootflags=subvol=@\n");
	mounts("Type=xfs\nOptions=ro,subvol=@\n");
	os_sim_fail("mount " SLOT_A_DEV, 1, KB_EINVAL);
	chooses();
	assert_true(os_exists(HANDOUT_OTHERWISE));
	generates();
	mounts("Type=ext4\nOptions=ro\n");
}

/* mount(8) splits them as Keelboot did; what that ignored is not handed out. */
TEST(options_of_mount_are_handed_out_in_their_order)
{
	boots("[system]\ncompatible=trace\nmount-options=errors=panic,noatime,nosuid\n",
	      "root=/dev/nothing rootfstype=ext4\n");
	mounts("Options=ro,errors=panic,noatime,nosuid\n");
	chooses();
	assert_once("mount " SLOT_A_DEV " /sysroot ext4 ro,nosuid,noatime,errors=panic");
	assert_false(os_exists(HANDOUT_OTHERWISE));
}

TEST(options_that_a_root_ignores_are_not_handed_out)
{
	boots("[system]\ncompatible=trace\nmount-options=noatime,rw,noexec\n",
	      "root=/dev/nothing\n");
	chooses();
	assert_true(os_exists(HANDOUT_OTHERWISE));
	generates();
	mounts("Type=ext4\nOptions=ro,noatime\n");
}

/* systemd reads the command line itself. */
TEST(init_that_the_maker_forbids_is_not_started)
{
	const char *line = "root=/dev/nothing init=/bin/sh\n";

	boots("[system]\ncompatible=trace\n", line);
	assert_null(os_sim_text(ENTER));
	machine_anew();
	boots("[system]\ncompatible=trace\ncommand-line=none\n", line);
	assert_non_null(strstr(os_sim_text(ENTER), "switch-root /sysroot ${KEELBOOT_INIT}\n"));
	chooses();
	assert_non_null(strstr(os_sim_text(HANDOUT_FILE), "KEELBOOT_INIT='/sbin/init'\n"));
}

TEST_MAIN("units for systemd", .set_up = machine_set_up, .tear_down = machine_tear_down)
