/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/output/args.h"

#include "tests/unit/test.h"

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

static void next_is(struct args *a, int id, const char *value)
{
	EQUAL((args_next(a), id), (a->value, value));
}

TEST(values_may_be_attached_or_follow)
{
	struct args a = ARGS("--number=1", "--number", "2", "-n3", "-n", "4", "--wait=");

	for (char want = '1'; want <= '4'; want++)
		EQUAL((args_next(&a), NUMBER), (a.value[0], want), (a.option, "number"));
	next_is(&a, WAIT, "");
	EQUAL((args_next(&a), ARGS_END), (args_next(&a), ARGS_END));
}

TEST(options_and_operands_mix)
{
	struct args a = ARGS("one", "--json", "-", "--wait", "--json", "two");

	next_is(&a, ARGS_OPERAND, "one");
	assert_int_equal(args_next(&a), JSON);
	assert_null(a.value);
	next_is(&a, ARGS_OPERAND, "-");
	next_is(&a, WAIT, "--json");
	EQUAL((args_next(&a), ARGS_OPERAND), (args_next(&a), ARGS_END));
}

TEST(two_dashes_end_the_options)
{
	struct args a = ARGS("--", "--json", "--");

	next_is(&a, ARGS_OPERAND, "--json");
	next_is(&a, ARGS_OPERAND, "--");
	assert_int_equal(args_next(&a), ARGS_END);
}

TEST(wrong_options_are_errors)
{
	static const char *const wrong[] = { "--jso", "--jsonx", "--json=1", "--number", "-n",
					     "-x",    "-wn",	 "--=1",     "--",	 "-nn" };

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

static const char *nearest(const char *word)
{
	static const char *const names[] = { "status",	"stage",   "state",
					     "unstage", "history", "mark" };

	return args_nearest(word, names, KB_ARRAY_LEN(names));
}

TEST(the_nearest_name_begins_alike_or_differs_little)
{
	EQUAL((nearest("hist"), "history"), (nearest("statsu"), "status"));
	EQUAL((nearest("stat"), "status"), (nearest("stge"), "stage"));
	EQUAL((nearest("unstaged"), "unstage"), (nearest("makr"), "mark"));
}

TEST(nothing_is_near_to_strange_words)
{
	char longest[200];

	memset(longest, 's', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_null(nearest(""));
	assert_null(nearest("frobnicate"));
	assert_null(nearest("xyz"));
	assert_null(nearest(longest));
}

TEST_MAIN("args", .quiet = true)
