/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/os_sim_here.h"

#include "initramfs/modules.h"
#include "lib/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define M "/lib/modules/6.1.0/"

static int bare_machine(void **state)
{
	(void)state;
	os_sim_reset();
	os_sim_log_level(LOG_LEVEL_WARNING);
	os_sim_file(M "virtio.ko", "");
	os_sim_file(M "usb-storage.ko", "");
	os_sim_file(M "watchdog.ko", "");
	os_sim_file(M "softdog.ko.xz", "");
	return 0;
}

static void they_are_loaded_in_the_order_of_the_list(void **state)
{
	(void)state;
	os_sim_file(MODULES_LIST, "# a comment\n\n" M "virtio.ko\n" M
				  "softdog.ko.xz soft_margin=30 soft_panic=1\n" M "usb-storage.ko");
	assert_int_equal(modules_load(MODULES_LIST, "", NULL, NULL), 3);
	assert_string_equal(os_sim_trace(),
			    "finit_module " M "virtio.ko\n"
			    "unlink " M "virtio.ko\n"
			    "finit_module " M "softdog.ko.xz soft_margin=30 soft_panic=1\n"
			    "unlink " M "softdog.ko.xz\n"
			    "finit_module " M "usb-storage.ko\n"
			    "unlink " M "usb-storage.ko\n");
}

static void one_that_fails_is_passed_over(void **state)
{
	(void)state;
	os_sim_file(MODULES_LIST, M "none.ko\n" M "virtio.ko\n" M "usb-storage.ko\n");
	os_sim_fail("finit_module " M "virtio.ko", 1, KB_ENODEV);
	assert_int_equal(modules_load(MODULES_LIST, "", NULL, NULL), 1);
	assert_int_equal(os_sim_count("# module " M "none.ko: unable to load"), 1);
	assert_int_equal(os_sim_count("# module " M "virtio.ko"), 0); /* no such hardware */
	assert_int_equal(os_sim_count("finit_module " M "usb-storage.ko\n"), 1);
}

static void no_list_is_no_modules(void **state)
{
	(void)state;
	assert_int_equal(modules_load(MODULES_LIST, "", NULL, NULL), 0);
	assert_string_equal(os_sim_trace(), "");
}

static void the_command_line_comes_after_the_list(void **state)
{
	(void)state;
	os_sim_file(MODULES_LIST, M "usb-storage.ko delay_use=1\n");
	assert_int_equal(modules_load(MODULES_LIST,
				      "quiet usb_storage.delay_use=5 virtio.x=1 root=/dev/sda",
				      NULL, NULL),
			 1);
	assert_string_equal(os_sim_trace(),
			    "finit_module " M "usb-storage.ko delay_use=1 delay_use=5\n"
			    "unlink " M "usb-storage.ko\n");
}

static void the_watchdog_core_is_told_to_go_on_at_a_reboot(void **state)
{
	(void)state;
	os_sim_file(MODULES_LIST, M "watchdog.ko\n");
	assert_int_equal(modules_load(MODULES_LIST, "", NULL, NULL), 1);
	assert_int_equal(os_sim_count("finit_module " M "watchdog.ko stop_on_reboot=0\n"), 1);
	bare_machine(state);
	os_sim_file(MODULES_LIST, M "watchdog.ko\n");
	assert_int_equal(modules_load(MODULES_LIST, "watchdog.stop_on_reboot=1", NULL, NULL), 1);
	assert_int_equal(os_sim_count("finit_module " M "watchdog.ko stop_on_reboot=1\n"), 1);
}

static void words_of_the_command_line_find_their_module(void **state)
{
	static const struct {
		const char *cmdline, *params;
	} cases[] = {
		{ "", "" },
		{ "usb-storage.delay_use=5", "delay_use=5" },
		{ "usb_storage.delay_use=5", "delay_use=5" },
		{ "  usb_storage.a=1\tusb-storage.b=2\nusb_storage.c ", "a=1 b=2 c" },
		{ "usb_storage.quirks=\"a b\" x", "quirks=\"a b\"" },
		{ "\"usb_storage.quirks=a b\" x", "quirks=a b" },
		{ "usb_storage.a=1 -- usb_storage.b=2", "a=1" },
		{ "usb_storage=1 usb_storage. usb_storagex.a=1 xusb_storage.a=1 usb.a=1", "" },
		{ "\"", "" },
		{ "usb_storage.a=\"", "a=\"" },
	};
	char out[64];

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(
			modules_params(out, sizeof(out), M "usb-storage.ko.xz", cases[i].cmdline));
		assert_string_equal(out, cases[i].params);
	}
}

static void what_does_not_fit_is_left_out_whole(void **state)
{
	char out[16], cmdline[4096] = "usb_storage.a=1 usb_storage.bbbbbbbbbbbbbbbbb=2 "
				      "usb_storage.c=3";

	(void)state;
	assert_false(modules_params(out, sizeof(out), "usb-storage.ko", cmdline));
	assert_string_equal(out, "a=1 c=3");
	memset(cmdline + 12, 'x', 2000);
	cmdline[2012] = '\0';
	os_sim_file(MODULES_LIST, M "usb-storage.ko a=1\n");
	assert_int_equal(modules_load(MODULES_LIST, cmdline, NULL, NULL), 1);
	assert_int_equal(os_sim_count("finit_module " M "usb-storage.ko a=1\n"), 1);
	assert_int_equal(os_sim_count("# module " M "usb-storage.ko: more than"), 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup(f, bare_machine)
	const struct CMUnitTest tests[] = {
		T(they_are_loaded_in_the_order_of_the_list),
		T(one_that_fails_is_passed_over),
		T(no_list_is_no_modules),
		T(the_command_line_comes_after_the_list),
		T(the_watchdog_core_is_told_to_go_on_at_a_reboot),
		T(words_of_the_command_line_find_their_module),
		T(what_does_not_fit_is_left_out_whole),
	};

	return cmocka_run_group_tests_name("modules", tests, NULL, NULL);
}
