/* SPDX-License-Identifier: Apache-2.0 */
/* Steps of boot loaders' scripts: what comes, in which order, and what nobody can know. */
#include "cli/doctor/doctor_steps.h"
#include "tests/unit/test.h"

static struct doctor_script script;
static struct doctor_steps s;

static const char *put_script(const char *text)
{
	size_t at = script.len;

	doctor_script_add(&script, DOCTOR_SCRIPT_SHELL, text, strlen(text));
	return script.text + at;
}

static void take(enum doctor_language language, const char *text)
{
	doctor_script_clear(&script);
	doctor_steps_begin(&s, language);
	put_script(text);
	doctor_steps_add(&s, script.text, script.len);
}

/* All steps, with '|' between, '?' before one that may not come, and '!' before a start. */
static const char *steps(void)
{
	static char all[4096];
	size_t len = 0;

	all[0] = '\0';
	for (unsigned i = 0; i < s.n; i++)
		len += (size_t)snprintf(all + len, sizeof(all) - len, "%s%s%s%s", i > 0 ? "|" : "",
					s.step[i].doubtful ? "?" : "", s.step[i].starts ? "!" : "",
					s.step[i].text);
	return all;
}

#define GRUB(text, is)                            \
	do {                                      \
		take(DOCTOR_GRUB, text);          \
		assert_string_equal(steps(), is); \
	} while (0)
#define UBOOT(text, is)                           \
	do {                                      \
		take(DOCTOR_UBOOT, text);         \
		assert_string_equal(steps(), is); \
	} while (0)

TEST(commands_end_where_the_shell_ends_them)
{
	GRUB("a 1;b  2\nc\t3 # d\n", "a 1|b 2|c 3");
	GRUB("a \\\n b", "a b");
	UBOOT("a 1 && b 2 || c 3", "a 1|?b 2|?c 3");
	assert_true(s.whole);
}

TEST(words_lose_their_quotes)
{
	GRUB("a 'b; c' \"d $e ${f} \\\"g\\\"\" h\\;i", "a b; c d $e $f \"g\" h;i");
	GRUB("a '$b ${c}'", "a $b ${c}");
	GRUB("a ${b", "a $b");
	assert_true(s.whole);
	GRUB("a 'b\nc", "a b\nc\n");
	assert_false(s.whole);
}

TEST(both_ways_of_a_condition_are_steps)
{
	GRUB("if [ a ]; then b; else c; fi; d", "[ a ]|?b|?c|d");
	GRUB("if [ $keelboot_x ]; then b; elif e; then c; fi; d", "[ $keelboot_x ]|b|e|c|d");
	GRUB("if [ a ]; then if [ $keelboot_x ]; then b; fi; fi", "[ a ]|?[ $keelboot_x ]|?b");
	GRUB("while [ a ]; do b; done; c", "[ a ]|?b|c");
	GRUB("for i in 1 2; do b; done", "for i in 1 2|b");
	GRUB("if linux x; then boot; fi", "linux x|!boot");
	GRUB("if ! a; then b; fi", "a|?b");
	GRUB("fi; then a; done", "a");
}

TEST(function_is_where_it_is_called)
{
	GRUB("function f { a; if b; then boot; fi; }\nc; f 1; d", "c|f 1|a|b|?!boot|d");
	assert_true(s.step[1].leads_to_start);
	assert_false(s.step[0].leads_to_start);
	GRUB("function f { a; }", "");
	GRUB("f; function f { a; }", "f");
	GRUB("function f {\n a\n", "");
	assert_true(s.whole);
}

TEST(function_that_calls_itself_ends)
{
	GRUB("function f { f; }\nf", "f|f|f|f|f|f|f|f|f");
	assert_false(s.whole);
	take(DOCTOR_GRUB,
	     "function f { g; g; g; g; g; g; g; g; }\nfunction g { f; f; f; f; f; f; }\nf");
	assert_int_equal(s.n, DOCTOR_STEPS_MAX);
	assert_false(s.whole);
}

TEST(entries_of_a_menu_come_last)
{
	GRUB("menuentry 'x y' --id z { linux a }\nsubmenu m {\n menuentry n {\n b\n}\n}\nc",
	     "c|?linux a|?!boot|?!boot|?b|?!boot");
	assert_true(s.step[1].in_menu);
	assert_false(s.step[0].in_menu);
}

TEST(what_is_elsewhere_is_not_whole)
{
	static const char *const grub[] = {
		"source $x", ". y", "configfile (hd0)/z", "blscfg", "if a; then normal b; fi",
		"exit"
	};
	static const char *const uboot[] = { "source ${a}", "run b", "run ${c}", "sysboot mmc 0:1",
					     "bootflow scan" };

	for (unsigned i = 0; i < KB_ARRAY_LEN(grub); i++) {
		take(DOCTOR_GRUB, grub[i]);
		assert_false(s.whole);
	}
	for (unsigned i = 0; i < KB_ARRAY_LEN(uboot); i++) {
		take(DOCTOR_UBOOT, uboot[i]);
		assert_false(s.whole);
	}
	UBOOT("run keelboot_load", "run keelboot_load");
	assert_true(s.whole);
}

TEST(file_that_is_known_is_taken_in_once)
{
	size_t own;

	doctor_script_clear(&script);
	doctor_steps_begin(&s, DOCTOR_GRUB);
	put_script("if a; then source $x/custom.cfg; else source $y/custom.cfg; fi; b");
	own = script.len;
	put_script("c; boot");
	doctor_steps_name(&s, DOCTOR_STEPS_INCLUDE, script.text + own, script.len - own);
	doctor_steps_add(&s, script.text, own);
	assert_string_equal(steps(), "a|?source $x/custom.cfg|c|!boot|?source $y/custom.cfg|b");
	assert_true(s.whole);
	GRUB("source $x/custom.cfg; b", "source $x/custom.cfg|b");
	assert_true(s.whole);
}

TEST(variable_is_where_it_is_run)
{
	UBOOT("setenv x 'a; booti 1'; setenv y b c; run y x; d",
	      "setenv x a; booti 1|setenv y b c|run y x|b c|a|!booti 1|d");
	assert_true(s.step[2].leads_to_start);
	UBOOT("setenv x 'run x'; run x",
	      "setenv x run x|run x|run x|run x|run x|run x|run x|run x|run x|run x");
	assert_false(s.whole);
}

/* U-Boot sets none; a body without a name would be an entry of a menu, which U-Boot has not. */
TEST(variable_without_a_name_is_none)
{
	UBOOT("setenv \"\" 'a; b'; c", "setenv  a; b|c");
	UBOOT("setenv \" x\" d; c", "setenv  x d|c");
}

TEST(what_is_named_stays_and_what_scripts_define_does_not)
{
	doctor_script_clear(&script);
	doctor_steps_begin(&s, DOCTOR_UBOOT);
	doctor_steps_name(&s, "x", put_script("a"), 1);
	doctor_steps_add(&s, "setenv y b; run y x", 19);
	assert_string_equal(steps(), "setenv y b|run y x|b|a");
	doctor_steps_again(&s);
	assert_true(doctor_steps_run(&s, "x"));
	assert_false(doctor_steps_run(&s, "y"));
	assert_string_equal(steps(), "a");
}

TEST(words_that_are_printed_are_no_words)
{
	take(DOCTOR_GRUB, "echo keelboot_once\nmenuentry keelboot_once { x }\n");
	assert_false(doctor_steps_have(&s, "keelboot_once"));
	take(DOCTOR_GRUB, "set keelboot_once=");
	assert_true(doctor_steps_have(&s, "keelboot_once"));
}

TEST(more_than_there_is_room_for_is_not_whole)
{
	static char text[DOCTOR_SCRIPT_MAX];

	memset(text, 'x', sizeof(text));
	doctor_steps_begin(&s, DOCTOR_GRUB);
	for (unsigned i = 0; i < 3; i++)
		doctor_steps_add(&s, text, sizeof(text));
	assert_false(s.whole);
	for (unsigned i = 0; i < sizeof(text); i++)
		text[i] = i % 2 == 0 ? 'a' : '\n';
	doctor_steps_begin(&s, DOCTOR_GRUB);
	doctor_steps_add(&s, text, sizeof(text));
	assert_false(s.whole);
	assert_int_equal(s.n, DOCTOR_STEPS_MAX);
}

TEST_MAIN("doctor_steps")
