/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a test program begins with. Cases run in the order in which they stand in the file:
 *
 *	TEST(cleared_manifest_is_blank)
 *	{
 *		OK(store_manifest_clear(&st, 0));
 *		FAILS(store_manifest_read(&st, 0, &m), KB_ENOENT);
 *	}
 *
 *	int main(void)
 *	{
 *		return TEST_RUN("store", .set_up = set_up, .tear_down = tear_down);
 *	}
 */
#pragma once

#include "lib/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#define TEST_MAX 256

struct test_case {
	struct CMUnitTest test;
	bool own;	 /* its fixture is not the program's */
	unsigned number; /* its place in the file */
};

struct test_group {
	const char *name;
	CMFixtureFunction set_up, tear_down; /* of each case */
	CMFixtureFunction first, last;	     /* of the program */
};

static struct test_case test_cases[TEST_MAX];
static unsigned test_count;

static inline void test_add(const struct test_case *c)
{
	unsigned at = test_count++;

	if (at == TEST_MAX)
		abort();
	for (; at > 0 && test_cases[at - 1].number > c->number; at--)
		test_cases[at] = test_cases[at - 1];
	test_cases[at] = *c;
}

static inline int test_run(const struct test_group *g)
{
	static struct CMUnitTest all[TEST_MAX];

	for (unsigned i = 0; i < test_count; i++) {
		all[i] = test_cases[i].test;
		if (test_cases[i].own)
			continue;
		all[i].setup_func = g->set_up;
		all[i].teardown_func = g->tear_down;
	}
	return _cmocka_run_group_tests(g->name, all, test_count, g->first, g->last);
}

static inline void test_expect(enum kb_err is, enum kb_err want, const char *call,
			       const char *where, int line)
{
	if (is == want)
		return;
	print_error("%s: \"%s\" (%d), not \"%s\" (%d)\n", call, err_text(is), (int)is,
		    err_text(want), (int)want);
	_fail(where, line);
}

#define TEST_CASE(name, own, up, down)                                                             \
	static void name(void **);                                                                 \
	static __attribute__((constructor)) void test_add_##name(void)                             \
	{                                                                                          \
		test_add(                                                                          \
			&(struct test_case){ { #name, name, up, down, NULL }, own, __COUNTER__ }); \
	}                                                                                          \
	static void name(__attribute__((unused)) void **test_state)

/* A case, with the fixture that TEST_RUN() names; or with one of its own. */
#define TEST(name)		  TEST_CASE(name, false, NULL, NULL)
#define TEST_WITH(name, up, down) TEST_CASE(name, true, up, down)
#define TEST_RUN(...)		  test_run(&(struct test_group){ .name = __VA_ARGS__ })

#define OK(call)	   test_expect(call, KB_OK, #call, __FILE__, __LINE__)
#define FAILS(call, error) test_expect(call, error, #call, __FILE__, __LINE__)
