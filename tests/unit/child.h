/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cases that happen in a child, which says by its end how it went:
 *
 *	TEST_CHILD(nothing_is_there)
 *	{
 *		cage();
 *		must(access("/etc", F_OK) < 0, 1);
 *	}
 */
#pragma once

#include "tests/unit/test.h"

/* Else the child ends, with this number. */
static inline void must(bool what, int otherwise)
{
	if (!what)
		_exit(otherwise);
}

/* How a child ends that does this: its wait status. */
static inline int end_of(void (*fn)(const void *arg), const void *arg)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		fn(arg);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static inline void assert_fine(int status)
{
	EQUAL((WIFEXITED(status), true), (WEXITSTATUS(status), 0));
}

static inline void assert_killed(int status, int sig)
{
	EQUAL((WIFSIGNALED(status), true), (WTERMSIG(status), sig));
}

/* Where the child needs root, and there is none, nothing is tested. */
#define TEST_CHILD_IF(possible, name)                    \
	static void name##_child(const void *);          \
	TEST(name)                                       \
	{                                                \
		if (!(possible))                         \
			skip();                          \
		assert_fine(end_of(name##_child, NULL)); \
	}                                                \
	static void name##_child(const void *arg)

#define TEST_CHILD(name)	 TEST_CHILD_IF(true, name)
#define TEST_CHILD_OF_ROOT(name) TEST_CHILD_IF(geteuid() == 0, name)
