/* SPDX-License-Identifier: Apache-2.0 */
/* A slot's root: mounted, checked, entered. */
#include "tests/sim/os_sim_here.h"

#include "initramfs/disks/devices.h"
#include "initramfs/root.h"
#include "tests/unit/test.h"

#define DEV "/dev/vda2"

static struct conf conf;
static struct cmdline cmd;
static struct hook_env env;
static char reason[STATE_STR_MAX + 1];

static const struct root *slot_root(void)
{
	static struct root root;

	root = root_settings(&conf, &cmd);
	root.env = &env;
	return &root;
}

static void slot_with(const char *fstype)
{
	os_sim_reset();
	conf_defaults(&conf);
	cmdline_parse(&cmd, "");
	reason[0] = '\0';
	os_sim_file(DEV, "");
	os_sim_fs(DEV, fstype);
	os_sim_fs_file(DEV, "/sbin/init", NULL);
	os_sim_log_level(LOG_LEVEL_WARNING);
}

static void slot_with_init(void)
{
	slot_with("ext4");
}

TEST(it_is_mounted_read_only_even_with_rw)
{
	cmdline_parse(&cmd, "rw");
	OK(root_mount(slot_root(), DEV, "ext4", reason));
	assert_string_equal(os_sim_trace(), "protect /dev/vda2\n"
					    "mount /dev/vda2 /sysroot ext4 ro\n");
	assert_string_equal(reason, "");
}

TEST(slot_that_may_be_written_is_not_protected)
{
	conf.slots = CONF_SLOTS_WRITABLE;
	OK(root_mount(slot_root(), DEV, "ext4", reason));
	assert_string_equal(os_sim_trace(), "mount /dev/vda2 /sysroot ext4 ro\n");
}

/* It would be replayed into the slot; on a protected device, each refuses in its own way. */
TEST(slot_with_a_journal_boots_without_it_and_says_so)
{
	static const struct {
		const char *type, *word;
		enum kb_err says, other;
	} of[] = { { "ext4", "noload", KB_EPERM, KB_EIO },
		   { "ext3", "noload", KB_EPERM, KB_EIO },
		   { "xfs", "norecovery", KB_EPERM, KB_EIO },
		   { "btrfs", "rescue=nologreplay", KB_EIO, KB_EPERM } };

	for (unsigned i = 0; i < KB_ARRAY_LEN(of); i++) {
		const char *plain = strf("mount " DEV " /sysroot %s ro", of[i].type);
		const char *way = strf("mount " DEV " /sysroot %s ro,%s", of[i].type, of[i].word);

		slot_with(of[i].type);
		os_sim_fail(plain, 1, of[i].says);
		OK(root_mount(slot_root(), DEV, of[i].type, reason));
		EQUAL((os_sim_count(way), 1), (os_sim_count("unprotect"), 0));
		assert_int_equal(os_sim_count("# root: " DEV " was modified"), 1);
		os_sim_fail(plain, 1, of[i].other);
		FAILS(root_mount(slot_root(), DEV, of[i].type, reason), KB_EMOUNT);
		assert_int_equal(os_sim_count(way), 1);
	}
}

TEST(slot_that_fails_is_unprotected_again)
{
	os_sim_fail("mount " DEV, 0, KB_EMOUNT);
	FAILS(root_mount(slot_root(), DEV, "ext4", reason), KB_EMOUNT);
	assert_int_equal(os_sim_count("unprotect " DEV), 1);
}

TEST(command_line_goes_before_system_conf)
{
	snprintf(conf.mount_options, sizeof(conf.mount_options), "noload");
	OK(root_mount(slot_root(), DEV, "ext4", reason));
	cmdline_parse(&cmd, "rootflags=data=ordered rootfstype=ext4");
	OK(root_mount(slot_root(), DEV, "squashfs", reason));
	assert_string_equal(os_sim_trace(), "protect /dev/vda2\n"
					    "mount /dev/vda2 /sysroot ext4 ro,noload\n"
					    "protect /dev/vda2\n"
					    "mount /dev/vda2 /sysroot ext4 ro,data=ordered\n");
}

TEST(wrong_words_are_left_out_with_a_warning)
{
	cmdline_parse(&cmd, "rootfstype=ext5 rootflags=x");
	OK(root_mount(slot_root(), DEV, "ext4", reason));
	assert_int_equal(os_sim_count("# root: trying /dev/vda2 as ext4 without options"), 1);
	assert_int_equal(os_sim_count("mount "), 2);
}

/* It mounts: an empty file system, which has no init. */
TEST(a_word_that_mounts_something_else_is_left_out_too)
{
	cmdline_parse(&cmd, "rootfstype=tmpfs");
	OK(root_mount(slot_root(), DEV, "ext4", reason));
	assert_string_equal(os_sim_trace(),
			    "protect /dev/vda2\n"
			    "mount /dev/vda2 /sysroot tmpfs ro\n"
			    "umount /sysroot\n"
			    "# root: unable to mount /dev/vda2 (tmpfs): no init in it\n"
			    "# root: trying /dev/vda2 as ext4 without options "
			    "(rootfstype=, rootflags=, system.conf)\n"
			    "mount /dev/vda2 /sysroot ext4 ro\n");
}

static void mounts_with(const char *options)
{
	snprintf(conf.mount_options, sizeof(conf.mount_options), "%s", options);
}

TEST(words_of_mount_are_flags_and_the_rest_is_data)
{
	static struct root_mounted mounted;
	struct root root;

	mounts_with("errors=panic,noatime,nosuid");
	root = *slot_root();
	root.mounted = &mounted;
	OK(root_mount(&root, DEV, "ext4", reason));
	assert_string_equal(os_sim_trace(),
			    "protect /dev/vda2\n"
			    "mount /dev/vda2 /sysroot ext4 ro,nosuid,noatime,errors=panic\n");
	assert_string_equal(mounted.options, "errors=panic,noatime,nosuid");
}

TEST(wrong_data_costs_no_flag)
{
	static struct root_mounted mounted;
	struct root root;

	mounts_with("nosuid,bogus,nodev");
	os_sim_fail("mount " DEV " /sysroot ext4 ro,nosuid,nodev,bogus", 0, KB_EMOUNT);
	root = *slot_root();
	root.mounted = &mounted;
	OK(root_mount(&root, DEV, "ext4", reason));
	assert_int_equal(os_sim_count("mount " DEV " /sysroot ext4 ro,nosuid,nodev\n"), 1);
	assert_int_equal(os_sim_count("# root: trying " DEV " as ext4 with nosuid,nodev ("), 1);
	assert_string_equal(mounted.options, "nosuid,nodev");
}

/* [system] root-filesystem= says it, and nothing else does. */
TEST(wrong_data_is_left_out_where_the_prober_knows_no_type)
{
	snprintf(conf.fstype, sizeof(conf.fstype), "ext4");
	mounts_with("bogus");
	os_sim_fail("mount " DEV " /sysroot ext4 ro,bogus", 0, KB_EMOUNT);
	OK(root_mount(slot_root(), DEV, "", reason));
	assert_int_equal(os_sim_count("mount " DEV " /sysroot ext4 ro\n"), 1);
}

TEST(option_that_a_root_ignores_is_named)
{
	mounts_with("rw,nodev");
	OK(root_mount(slot_root(), DEV, "ext4", reason));
	assert_int_equal(os_sim_count("mount " DEV " /sysroot ext4 ro,nodev\n"), 1);
	assert_int_equal(os_sim_count("# root: mount option rw: ignored"), 1);
}

TEST(journal_is_left_out_and_the_flags_stay)
{
	static struct root_mounted mounted;
	struct root root;

	mounts_with("nosuid");
	os_sim_fail("mount " DEV " /sysroot ext4 ro,nosuid", 1, KB_EPERM);
	root = *slot_root();
	root.mounted = &mounted;
	OK(root_mount(&root, DEV, "ext4", reason));
	assert_int_equal(os_sim_count("mount " DEV " /sysroot ext4 ro,nosuid,noload"), 1);
	assert_string_equal(mounted.options, "noload,nosuid");
}

TEST(unknown_file_system_is_tried_as_the_usual_ones)
{
	os_sim_file("/dev/vda3", "");
	os_sim_fs("/dev/vda3", "erofs");
	os_sim_fs_file("/dev/vda3", "/sbin/init", NULL);
	OK(root_mount(slot_root(), "/dev/vda3", DEVICES_FSTYPE_UNSURE, reason));
	assert_int_equal(os_sim_count("mount /dev/vda3 /sysroot erofs ro"), 1);
}

TEST(what_does_not_mount_says_why)
{
	FAILS(root_mount(slot_root(), DEV, "squashfs", reason), KB_EMOUNT);
	EQUAL((reason, "no mount: file system does not mount"), (os_sim_count("umount"), 0));
}

TEST(root_without_init_is_unmounted)
{
	os_sim_file("/dev/vda3", "");
	os_sim_fs("/dev/vda3", "ext4");
	os_sim_fs_file("/dev/vda3", "/sbin/init", "not executable");
	FAILS(root_mount(slot_root(), "/dev/vda3", "ext4", reason), KB_EEXEC);
	EQUAL((reason, "no /sbin/init"), (os_sim_count("umount /sysroot"), 1));
}

TEST(long_init_fits_the_reason)
{
	char text[256];

	os_sim_file("/dev/vda3", "");
	os_sim_fs("/dev/vda3", "ext4");
	memset(text, 'x', sizeof(text) - 1);
	memcpy(text, "init=/", 6);
	text[200] = '\0';
	cmdline_parse(&cmd, text);
	FAILS(root_mount(slot_root(), "/dev/vda3", "ext4", reason), KB_EEXEC);
	assert_int_equal(strlen(reason), 3 + 44);
}

TEST(init_that_is_not_there_gives_way)
{
	static const char *const argv[] = { "/init", "a", NULL }, *const envp[] = { "X=1", NULL };

	cmdline_parse(&cmd, "init=/nope");
	snprintf(conf.init, sizeof(conf.init), "/also/nope");
	OK(root_mount(slot_root(), DEV, "ext4", reason));
	assert_int_equal(os_sim_count("# root: init=/nope is not executable on this slot"), 1);
	FAILS(root_enter(slot_root(), (char *const *)argv, (char *const *)envp), KB_EEXEC);
	assert_int_equal(os_sim_count("exec /sbin/init: /sbin/init a; env X=1"), 1);
	assert_int_equal(os_sim_ended(), OS_SIM_EXEC);
}

TEST(root_that_lost_its_init_is_not_entered)
{
	static const char *const argv[] = { "/init", NULL };

	FAILS(root_enter(slot_root(), (char *const *)argv, (char *const *)argv), KB_EEXEC);
	assert_int_equal(os_sim_count("switch_root"), 0);
}

TEST(more_arguments_than_fit_are_cut)
{
	char *argv[200];

	for (unsigned i = 0; i < 199; i++)
		argv[i] = (char *)"x";
	argv[199] = NULL;
	OK(root_mount(slot_root(), DEV, "ext4", reason));
	FAILS(root_enter(slot_root(), argv, argv), KB_EEXEC);
	assert_int_equal(os_sim_ended(), OS_SIM_EXEC);
}

TEST_MAIN("root", .set_up = slot_with_init)
