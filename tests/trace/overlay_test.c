/* SPDX-License-Identifier: Apache-2.0 */
/* A root that can be written to, above a slot that cannot. */
#include "tests/trace/machine.h"

#include "initramfs/overlay/overlay.h"

#define OVERLAY_DEV "/dev/vda5"
#define TMPFS_CONF  "[system]\nroot-overlay=tmpfs\nroot-overlay-size=64M\n"
#define STORED_CONF "[system]\nroot-overlay=PARTLABEL=overlay\n"
#define PLAIN	    "# root: read-only, without its overlay: "

/* And a partition for it, unless fstype is NULL. */
static void machine_with(const char *conf, const char *fstype)
{
	machine.conf = conf;
	os_sim_fs_file(SLOT_A_DEV, "/mnt/.keep", "");
	os_sim_fs_file(SLOT_B_DEV, "/mnt/.keep", "");
	if (fstype != NULL)
		machine.disk.part[machine.disk.nparts++] = (struct os_sim_part){
			.partlabel = "overlay", .size = 64 * MIB, .fstype = fstype
		};
}

/* Slot b is not the release that slot a is. */
static struct state two_releases(void)
{
	struct state s = machine_good();

	for (int i = 0; i < 2; i++) {
		s.slot[i].has_release = true;
		memset(s.slot[i].release, 0xaa + 0x11 * i, STATE_ID_LEN);
	}
	return s;
}

#define OF_A "r-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define OF_B "r-bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define GONE "r-cccccccccccccccccccccccccccccccc"

TEST(overlay_in_memory)
{
	machine_with(TMPFS_CONF, NULL);
	machine_boots_as("overlay_in_memory", 'a');
	assert_order("switch_root /sysroot", "mount overlay /mnt");
	assert_order("change_root /mnt", "exec /sbin/init");
	assert_non_null(strstr(os_sim_text("/run/keelboot/boot.json"), "\"warnings\":[]"));
}

/* What another release has left goes; what slot b holds stays. */
TEST(overlay_on_a_partition)
{
	machine_with(STORED_CONF, "ext4");
	machine_put(two_releases());
	os_sim_fs_file(OVERLAY_DEV, "/keelboot-overlay/" OF_A "/upper/x", "");
	os_sim_fs_file(OVERLAY_DEV, "/keelboot-overlay/" OF_B "/upper/x", "");
	os_sim_fs_file(OVERLAY_DEV, "/keelboot-overlay/" GONE "/upper/x", "");
	machine_boots_as("overlay_on_a_partition", 'a');
	assert_once("remove_folder " OVERLAY_FOLDER "/" GONE ".gone");
	assert_int_equal(os_sim_count("remove_folder"), 1);
}

/* The states in which nobody knows what the slots hold. */
TEST(nothing_is_thrown_away_in_doubt)
{
	for (int doubt = 0; doubt < 4; doubt++) {
		struct state s = two_releases();

		machine_anew();
		machine_with(STORED_CONF, "ext4");
		s.slot[1].has_release = doubt != 1;
		if (doubt == 2)
			machine_blank();
		else
			machine_put(s);
		if (doubt == 3)
			machine.no_state_bdev = true;
		os_sim_fs_file(OVERLAY_DEV, "/keelboot-overlay/" GONE "/upper/x", "");
		assert_int_equal(machine_boot(), OS_SIM_EXEC);
		assert_once("change_root /mnt");
		assert_int_equal(os_sim_count("remove_folder"), doubt == 0);
	}
}

TEST(slot_whose_release_is_not_known_has_a_folder_too)
{
	struct state s = machine_good();

	machine_with(STORED_CONF, "ext4");
	s.slot[0].has_release = false;
	machine_put(s);
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	assert_once("mkdir " OVERLAY_FOLDER "/slot-a/upper");
}

/* A disk that answers slowly ends two probers: nothing says that the partition is empty. */
TEST(partition_that_no_prober_could_look_at)
{
	machine_with(STORED_CONF, "ext4");
	machine.disk.no_answer = true;
	machine_child((struct os_sim_child){ .argv0 = "keelboot-prober", .status = SIGSEGV });
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	assert_once("mount overlay /mnt");
	assert_absent("without its overlay");
}

/* Which of them is right, only a person knows: it is written to. */
TEST(partition_with_several_file_systems_is_told_with_what_to_do)
{
	machine_with(STORED_CONF, "ext4");
	machine.disk.part[4].ambiguous = true;
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	assert_once(PLAIN OVERLAY_DEV " has marks of several file systems: wipefs " OVERLAY_DEV
				      " shows them; delete the wrong one: wipefs -o OFFSET");
	assert_absent("change_root");
	assert_absent("no file system");
}

TEST(partition_that_is_missing)
{
	machine_with(STORED_CONF, NULL);
	machine_boots_as("overlay_without_its_partition", 'a');
	assert_once(PLAIN "PARTLABEL=overlay not found on /dev/vda");
	machine_told("\"id\":\"root-overlay\"");
	assert_absent("change_root");
}

TEST(partition_that_has_another_use)
{
	static const struct {
		const char *conf, *use;
	} c[] = {
		{ "[system]\nroot-overlay=PARTLABEL=keelboot-state\n", "the state" },
		{ "[system]\nroot-overlay=PARTLABEL=data\n", "data" },
		{ "[system]\nroot-overlay=" SLOT_B_DEV "\n", "a slot" },
	};

	for (unsigned i = 0; i < KB_ARRAY_LEN(c); i++) {
		machine_anew();
		machine_with(c[i].conf, NULL);
		machine_boots('a');
		machine_told("is also the partition of ");
		machine_told(c[i].use);
		assert_absent("change_root");
	}
}

TEST(last_resort_leaves_the_partition_alone)
{
	machine_with(STORED_CONF, "ext4");
	machine_put(machine_both_bad());
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	assert_once("# root: booted as a last resort: what is written to the root stays in memory");
	assert_once("mount tmpfs " OVERLAY_UPPER);
	assert_absent("mount " OVERLAY_DEV);
	assert_once("change_root /mnt");
}

/* Every call behind the switch of the root, each in turn: the real init runs. */
TEST(whatever_fails_the_real_init_runs)
{
	static const char *const steps[] = {
		"write /run/keelboot/overlay",
		"mkdir " OVERLAY_UPPER,
		"mount " OVERLAY_DEV,
		"mkdir " OVERLAY_FOLDER,
		"mkdir " OVERLAY_FOLDER "/r-",
		"mount overlay",
		"change_root",
		"umount " OVERLAY_UPPER,
		"umount /mnt",
		"write /run/keelboot/boot.json",
	};

	for (unsigned i = 0; i < KB_ARRAY_LEN(steps); i++) {
		machine_anew();
		machine_with(STORED_CONF, "ext4");
		os_sim_fail(steps[i], 0, KB_EIO);
		machine_boots('a');
		assert_once("exec /sbin/init: /sbin/init single");
		if (i >= 1 && i <= 6)
			machine_told("without its overlay");
	}
}

/* It makes the overlay itself, and needs the plan for that. */
TEST(init_that_is_our_own_program_gets_the_plan)
{
	machine_with(TMPFS_CONF, NULL);
	machine.cmdline = "init=" OVERLAY_PROGRAM "\n";
	os_sim_fs_file(SLOT_A_DEV, OVERLAY_PROGRAM, NULL);
	machine_boots('a');
	assert_once("exec " OVERLAY_PROGRAM);
	assert_absent("change_root");
	assert_non_null(strstr(os_sim_text(OVERLAY_PLAN_FILE), "\ninit /sbin/init\n"));
}

TEST(switched_off_there_is_no_overlay)
{
	machine_with(TMPFS_CONF, NULL);
	machine.cmdline = "keelboot.enable=0 root=PARTLABEL=root-a\n";
	assert_int_equal(machine_boot(), OS_SIM_EXEC);
	assert_absent("change_root");
}

TEST_MAIN("trace of the overlay", .set_up = machine_set_up, .tear_down = machine_tear_down)
