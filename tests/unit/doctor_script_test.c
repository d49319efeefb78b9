/* SPDX-License-Identifier: Apache-2.0 */
/* Words in what a boot loader was set up with: comments are none, and what is not read whole proves
 * nothing by what it lacks. */
#include "cli/doctor/doctor_script.h"
#include "tests/unit/folder.h"

static struct doctor_script s;
static struct doctor doc;

static void take(enum doctor_script_kind kind, const char *text)
{
	doctor_script_clear(&s);
	doctor_script_add(&s, kind, text, strlen(text));
}

static void shell(const char *text)
{
	take(DOCTOR_SCRIPT_SHELL, text);
}

TEST(comments_have_no_words)
{
	shell("# load_env a\nset x=1 # save_env b\n;#c\nset y=a#d\n{#e\n");
	assert_false(doctor_script_has(&s, "load_env"));
	assert_false(doctor_script_has(&s, "save_env"));
	assert_false(doctor_script_has(&s, "c"));
	assert_true(doctor_script_has(&s, "d"));
	assert_false(doctor_script_has(&s, "e"));
	assert_true(s.whole);
}

TEST(a_number_sign_in_quotes_is_no_comment)
{
	shell("echo \"it's # one\" 'a \"# b' \\# \"x\\\"# y\" # z");
	assert_true(doctor_script_has(&s, "one"));
	assert_true(doctor_script_has(&s, "b"));
	assert_true(doctor_script_has(&s, "y"));
	assert_false(doctor_script_has(&s, "z"));
	assert_true(s.whole);
}

TEST(a_quote_in_a_comment_opens_nothing)
{
	shell("# it's\nload_env x\n");
	assert_true(doctor_script_has(&s, "load_env"));
	assert_true(s.whole);
}

TEST(a_quote_without_an_end_leaves_nothing_certain)
{
	shell("echo 'a\n# b\n");
	assert_false(s.whole);
}

TEST(settings_have_comments_on_lines_of_their_own)
{
	take(DOCTOR_SCRIPT_LINES, "  # timeout 1\na=it's # b\n#c");
	assert_false(doctor_script_has(&s, "timeout"));
	assert_true(doctor_script_has(&s, "b"));
	assert_false(doctor_script_has(&s, "c"));
	assert_true(s.whole);
}

TEST(a_word_ends_where_no_letter_digit_or_underscore_is)
{
	shell("my_save_env save_envs $keelboot_a keelboot.pair=b");
	assert_false(doctor_script_has(&s, "save_env"));
	assert_true(doctor_script_has(&s, "keelboot_a"));
	assert_false(doctor_script_has(&s, "keelboot_"));
	assert_true(doctor_script_has(&s, "keelboot.pair="));
}

TEST(a_line_goes_on_behind_a_backslash)
{
	shell("save_env \\\n  keelboot_once\n");
	assert_string_equal(s.text, "save_env     keelboot_once\n\n");
}

TEST(one_line_is_searched_like_a_text)
{
	assert_true(doctor_script_line_has("wdt start 1", "start"));
	assert_true(doctor_script_line_has("echo $keelboot_once", "$keelboot_once"));
	assert_false(doctor_script_line_has("wdt restart", "start"));
	assert_false(doctor_script_line_has("", "start"));
}

TEST(a_value_is_one_that_all_lines_agree_on)
{
	char value[8];

	shell("set timeout=-1\nset a=\"gpt2\"; set b=1\nset b=2\nset long=123456789\n[ $timeout = 3 ]");
	assert_true(doctor_script_value(&s, "timeout", value, sizeof(value)));
	assert_string_equal(value, "-1");
	assert_true(doctor_script_value(&s, "a", value, sizeof(value)));
	assert_string_equal(value, "gpt2");
	assert_false(doctor_script_value(&s, "b", value, sizeof(value)));
	assert_false(doctor_script_value(&s, "long", value, sizeof(value)));
	assert_false(doctor_script_value(&s, "c", value, sizeof(value)));
}

TEST(what_exceeds_the_room_is_dropped_and_said)
{
	static char text[DOCTOR_SCRIPT_MAX + 9];

	memset(text, 'x', sizeof(text));
	doctor_script_clear(&s);
	doctor_script_add(&s, DOCTOR_SCRIPT_LINES, text, sizeof(text));
	assert_false(s.whole);
	EQUAL((s.len, DOCTOR_SCRIPT_MAX), (strlen(s.text), DOCTOR_SCRIPT_MAX));
}

TEST(bytes_that_are_no_text_hide_nothing_behind_them)
{
	doctor_script_clear(&s);
	doctor_script_add(&s, DOCTOR_SCRIPT_SHELL, "a\0save_env", 10);
	assert_true(doctor_script_has(&s, "save_env"));
	assert_false(s.whole);
}

TEST(file_of_mkimage_is_read_behind_its_header)
{
	static uint8_t image[72 + 8] = { 0x27, 0x05, 0x19, 0x56 };

	folder_make();
	doc.sys_root = folder;
	memcpy(image + 72, "saveenv\n", 8);
	folder_bytes("boot.scr", image, sizeof(image));
	doctor_script_clear(&s);
	assert_true(doctor_script_add_file(&doc, &s, DOCTOR_SCRIPT_SHELL, "/boot.scr"));
	assert_true(doctor_script_has(&s, "saveenv"));
	assert_true(s.whole);
	folder_put("boot.scr", "plain");
	assert_true(doctor_script_add_file(&doc, &s, DOCTOR_SCRIPT_SHELL, "/boot.scr"));
	assert_true(doctor_script_has(&s, "plain"));
	assert_false(doctor_script_add_file(&doc, &s, DOCTOR_SCRIPT_SHELL, "/none"));
	assert_false(doctor_script_add_file(&doc, &s, DOCTOR_SCRIPT_SHELL, ""));
	folder_remove();
}

static void set_up(void)
{
	doctor_script_clear(&s);
}

TEST_MAIN("doctor_script", .set_up = set_up)
