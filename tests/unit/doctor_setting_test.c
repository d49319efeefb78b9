/* SPDX-License-Identifier: Apache-2.0 */
/* Settings of a boot loader, a line each: which one counts. */
#include "cli/doctor/doctor_setting.h"
#include "tests/unit/test.h"

static struct doctor_script s;
static char value[DOCTOR_SETTING_MAX];

static void lines(const char *text)
{
	doctor_script_clear(&s);
	doctor_script_add(&s, DOCTOR_SCRIPT_LINES, text, strlen(text));
}

static enum doctor_setting watchdog(const char *text)
{
	lines(text);
	return doctor_setting_filtered(&s, "watchdog", value);
}

TEST(last_line_with_the_word_counts)
{
	lines("timeout 3\n#timeout 9\n  timeout\tmenu-force \ntimeouts 4\n");
	assert_true(doctor_setting_word(&s, "timeout", value));
	assert_string_equal(value, "menu-force");
	assert_false(doctor_setting_word(&s, "default", value));
	lines("timeout\ntimeout \n");
	assert_false(doctor_setting_word(&s, "timeout", value));
	lines("timeout 3\ntimeout \n");
	assert_true(doctor_setting_word(&s, "timeout", value));
	assert_string_equal(value, "3");
}

TEST(value_that_is_too_long_is_cut)
{
	static char text[3000] = "timeout ";

	memset(text + 8, 'x', sizeof(text) - 9);
	lines(text);
	assert_true(doctor_setting_word(&s, "timeout", value));
	assert_int_equal(strlen(value), DOCTOR_SETTING_MAX - 1);
}

TEST(value_of_all_boards_is_known)
{
	assert_int_equal(watchdog("watchdog=60"), DOCTOR_SETTING_ALL);
	assert_string_equal(value, "60");
	assert_int_equal(watchdog("[pi4]\nx=1\n[all]\nwatchdog=60\n"), DOCTOR_SETTING_ALL);
	assert_int_equal(watchdog("watchdog=60\n[pi4]\nwatchdog=60\n"), DOCTOR_SETTING_ALL);
	assert_int_equal(watchdog("#watchdog=60\nwatchdogs=1"), DOCTOR_SETTING_NONE);
}

TEST(value_of_some_boards_is_not_known)
{
	assert_int_equal(watchdog("[pi4]\nwatchdog=60\n"), DOCTOR_SETTING_SOME);
	assert_int_equal(watchdog("watchdog=60\n[tryboot]\nwatchdog=0\n"), DOCTOR_SETTING_SOME);
	assert_int_equal(watchdog("watchdog=60\nwatchdog=30\n"), DOCTOR_SETTING_SOME);
}

TEST_MAIN("doctor_setting")
