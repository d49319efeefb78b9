/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/err.h"

#include <ctype.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#define LAST KB_ENOCAND

static void every_error_has_a_phrase_of_its_own(void **state)
{
	(void)state;
	for (int e = KB_OK; e <= (int)LAST; e++) {
		const char *text = err_text((enum kb_err)e);

		assert_non_null(text);
		assert_string_not_equal(text, "unknown error");
		assert_true(islower((unsigned char)text[0]));
		assert_true(isalnum((unsigned char)text[strlen(text) - 1]));
		for (int other = KB_OK; other < e; other++)
			assert_string_not_equal(text, err_text((enum kb_err)other));
	}
}

static void a_number_from_nowhere_has_a_phrase(void **state)
{
	(void)state;
	assert_string_equal(err_text((enum kb_err)((int)LAST + 1)), "unknown error");
	assert_string_equal(err_text((enum kb_err) - 1), "unknown error");
}

static void errno_is_translated(void **state)
{
	static const struct {
		int errnum;
		enum kb_err e;
	} pairs[] = {
		{ 0, KB_OK },	       { EIO, KB_EIO },	      { ENODEV, KB_ENODEV },
		{ ENXIO, KB_ENODEV },  { EBUSY, KB_EBUSY },   { EACCES, KB_EPERM },
		{ EROFS, KB_EPERM },   { ENOENT, KB_ENOENT }, { ENOTDIR, KB_ENOENT },
		{ ENOSPC, KB_ENOSPC }, { EINVAL, KB_EINVAL }, { ETIMEDOUT, KB_ETIMEDOUT },
		{ EILSEQ, KB_EIO },    { -1, KB_EIO },	      { 123456, KB_EIO },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		assert_int_equal(err_errno(pairs[i].errnum), pairs[i].e);
}

/* Only "no error" may be taken for success. */
static void no_errno_becomes_success(void **state)
{
	(void)state;
	for (int i = 1; i < 200; i++)
		assert_int_not_equal(err_errno(i), KB_OK);
}

static int steps;

static enum kb_err step(enum kb_err e)
{
	steps++;
	return e;
}

static enum kb_err two_steps(enum kb_err first, enum kb_err second)
{
	TRY(step(first));
	TRY(step(second));
	return KB_OK;
}

static void try_returns_the_first_failure_at_once(void **state)
{
	(void)state;
	steps = 0;
	assert_int_equal(two_steps(KB_ESIG, KB_EIO), KB_ESIG);
	assert_int_equal(steps, 1);
	assert_int_equal(two_steps(KB_OK, KB_EIO), KB_EIO);
	assert_int_equal(two_steps(KB_OK, KB_OK), KB_OK);
	assert_int_equal(steps, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_error_has_a_phrase_of_its_own),
		cmocka_unit_test(a_number_from_nowhere_has_a_phrase),
		cmocka_unit_test(errno_is_translated),
		cmocka_unit_test(no_errno_becomes_success),
		cmocka_unit_test(try_returns_the_first_failure_at_once),
	};

	return cmocka_run_group_tests_name("err", tests, NULL, NULL);
}
