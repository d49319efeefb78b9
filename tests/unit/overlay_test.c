/* SPDX-License-Identifier: Apache-2.0 */
/* The overlay above a slot: its plan, what goes with a release, and what is told. */
#include "tests/sim/os_sim_here.h"

#include "initramfs/overlay/overlay.h"
#include "initramfs/overlay/overlay_remount.h"
#include "initramfs/overlay/overlay_report.h"
#include "initramfs/overlay/overlay_sweep.h"
#include "lib/os_room.h"
#include "tests/unit/test.h"

#include <json-c/json.h>

#define DEV   "/dev/vda5"
#define OLD   "r-00000000000000000000000000000000"
#define NEW   "r-11111111111111111111111111111111"
#define OTHER "r-22222222222222222222222222222222"
#define IN(x) OVERLAY_FOLDER "/" x

static struct overlay_plan plan;

static void plan_of_a_partition(void)
{
	os_sim_reset();
	os_sim_file("/mnt/.keep", "");
	os_sim_file(DEV, "");
	os_sim_fs(DEV, "ext4");
	plan = (struct overlay_plan){
		.upper = DEV,
		.fstype = "ext4",
		.release = NEW,
		.nkeep = 2,
		.keep = { NEW, OTHER },
		.sweep = true,
		.init = "/sbin/init",
	};
}

/* ---------------------------------------------------------------- the plan */

TEST(plan_is_read_as_it_was_written)
{
	struct overlay_plan again;
	char text[OVERLAY_PLAN_MAX];

	size_t len = overlay_plan_format(&plan, text);

	assert_int_equal(len, strlen(text));
	OK(overlay_plan_parse(&again, text));
	assert_memory_equal(&again, &plan, sizeof(plan));
	memset(plan.fstype, 0, sizeof(plan.fstype));
	memset(plan.upper, 0, sizeof(plan.upper));
	memcpy(plan.upper, "tmpfs", 5);
	memcpy(plan.size, "20%", 3);
	plan.sweep = false;
	overlay_plan_format(&plan, text);
	OK(overlay_plan_parse(&again, text));
	assert_memory_equal(&again, &plan, sizeof(plan));
}

TEST(longest_plan_has_room)
{
	struct overlay_plan again;
	char text[OVERLAY_PLAN_MAX];

	memset(plan.upper, '/', OVERLAY_PLAN_TEXT);
	memset(plan.fstype, 'x', sizeof(plan.fstype) - 1);
	memset(plan.size, '1', sizeof(plan.size) - 1);
	memset(plan.init, '/', OVERLAY_PLAN_TEXT);
	plan.nkeep = OVERLAY_PLAN_SLOTS;
	for (unsigned i = 0; i < OVERLAY_PLAN_SLOTS; i++) {
		memset(plan.keep[i], 'a', OVERLAY_PLAN_RELEASE);
		memcpy(plan.keep[i], "r-", 2);
	}
	assert_true(overlay_plan_format(&plan, text) < OVERLAY_PLAN_MAX - 1);
	OK(overlay_plan_parse(&again, text));
	assert_memory_equal(&again, &plan, sizeof(plan));
}

TEST(plan_that_is_not_whole_is_none)
{
	static const char *const bad[] = {
		"",
		"x",
		"upper /dev/vda5\nrelease " NEW "\n",		      /* no init */
		"upper /dev/vda5\nrelease " NEW "\ninit sbin/init\n", /* somewhere */
		"upper vda5\nrelease " NEW "\ninit /sbin/init\n",
		"upper tmpfs\nrelease " NEW "\ninit /sbin/init\n", /* no bound */
		"upper tmpfs\nsize 1M\nrelease ../../etc\ninit /sbin/init\n",
		"upper tmpfs\nsize 1M\nrelease r-\ninit /sbin/init\n",
		"upper tmpfs\nsize 1M\nrelease " NEW "\ninit /sbin/init\nkeep ..\n",
		"upper tmpfs\nsize 0123456789abcdef\nrelease " NEW "\ninit /sbin/init\n",
	};
	struct overlay_plan p;

	for (unsigned i = 0; i < KB_ARRAY_LEN(bad); i++)
		FAILS(overlay_plan_parse(&p, bad[i]), KB_EFORMAT);
	OK(overlay_plan_parse(&p, "later key\nupper tmpfs\nsize 1M\nrelease slot-a\ninit /i"));
}

TEST(folders_of_releases_are_told_from_others)
{
	static const char *const good[] = { NEW, "r-0", "slot-a", "slot-h" };
	static const char *const bad[] = { "",	    ".",	 "..",	   "r-",
					   "r-0g",  "R-0",	 "slot-i", "slot-A",
					   "slot-", "slot-aa",	 "r-0/..", "r-0 ",
					   "a",	    NEW ".gone", NEW NEW,  "lost+found" };

	for (unsigned i = 0; i < KB_ARRAY_LEN(good); i++)
		assert_true(overlay_plan_is_release(good[i]));
	for (unsigned i = 0; i < KB_ARRAY_LEN(bad); i++)
		assert_false(overlay_plan_is_release(bad[i]));
}

/* ---------------------------------------------------------------- what goes */

static void put_folders(void)
{
	os_sim_file(IN(OLD "/upper/x"), "");
	os_sim_file(IN(NEW "/upper/x"), "");
	os_sim_file(IN(OTHER "/upper/x"), "");
	os_sim_file(IN("slot-b/upper/x"), "");
	os_sim_file(IN("slot-c.gone/upper/x"), "");
	os_sim_file(IN("mine/x"), "");
	os_sim_file(IN("mine.gone/x"), "");
	os_sim_file(IN(".gone/x"), "");
}

TEST(what_no_slot_holds_goes_and_the_rest_stays)
{
	put_folders();
	overlay_sweep(&plan, OVERLAY_FOLDER);
	EQUAL((os_exists(IN(OLD)), false), (os_exists(IN(OLD ".gone")), false));
	EQUAL((os_exists(IN("slot-b")), false), (os_exists(IN("slot-c.gone")), false));
	EQUAL((os_exists(IN(NEW)), true), (os_exists(IN(OTHER)), true));
	EQUAL((os_exists(IN("mine")), true), (os_exists(IN("mine.gone")), true));
	assert_true(os_exists(IN(".gone")));
	assert_int_equal(os_sim_count("rename " IN(OLD) " " IN(OLD) ".gone"), 1);
}

TEST(where_the_slots_are_not_known_only_the_half_deleted_go)
{
	plan.sweep = false;
	put_folders();
	overlay_sweep(&plan, OVERLAY_FOLDER);
	EQUAL((os_exists(IN(OLD)), true), (os_exists(IN("slot-b")), true));
	assert_false(os_exists(IN("slot-c.gone")));
	assert_int_equal(os_sim_count("rename"), 0);
}

TEST(release_that_boots_stays_though_no_slot_is_said_to_hold_it)
{
	plan.nkeep = 0;
	put_folders();
	overlay_sweep(&plan, OVERLAY_FOLDER);
	EQUAL((os_exists(IN(NEW)), true), (os_exists(IN(OTHER)), false));
}

TEST(folder_that_cannot_be_renamed_is_not_deleted)
{
	put_folders();
	os_sim_fail("rename " IN(OLD), 0, KB_EIO);
	overlay_sweep(&plan, OVERLAY_FOLDER);
	assert_true(os_exists(IN(OLD "/upper/x")));
}

TEST(many_folders_cost_three_seconds_at_most)
{
	put_folders();
	os_sim_fail("remove_folder", 0, KB_ETIMEDOUT);
	overlay_sweep(&plan, OVERLAY_FOLDER);
	assert_true(os_exists(IN(OLD ".gone")));
	overlay_enter(&plan);
	assert_int_equal(os_sim_count("change_root /mnt"), 1);
}

/* ---------------------------------------------------------------- what is told */

static unsigned warnings_after(const char *boot_json, const char *text)
{
	struct json_object *json, *list, *last;
	unsigned n;

	os_sim_file("/run/keelboot/boot.json", boot_json);
	overlay_report(text);
	json = json_tokener_parse(os_sim_text("/run/keelboot/boot.json"));
	assert_non_null(json);
	assert_true(json_object_object_get_ex(json, "warnings", &list));
	n = (unsigned)json_object_array_length(list);
	last = json_object_array_get_idx(list, n - 1);
	assert_string_equal(json_object_get_string(json_object_object_get(last, "text")), text);
	assert_string_equal(json_object_get_string(json_object_object_get(last, "id")),
			    OVERLAY_REPORT_ID);
	json_object_put(json);
	return n;
}

TEST(warning_is_added_to_those_of_the_boot)
{
	assert_int_equal(warnings_after("{\"slot\":\"a\",\"warnings\":[]}\n", "no room"), 1);
	assert_int_equal(
		warnings_after("{\"warnings\":[{\"id\":\"x\",\"text\":\"y\"}]}\n", "no room"), 2);
}

TEST(boot_json_that_is_odd_stays_as_it_is)
{
	static const char *const odd[] = { "", "]}\n", "{}\n", "{\"warnings\":[]" };

	for (unsigned i = 0; i < KB_ARRAY_LEN(odd); i++) {
		os_sim_file("/run/keelboot/boot.json", odd[i]);
		overlay_report("no room");
		if (i != 1)
			assert_string_equal(os_sim_text("/run/keelboot/boot.json"), odd[i]);
	}
	os_sim_remove("/run");
	overlay_report("no room");
	assert_int_equal(os_sim_count("# root: no room"), KB_ARRAY_LEN(odd) + 1);
	assert_int_equal(os_sim_count("# root: unable to add that"), KB_ARRAY_LEN(odd));
}

/* ---------------------------------------------------------------- the root */

TEST(partition_lies_above_the_slot)
{
	overlay_enter(&plan);
	assert_true(os_sim_count("mount /dev/vda5 " OVERLAY_UPPER " ext4 rw,noatime") == 1);
	assert_int_equal(
		os_sim_count("mount overlay /mnt overlay rw,noatime,lowerdir=/,upperdir=" IN(
			NEW "/upper,workdir=") IN(NEW "/work")),
		1);
	assert_int_equal(os_sim_count("# root: an overlay on /dev/vda5"), 1);
}

TEST(new_folders_get_the_label_of_the_slot)
{
	os_sim_file("/.label", "");
	overlay_enter(&plan);
	EQUAL((os_sim_count("label " IN(NEW "/upper")), 1),
	      (os_sim_count("label " IN(NEW "/work")), 1));
	assert_true(strstr(os_sim_trace(), "label " IN(NEW "/work")) <
		    strstr(os_sim_trace(), "mount overlay"));
}

TEST(folders_with_a_label_keep_it)
{
	os_sim_file("/.label", "");
	os_sim_file(IN(NEW "/upper/.label"), "");
	os_sim_file(IN(NEW "/work/.label"), "");
	overlay_enter(&plan);
	EQUAL((os_sim_count("label"), 0), (os_sim_count("change_root /mnt"), 1));
}

/* SELinux may be off, or permissive: the overlay is worth more than its label. */
TEST(label_that_cannot_be_set_stops_no_overlay)
{
	os_sim_file("/.label", "");
	os_sim_fail("label", 1, KB_EIO);
	overlay_enter(&plan);
	assert_int_equal(os_sim_count("# root: unable to label "), 1);
	assert_int_equal(os_sim_count("change_root /mnt"), 1);
}

/* It is what "/" shows of them; the folder beside it is overlayfs's own. */
TEST(new_root_has_owner_and_mode_of_the_slots)
{
	overlay_enter(&plan);
	EQUAL((os_sim_count("owner"), 1), (os_sim_count("owner " IN(NEW "/upper as /")), 1));
	assert_true(strstr(os_sim_trace(), "owner ") < strstr(os_sim_trace(), "mount overlay"));
}

/* A person may have changed them, and nothing else. */
TEST(root_that_was_entered_once_keeps_its_owner_and_mode)
{
	os_sim_file(IN(NEW "/work/.keep"), "");
	overlay_enter(&plan);
	EQUAL((os_sim_count("owner"), 0), (os_sim_count("change_root /mnt"), 1));
}

TEST(root_whose_first_boot_was_cut_off_has_owner_and_mode_of_the_slots)
{
	os_sim_file(IN(NEW "/upper/.label"), "");
	overlay_enter(&plan);
	assert_int_equal(os_sim_count("owner " IN(NEW "/upper as /")), 1);
}

TEST(owner_that_cannot_be_set_stops_no_overlay)
{
	os_sim_fail("owner", 1, KB_EPERM);
	overlay_enter(&plan);
	assert_int_equal(os_sim_count("# root: unable to give " IN(NEW "/upper owner and mode")),
			 1);
	assert_int_equal(os_sim_count("change_root /mnt"), 1);
}

static unsigned told_with(struct os_room room, const char *text)
{
	plan_of_a_partition();
	os_sim_room(&room);
	overlay_enter(&plan);
	assert_int_equal(os_sim_count("change_root /mnt"), !room.read_only);
	return os_sim_count(text);
}

TEST(overlay_without_room_for_bytes_or_files_is_told)
{
	static const char bytes[] =
		"# root: the overlay on /dev/vda5 is full: 4 of 100 KiB are left; delete files";
	static const char files[] =
		"# root: the overlay on /dev/vda5 is full: 4 of 100 inodes are left; delete files";
	struct os_room room = { 4 << 10, 100 << 10, 50, 100, false };

	EQUAL((told_with(room, bytes), 1), (told_with(room, files), 0));
	room = (struct os_room){ 50 << 10, 100 << 10, 4, 100, false };
	EQUAL((told_with(room, bytes), 0), (told_with(room, files), 1));
	/* btrfs and vfat count no files. */
	room = (struct os_room){ 50 << 10, 100 << 10, 0, 0, false };
	assert_int_equal(told_with(room, "# root: the overlay on /dev/vda5 is full"), 0);
}

TEST(file_system_that_linux_mounts_read_only_is_told_with_what_to_do)
{
	static const char why[] =
		"# root: read-only, without its overlay: Linux mounted /dev/vda5 read-only: dmesg says why; repair it by fsck";

	assert_int_equal(told_with((struct os_room){ 50, 100, 0, 0, true }, why), 1);
	EQUAL((os_sim_count("umount " OVERLAY_UPPER), 1), (os_sim_count("mkdir " IN(NEW)), 0));
}

TEST(tmpfs_has_a_bound)
{
	snprintf(plan.upper, sizeof(plan.upper), "tmpfs");
	snprintf(plan.size, sizeof(plan.size), "64M");
	overlay_enter(&plan);
	assert_int_equal(os_sim_count("mount tmpfs " OVERLAY_UPPER " tmpfs rw,mode=0755,size=64M"),
			 1);
	assert_int_equal(os_sim_count("change_root /mnt"), 1);
}

TEST(root_without_mnt_has_another_place)
{
	os_sim_remove("/mnt");
	os_sim_file("/etc/fstab", "");
	overlay_enter(&plan);
	assert_int_equal(os_sim_count("change_root /etc"), 1);
}

TEST(partition_without_a_file_system_is_not_mounted)
{
	plan.fstype[0] = '\0';
	overlay_enter(&plan);
	EQUAL((os_sim_count("mount"), 0), (os_sim_count("change_root"), 0));
	assert_int_equal(os_sim_count("# root: read-only, without its overlay: no file system"), 1);
}

static void enter_unsure(const char *holds)
{
	plan_of_a_partition();
	os_sim_reset();
	os_sim_file("/mnt/.keep", "");
	os_sim_file(DEV, "");
	os_sim_fs(DEV, holds);
	snprintf(plan.fstype, sizeof(plan.fstype), OVERLAY_PLAN_UNSURE);
	overlay_enter(&plan);
}

/* It may be whole all the same, as a slot may be. */
TEST(partition_that_nobody_could_look_at_is_mounted_as_what_it_is)
{
	enter_unsure("btrfs");
	EQUAL((os_sim_count("mount " DEV), 3), (os_sim_count("change_root /mnt"), 1));
	enter_unsure("vfat");
	EQUAL((os_sim_count("change_root"), 0),
	      (os_sim_count("# root: read-only, without its overlay: unable to mount " DEV), 1));
}

/* Each step in turn: nothing stays mounted, and one line tells why. */
TEST(whatever_fails_leaves_the_plain_root)
{
	static const char *const steps[] = {
		"mkdir " OVERLAY_UPPER,	   "mount /dev/vda5",
		"mkdir " OVERLAY_FOLDER,   "mkdir " IN(NEW),
		"mkdir " IN(NEW "/upper"), "mkdir " IN(NEW "/work"),
		"mount overlay",	   "change_root",
	};

	for (unsigned i = 0; i < KB_ARRAY_LEN(steps); i++) {
		plan_of_a_partition();
		os_sim_fail(steps[i], 1, KB_EIO);
		overlay_enter(&plan);
		assert_int_equal(os_sim_count("# root: read-only, without its overlay: "), 1);
		EQUAL((os_sim_count("umount " OVERLAY_UPPER), i >= 2),
		      (os_sim_count("umount /mnt"), i == 7));
	}
}

/* ---------------------------------------------------------------- systemd's remount */

TEST(remount_that_an_overlay_refuses_does_not_fail_the_system)
{
	overlay_enter(&plan);
	assert_true(os_exists(OVERLAY_REMOUNT_FILE));
	assert_non_null(strstr(os_sim_text(OVERLAY_REMOUNT_FILE), "\nSuccessExitStatus=1\n"));
	assert_true(strstr(os_sim_trace(), "change_root /mnt") <
		    strstr(os_sim_trace(), OVERLAY_REMOUNT_FOLDER));
}

/* Debian's programs take that folder for a sign that systemd runs. */
TEST(nothing_says_that_systemd_runs)
{
	overlay_enter(&plan);
	assert_false(os_exists("/run/systemd/system"));
}

TEST(plain_slot_is_remounted_as_ever)
{
	plan.fstype[0] = '\0';
	overlay_enter(&plan);
	assert_false(os_exists("/run/systemd"));
}

TEST(remount_that_cannot_be_allowed_stops_no_overlay)
{
	os_sim_fail("mkdir " OVERLAY_REMOUNT_FOLDER, 1, KB_EIO);
	overlay_enter(&plan);
	EQUAL((os_sim_count("# root: unable to write " OVERLAY_REMOUNT_FILE), 1),
	      (os_sim_count("# root: read-only"), 0));
}

TEST_MAIN("overlay", .set_up = plan_of_a_partition)
