/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/os_sim_here.h"

#include "initramfs/modules_load.h"
#include "tests/unit/test.h"

#define M "/lib/modules/6.1.0/"

static void bare_machine(void)
{
	os_sim_reset();
	os_sim_log_level(LOG_LEVEL_WARNING);
	os_sim_file(M "virtio.ko", "");
	os_sim_file(M "usb-storage.ko", "");
	os_sim_file(M "watchdog.ko", "");
	os_sim_file(M "softdog.ko.xz", "");
}

/* Whatever asks for it. */
static unsigned load_all(const char *cmdline, const char *heeded)
{
	static struct modules m;

	m = (struct modules){ .cmdline = cmdline, .heeded = heeded };
	modules_read(&m, MODULES_LIST);
	for (unsigned i = 0; i < m.n; i++)
		m.module[i].is = MODULE_WANTED;
	return modules_load_wanted(&m);
}

TEST(they_are_loaded_in_the_order_of_the_list)
{
	os_sim_file(MODULES_LIST, "# a comment\n\n" M "virtio.ko\n" M
				  "softdog.ko.xz soft_margin=30 soft_panic=1\n" M "usb-storage.ko");
	assert_int_equal(load_all("", "all"), 3);
	assert_string_equal(os_sim_trace(),
			    "finit_module " M "virtio.ko\n"
			    "unlink " M "virtio.ko\n"
			    "finit_module " M "softdog.ko.xz soft_margin=30 soft_panic=1\n"
			    "unlink " M "softdog.ko.xz\n"
			    "finit_module " M "usb-storage.ko\n"
			    "unlink " M "usb-storage.ko\n");
}

TEST(one_that_fails_is_passed_over)
{
	os_sim_file(MODULES_LIST, M "none.ko\n" M "virtio.ko\n" M "usb-storage.ko\n");
	os_sim_fail("finit_module " M "virtio.ko", 1, KB_ENODEV);
	assert_int_equal(load_all("", "all"), 1);
	assert_int_equal(os_sim_count("# module " M "none.ko: unable to load"), 1);
	assert_int_equal(os_sim_count("# module " M "virtio.ko"), 0); /* no such hardware */
	assert_int_equal(os_sim_count("finit_module " M "usb-storage.ko\n"), 1);
}

/* It may end later; until then it would only wait for itself. */
TEST(one_that_hangs_is_named_and_not_tried_again)
{
	os_sim_file(MODULES_LIST, M "virtio.ko\n" M "usb-storage.ko\n");
	os_sim_fail("finit_module " M "virtio.ko", 1, KB_ETIMEDOUT);
	EQUAL((load_all("virtio.queue=x", "all"), 1));
	assert_int_equal(os_sim_count("# module " M
				      "virtio.ko: its init does not end; the boot goes "
				      "on without it"),
			 1);
	assert_int_equal(os_sim_count("finit_module " M "virtio.ko"), 1);
	assert_int_equal(os_sim_count("finit_module " M "usb-storage.ko\n"), 1);
}

TEST(no_list_is_no_modules)
{
	EQUAL((load_all("", "all"), 0), (os_sim_trace(), ""));
}

TEST(the_command_line_comes_after_the_list)
{
	os_sim_file(MODULES_LIST, M "usb-storage.ko delay_use=1\n");
	EQUAL((load_all("quiet usb_storage.delay_use=5 virtio.x=1 root=/dev/sda", "all"), 1));
	assert_string_equal(os_sim_trace(),
			    "finit_module " M "usb-storage.ko delay_use=1 delay_use=5\n"
			    "unlink " M "usb-storage.ko\n");
}

TEST(the_watchdog_core_is_told_to_go_on_at_a_reboot)
{
	os_sim_file(MODULES_LIST, M "watchdog.ko\n");
	assert_int_equal(load_all("", "all"), 1);
	assert_int_equal(os_sim_count("finit_module " M "watchdog.ko stop_on_reboot=0\n"), 1);
	bare_machine();
	os_sim_file(MODULES_LIST, M "watchdog.ko\n");
	EQUAL((load_all("watchdog.stop_on_reboot=1", "all"), 1));
	assert_int_equal(os_sim_count("finit_module " M "watchdog.ko stop_on_reboot=0 "
				      "stop_on_reboot=1\n"),
			 1);
}

TEST(words_of_the_command_line_find_their_module)
{
	static const struct {
		const char *cmdline, *params;
	} cases[] = {
		{ "", "" },
		{ "usb-storage.delay_use=5", "delay_use=5" },
		{ "usb_storage.delay_use=5", "delay_use=5" },
		{ "  usb_storage.a=1\tusb-storage.b=2\nusb_storage.c ", "a=1 b=2 c" },
		{ "usb_storage.quirks=\"a b\" x", "quirks=\"a b\"" },
		{ "\"usb_storage.quirks=a b\" x", "\"quirks=a b\"" },
		{ "usb_storage.a=1 -- usb_storage.b=2", "a=1" },
		{ "usb_storage=1 usb_storage. usb_storagex.a=1 xusb_storage.a=1 usb.a=1", "" },
		{ "\"usb_storage.a=1 b=2", "\"a=1 b=2" },
		/* As the kernel has blanks; 0xa0 is Latin-1's no-break space. */
		{ "usb_storage.a=1\vx\fusb_storage.b=2\rx\xa0usb_storage.c=3\xa0"
		  "d=4",
		  "a=1 b=2 c=3" },
		{ "\"", "" },
		{ "usb_storage.a=\"", "a=\"" },
	};
	char out[64];

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(modules_params(out, sizeof(out), M "usb-storage.ko.xz",
					   cases[i].cmdline, "all"));
		assert_string_equal(out, cases[i].params);
	}
}

TEST(what_does_not_fit_is_left_out_whole)
{
	char out[16], cmdline[4096] = "usb_storage.a=1 usb_storage.bbbbbbbbbbbbbbbbb=2 "
				      "usb_storage.c=3";

	assert_false(modules_params(out, sizeof(out), "usb-storage.ko", cmdline, "all"));
	assert_string_equal(out, "a=1 c=3");
	memset(cmdline + 12, 'x', 2000);
	cmdline[2012] = '\0';
	os_sim_file(MODULES_LIST, M "usb-storage.ko a=1\n");
	assert_int_equal(load_all(cmdline, "all"), 1);
	assert_int_equal(os_sim_count("finit_module " M "usb-storage.ko a=1\n"), 1);
	assert_int_equal(os_sim_count("# module " M "usb-storage.ko: more than"), 1);
}

TEST(a_module_that_refuses_words_of_the_line_is_loaded_without)
{
	os_sim_file(MODULES_LIST, M "virtio.ko a=1\n" M "watchdog.ko\n");
	os_sim_fail("finit_module " M "virtio.ko a=1 queue=x", 1, KB_EINVAL);
	os_sim_fail("finit_module " M "watchdog.ko stop_on_reboot=0 y", 1, KB_EINVAL);
	EQUAL((load_all("virtio.queue=x watchdog.y virtio.z", "all"), 2));
	EQUAL((os_sim_count("finit_module " M "virtio.ko a=1 queue=x z"), 1));
	EQUAL((os_sim_count("finit_module " M "virtio.ko a=1\n"), 1));
	EQUAL((os_sim_count("finit_module " M "watchdog.ko stop_on_reboot=0\n"), 1));
	assert_int_equal(os_sim_count("# module " M "virtio.ko: unable to load with queue=x z of "
				      "the kernel command line"),
			 1);
	/* Nor is it tried forever. */
	bare_machine();
	os_sim_file(MODULES_LIST, M "virtio.ko a=1\n");
	os_sim_fail("finit_module " M "virtio.ko", 0, KB_EINVAL);
	assert_int_equal(load_all("virtio.queue=x", "all"), 0);
	assert_int_equal(os_sim_count("finit_module"), 2);
	assert_int_equal(os_sim_count("# module " M "virtio.ko: unable to load"), 2);
}

TEST(only_words_that_system_conf_names_reach_a_module)
{
	static const struct {
		const char *heeded, *cmdline, *params;
	} cases[] = {
		{ "none", "usb_storage.a=1 usb_storage.b", "" },
		{ "quiet,usb-storage", "usb_storage.a=1", "" },
		{ "quiet,usb-storage.a", "usb_storage.a=1 usb_storage.b=2", "a=1" },
		{ "usb_storage.a-b,panic", "usb-storage.a_b=1 usb-storage.a=1", "a_b=1" },
		{ "usb_storage.a", "usb_storage.ab=1 usb_storage.=1 usb_storage.a", "a" },
		{ "a", "usb_storage.a=1", "" },
		/* What is named cannot bring in another. */
		{ "usb_storage.a", "\"usb_storage.a=1 b=2\"", "\"a=1 b=2\"" },
		{ "usb_storage.a",
		  "usb_storage.a=1\xa0"
		  "b=2",
		  "a=1" },
	};
	char out[64];

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(modules_params(out, sizeof(out), M "usb-storage.ko", cases[i].cmdline,
					   cases[i].heeded));
		assert_string_equal(out, cases[i].params);
	}
	os_sim_file(MODULES_LIST, M "virtio.ko\n");
	EQUAL((load_all("virtio.queue=x", "none"), 1));
	EQUAL((os_sim_count("finit_module " M "virtio.ko\n"), 1));
	EQUAL((os_sim_count("# virtio.queue: ignored: [system] command-line= does not name it"),
	       1));
}

TEST_MAIN("modules", .set_up = bare_machine)
