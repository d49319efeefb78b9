/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/args.h"

#include "lib/log.h"
#include "lib/util.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

enum { JSON = 1, NUMBER, WAIT };

static const struct args_option verb[] = {
	{ "json", 0, false, JSON },
	{ "number", 'n', true, NUMBER },
	{ .name = NULL },
};
static const struct args_option global[] = {
	{ "wait", 'w', true, WAIT },
	{ .name = NULL },
};

static struct args args_of(char **argv)
{
	struct args a = { .argv = argv, .tables = { verb, global } };

	while (argv[a.argc] != NULL)
		a.argc++;
	return a;
}

#define ARGS(...) args_of((char **)(const char *[]){ __VA_ARGS__, NULL })

static void values_may_be_attached_or_follow(void **unused)
{
	struct args a = ARGS("--number=1", "--number", "2", "-n3", "-n", "4", "--wait=");

	(void)unused;
	for (char want = '1'; want <= '4'; want++) {
		assert_int_equal(args_next(&a), NUMBER);
		assert_int_equal(a.value[0], want);
		assert_string_equal(a.option, "number");
	}
	assert_int_equal(args_next(&a), WAIT);
	assert_string_equal(a.value, "");
	assert_int_equal(args_next(&a), ARGS_END);
	assert_int_equal(args_next(&a), ARGS_END);
}

static void options_and_operands_mix(void **unused)
{
	struct args a = ARGS("one", "--json", "-", "--wait", "--json", "two");

	(void)unused;
	assert_int_equal(args_next(&a), ARGS_OPERAND);
	assert_string_equal(a.value, "one");
	assert_int_equal(args_next(&a), JSON);
	assert_null(a.value);
	assert_int_equal(args_next(&a), ARGS_OPERAND);
	assert_string_equal(a.value, "-");
	assert_int_equal(args_next(&a), WAIT);
	assert_string_equal(a.value, "--json");
	assert_int_equal(args_next(&a), ARGS_OPERAND);
	assert_int_equal(args_next(&a), ARGS_END);
}

static void two_dashes_end_the_options(void **unused)
{
	struct args a = ARGS("--", "--json", "--");

	(void)unused;
	assert_int_equal(args_next(&a), ARGS_OPERAND);
	assert_string_equal(a.value, "--json");
	assert_int_equal(args_next(&a), ARGS_OPERAND);
	assert_string_equal(a.value, "--");
	assert_int_equal(args_next(&a), ARGS_END);
}

static void wrong_options_are_errors(void **unused)
{
	static const char *const wrong[] = { "--jso", "--jsonx", "--json=1", "--number", "-n",
					     "-x",    "-wn",	 "--=1",     "--",	 "-nn" };

	(void)unused;
	for (size_t i = 0; i < KB_ARRAY_LEN(wrong); i++) {
		struct args a = ARGS(wrong[i]);
		int id = args_next(&a);

		if (strcmp(wrong[i], "--") == 0)
			assert_int_equal(id, ARGS_END);
		else if (strcmp(wrong[i], "-wn") == 0)
			assert_int_equal(id, WAIT);
		else if (strcmp(wrong[i], "-nn") == 0)
			assert_int_equal(id, NUMBER);
		else
			assert_int_equal(id, ARGS_ERROR);
	}
}

static void bytes_take_units(void **unused)
{
	static const struct {
		const char *text;
		uint64_t want;
	} right[] = {
		{ "0", 0 },
		{ "4096", 4096 },
		{ "1K", 1024 },
		{ "16M", 16u << 20 },
		{ "3G", UINT64_C(3) << 30 },
		{ "2T", UINT64_C(2) << 40 },
		{ "18446744073709551615", UINT64_MAX },
		{ "16777215T", UINT64_C(16777215) << 40 },
	};
	uint64_t n;

	(void)unused;
	for (size_t i = 0; i < KB_ARRAY_LEN(right); i++) {
		assert_int_equal(args_bytes(&n, right[i].text), KB_OK);
		assert_true(n == right[i].want);
	}
}

static void bytes_refuse_what_is_no_number_or_too_large(void **unused)
{
	static const char *const wrong[] = { "",	  "K",
					     "1k",	  "1KB",
					     "-1",	  " 1",
					     "0x10",	  "1.5M",
					     "16777216T", "18446744073709551616",
					     "1MM",	  "999999999999999999999999999999999" };
	uint64_t n = 7;

	(void)unused;
	for (size_t i = 0; i < KB_ARRAY_LEN(wrong); i++)
		assert_int_not_equal(args_bytes(&n, wrong[i]), KB_OK);
	assert_true(n == 7);
}

static const char *nearest(const char *word)
{
	static const char *const names[] = { "status",	"stage",   "state",
					     "unstage", "history", "mark" };

	return args_nearest(word, names, KB_ARRAY_LEN(names));
}

static void the_nearest_name_begins_alike_or_differs_little(void **unused)
{
	(void)unused;
	assert_string_equal(nearest("hist"), "history");
	assert_string_equal(nearest("statsu"), "status");
	assert_string_equal(nearest("stat"), "status");
	assert_string_equal(nearest("stge"), "stage");
	assert_string_equal(nearest("unstaged"), "unstage");
	assert_string_equal(nearest("makr"), "mark");
}

static void nothing_is_near_to_strange_words(void **unused)
{
	char longest[200];

	(void)unused;
	memset(longest, 's', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_null(nearest(""));
	assert_null(nearest("frobnicate"));
	assert_null(nearest("xyz"));
	assert_null(nearest(longest));
}

int main(void)
{
	static const struct CMUnitTest args_tests[] = {
		cmocka_unit_test(values_may_be_attached_or_follow),
		cmocka_unit_test(options_and_operands_mix),
		cmocka_unit_test(two_dashes_end_the_options),
		cmocka_unit_test(wrong_options_are_errors),
		cmocka_unit_test(bytes_take_units),
		cmocka_unit_test(bytes_refuse_what_is_no_number_or_too_large),
		cmocka_unit_test(the_nearest_name_begins_alike_or_differs_little),
		cmocka_unit_test(nothing_is_near_to_strange_words),
	};

	log_to(-1, 0);
	return cmocka_run_group_tests_name("args", args_tests, NULL, NULL);
}
