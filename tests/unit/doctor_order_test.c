/* SPDX-License-Identifier: Apache-2.0 */
/* The rules about the order of steps. Whole configurations are in tests/test_cli_loader_order.py.
 */
#include "cli/doctor/doctor_order.h"
#include "tests/unit/test.h"

static struct doctor_script script;
static struct doctor_steps s;

static void take(enum doctor_language language, const char *text)
{
	doctor_script_clear(&script);
	doctor_steps_begin(&s, language);
	doctor_script_add(&script, DOCTOR_SCRIPT_SHELL, text, strlen(text));
	doctor_steps_add(&s, script.text, script.len);
}

/* What is wrong of a trial; "": nothing. */
static const char *trial(enum doctor_language language, const char *text)
{
	struct doctor_fault f;

	take(language, text);
	f = doctor_order_of_trial(&s);
	assert_int_equal(f.is == DOCTOR_ORDER_RIGHT, f.says[0] == '\0');
	assert_int_equal(f.is == DOCTOR_ORDER_UNCLEAR, strstr(f.says, "condition") != NULL);
	return f.says;
}

static void has(const char *says, const char *part)
{
	if (strstr(says, part) == NULL)
		assert_string_equal(says, part);
}

#define LOAD	 "load_env -f $f keelboot_default keelboot_once\n"
#define USE	 "if [ $keelboot_once ]; then set x=$keelboot_once; else set x=$keelboot_default; fi\n"
#define CLEAR	 "set keelboot_once=\n"
#define SAVE	 "save_env -f $f keelboot_once\n"
#define START	 "linux $x keelboot.pair=$x\nboot\n"
#define grub(t)	 trial(DOCTOR_GRUB, t)
#define uboot(t) trial(DOCTOR_UBOOT, t)

TEST(right_order_of_grub)
{
	assert_string_equal(grub(LOAD USE CLEAR SAVE START), "");
	assert_string_equal(grub("load_env -f $f\n" USE CLEAR SAVE START), "");
	assert_string_equal(grub("load_env\n" USE CLEAR SAVE START), "");
	assert_string_equal(grub("load_env --file $f\n" USE "unset keelboot_once\n" SAVE START),
			    "");
	assert_string_equal(grub(CLEAR LOAD USE "keelboot_once=\n" SAVE START), "");
}

TEST(each_step_of_grub_in_another_place)
{
	has(grub(USE LOAD CLEAR SAVE START), "looks at keelboot_once before load_env");
	has(grub("load_env -f $f other\n" USE CLEAR SAVE START), "before load_env");
	has(grub("[ $keelboot_default ]\n" LOAD USE CLEAR SAVE START),
	    "looks at keelboot_default before load_env");
	has(grub(LOAD CLEAR SAVE USE START), "uses keelboot_once when it is cleared already");
	has(grub(LOAD USE CLEAR SAVE "linux $keelboot_once\n" START), "is cleared already");
	has(grub(LOAD USE SAVE CLEAR START), "does not clear keelboot_once before");
	has(grub(LOAD USE CLEAR LOAD SAVE START), "does not clear keelboot_once before");
	has(grub(LOAD USE CLEAR "set keelboot_once=b\n" SAVE START), "does not clear");
	has(grub(LOAD USE CLEAR "save_env -f $f other\n" START), "never saves keelboot_once");
	has(grub(LOAD USE CLEAR START SAVE), "starts a kernel before");
	has(grub(LOAD USE START CLEAR SAVE), "starts a kernel before");
	has(grub(LOAD USE CLEAR SAVE "boot\nset x=keelboot.pair=a"), "keelboot.pair= behind");
	has(grub(LOAD "[ $keelboot_once ]\n" CLEAR SAVE START), "never uses the value");
}

TEST(test_of_what_was_read_back_is_no_use)
{
	assert_string_equal(grub(LOAD USE CLEAR SAVE "if [ $keelboot_once ]; then x; fi\n" START),
			    "");
	assert_string_equal(
		grub(LOAD USE CLEAR SAVE "set keelboot_once=x\n" LOAD "y $keelboot_once\n" START),
		"");
}

TEST(condition_that_is_not_understood_is_no_proof)
{
	has(grub(LOAD USE "if keystatus; then\n" CLEAR SAVE "fi\n" START), "if a condition");
	has(grub(LOAD USE "menuentry a {\n" CLEAR SAVE START "}\n"), "if a condition");
	has(grub(LOAD USE "if keystatus; then boot; fi\n" CLEAR SAVE START), "if a condition");
	assert_string_equal(
		grub(LOAD USE "if keystatus; then\n" CLEAR SAVE "fi\n" CLEAR SAVE START), "");
}

#define U_USE \
	"setenv x $keelboot_default; if test -n $keelboot_once; then setenv x $keelboot_once; fi\n"
#define U_CLEAR "setenv keelboot_once\n"
#define U_START "setenv bootargs keelboot.pair=$x\nbooti 1\n"

TEST(right_order_of_uboot)
{
	assert_string_equal(uboot(U_USE U_CLEAR "saveenv\n" U_START), "");
	assert_string_equal(uboot(U_USE "env set keelboot_once\nenv save\n" U_START), "");
	assert_string_equal(uboot(U_USE "env delete -f keelboot_once\nrun keelboot_save\n" U_START),
			    "");
}

TEST(each_step_of_uboot_in_another_place)
{
	has(uboot(U_CLEAR "saveenv\n" U_USE U_START), "is cleared already");
	has(uboot(U_USE "saveenv\n" U_CLEAR U_START), "does not clear");
	has(uboot(U_USE "keelboot_once=\nsaveenv\n" U_START), "does not clear");
	has(uboot(U_USE U_CLEAR U_START "saveenv\n"), "starts a kernel before");
	has(uboot(U_USE U_CLEAR U_START), "never saves");
	has(uboot(U_USE U_CLEAR "run save\n" U_START), "never saves");
	has(uboot(U_USE U_CLEAR "saveenv\nbooti 1\nsetenv bootargs keelboot.pair=a"), "behind");
}

static const char *count(const char *text)
{
	take(DOCTOR_GRUB, text);
	return doctor_order_of_count(&s).says;
}

#define COUNT	  "set keelboot_starts=1$keelboot_starts\n"
#define SAVE_IT	  "save_env keelboot_starts\n"
#define LOOK	  "if [ $keelboot_starts = 111 ]; then x; fi\n"
#define DO	  "function go { boot; }\n"
#define GO	  "go $keelboot_default\n"
#define FORGET_IT "set keelboot_starts=\nsave_env keelboot_starts\n"

TEST(order_of_a_count)
{
	assert_string_equal(count(DO GO), "");
	assert_string_equal(count(DO LOOK COUNT SAVE_IT GO), "");
	assert_string_equal(count(DO COUNT SAVE_IT LOOK GO), "");
	assert_string_equal(count(DO "go b\n" LOOK COUNT SAVE_IT GO), "");
	has(count(DO LOOK COUNT GO), "never saves the count");
	has(count(DO LOOK COUNT FORGET_IT GO), "never saves the count");
	has(count(DO LOOK COUNT GO SAVE_IT "boot"), "before its count is saved");
	has(count(DO LOOK COUNT "boot\n" SAVE_IT), "saves the count behind the start");
	has(count(DO COUNT SAVE_IT GO), "or never");
	has(count(DO COUNT SAVE_IT GO LOOK), "or never");
}

static bool arms(const char *text)
{
	take(DOCTOR_UBOOT, text);
	return doctor_order_arms_watchdog(&s);
}

TEST(watchdog_is_armed_before_the_start_and_in_any_case)
{
	assert_true(arms("wdt dev x; wdt start 60000; booti 1"));
	assert_true(arms("wdt start 1"));
	assert_false(arms("wdt dev x; booti 1; wdt start 60000"));
	assert_false(arms("if a; then wdt start 1; fi; booti 1"));
	assert_false(arms("if a; then booti 1; fi; wdt start 1"));
	assert_false(arms("echo wdt start 1; booti 1"));
	assert_false(arms("wdt stop"));
}

TEST_MAIN("doctor_order")
