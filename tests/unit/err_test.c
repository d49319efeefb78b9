/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/err.h"
#include "tests/unit/test.h"

#include <ctype.h>

#define LAST KB_ENOMEM

TEST(every_error_has_a_phrase_of_its_own)
{
	for (int err = KB_OK; err <= (int)LAST; err++) {
		const char *text = err_text((enum kb_err)err);

		assert_non_null(text);
		assert_string_not_equal(text, "unknown error");
		assert_true(islower((unsigned char)text[0]));
		assert_true(isalnum((unsigned char)text[strlen(text) - 1]));
		for (int other = KB_OK; other < err; other++)
			assert_string_not_equal(text, err_text((enum kb_err)other));
	}
}

TEST(a_number_from_nowhere_has_a_phrase)
{
	assert_string_equal(err_text((enum kb_err)((int)LAST + 1)), "unknown error");
	assert_string_equal(err_text((enum kb_err) - 1), "unknown error");
}

TEST(errno_is_translated)
{
	static const struct {
		int errnum;
		enum kb_err err;
	} pairs[] = {
		{ 0, KB_OK },	       { EIO, KB_EIO },	      { ENODEV, KB_ENODEV },
		{ ENXIO, KB_ENODEV },  { EBUSY, KB_EBUSY },   { EACCES, KB_EPERM },
		{ EROFS, KB_EPERM },   { ENOENT, KB_ENOENT }, { ENOTDIR, KB_ENOENT },
		{ ENOSPC, KB_ENOSPC }, { EINVAL, KB_EINVAL }, { ETIMEDOUT, KB_ETIMEDOUT },
		{ EILSEQ, KB_EIO },    { -1, KB_EIO },	      { 123456, KB_EIO },
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		assert_int_equal(err_errno(pairs[i].errnum), pairs[i].err);
}

/* Only "no error" may be taken for success. */
TEST(no_errno_becomes_success)
{
	for (int i = 1; i < 200; i++)
		assert_int_not_equal(err_errno(i), KB_OK);
}

static int steps;

static enum kb_err step(enum kb_err err)
{
	steps++;
	return err;
}

static enum kb_err two_steps(enum kb_err first, enum kb_err second)
{
	TRY(step(first));
	TRY(step(second));
	return KB_OK;
}

TEST(try_returns_the_first_failure_at_once)
{
	steps = 0;
	FAILS(two_steps(KB_ESIG, KB_EIO), KB_ESIG);
	assert_int_equal(steps, 1);
	FAILS(two_steps(KB_OK, KB_EIO), KB_EIO);
	OK(two_steps(KB_OK, KB_OK));
	assert_int_equal(steps, 5);
}

TEST_MAIN("err")
