/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a test program begins with. Cases run in the order in which they stand in the file:
 *
 *	TEST(cleared_manifest_is_blank)
 *	{
 *		OK(store_manifest_clear(&st, 0));
 *		FAILS(store_manifest_read(&st, 0, &m), KB_ENOENT);
 *		EQUAL((st.seq, 2), (m.version, "1.0"));
 *	}
 *
 *	TEST_MAIN("store", .set_up = set_up, .tear_down = tear_down)
 */
#pragma once

#include "lib/bytes.h"
#include "lib/err.h"
#include "lib/log.h"
#include "lib/util.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

/* What stands in for a callback or a system call need not use all that it is given. */
#pragma GCC diagnostic ignored "-Wunused-parameter"

#define TEST_MAX 256

typedef void (*test_fixture)(void);

struct test_case {
	const char *name;
	CMUnitTestFunction body;
	unsigned number; /* its place in the file */
	bool own;	 /* its fixture is not the program's */
	test_fixture set_up, tear_down;
};

struct test_group {
	const char *name;
	test_fixture set_up, tear_down; /* of each case */
	test_fixture first, last;	/* of the program */
	bool quiet;			/* the cases provoke what would be logged */
	int (*decoder)(void);		/* this program is its own decoder too */
};

/* For what comes without fail: a machine may be busy, or stand still for a while. */
#define TEST_LONG_MS 60000

/* How a program starts itself. */
#define TEST_SELF "/proc/self/exe"

static struct test_case test_cases[TEST_MAX];
static unsigned test_count;
static const struct test_group *test_program;

static inline void test_add(const struct test_case *c)
{
	unsigned at = test_count++;

	if (at == TEST_MAX)
		abort();
	for (; at > 0 && test_cases[at - 1].number > c->number; at--)
		test_cases[at] = test_cases[at - 1];
	test_cases[at] = *c;
}

static inline int test_call(test_fixture fixture)
{
	if (fixture != NULL)
		fixture();
	return 0;
}

static inline int test_set_up(void **state)
{
	return test_call(((struct test_case *)*state)->set_up);
}

static inline int test_tear_down(void **state)
{
	return test_call(((struct test_case *)*state)->tear_down);
}

static inline int test_first(__attribute__((unused)) void **state)
{
	return test_call(test_program->first);
}

static inline int test_last(__attribute__((unused)) void **state)
{
	return test_call(test_program->last);
}

static inline int test_run(const struct test_group *g)
{
	static struct CMUnitTest all[TEST_MAX];

	test_program = g;
	if (g->quiet)
		log_set_level(LOG_LEVEL_ERR - 1);
	for (unsigned i = 0; i < test_count; i++) {
		struct test_case *c = &test_cases[i];

		if (!c->own) {
			c->set_up = g->set_up;
			c->tear_down = g->tear_down;
		}
		all[i] = (struct CMUnitTest){ c->name, c->body, test_set_up, test_tear_down, c };
	}
	return _cmocka_run_group_tests(g->name, all, test_count, test_first, test_last);
}

static inline int test_main(int argc, char **argv, const struct test_group *g)
{
	if (g->decoder != NULL && argc > 0 && strcmp(argv[0], "keelboot-decoder") == 0)
		return g->decoder();
	return test_run(g);
}

/* A text for the next call; there is room for eight of them at a time. */
static inline __attribute__((format(printf, 1, 2))) const char *strf(const char *fmt, ...)
{
	static char text[8][4096];
	static unsigned n;
	va_list ap;

	n = (n + 1) % 8;
	va_start(ap, fmt);
	assert_in_range(vsnprintf(text[n], sizeof(text[n]), fmt, ap), 0, sizeof(text[n]) - 1);
	va_end(ap);
	return text[n];
}

/* Of a child that ends by itself. */
static inline int test_exit_code(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
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

static inline void test_number(uintmax_t is, uintmax_t want, const char *what, const char *where,
			       int line)
{
	if (is == want)
		return;
	print_error("%s: %jd (0x%jx), not %jd (0x%jx)\n", what, (intmax_t)is, is, (intmax_t)want,
		    want);
	_fail(where, line);
}

static inline void test_text(const char *is, const char *want, const char *what, const char *where,
			     int line)
{
	if (strcmp(is, want) == 0)
		return;
	print_error("%s: \"%s\", not \"%s\"\n", what, is, want);
	_fail(where, line);
}

#define TEST_PAIR(is, want) \
	_Generic((is), char *: test_text, const char *: test_text, default: test_number)(   \
		is, want, #is, __FILE__, __LINE__)
#define TEST_1(pair)				   TEST_PAIR pair
#define TEST_2(pair, ...)			   TEST_PAIR pair, TEST_1(__VA_ARGS__)
#define TEST_3(pair, ...)			   TEST_PAIR pair, TEST_2(__VA_ARGS__)
#define TEST_4(pair, ...)			   TEST_PAIR pair, TEST_3(__VA_ARGS__)
#define TEST_5(pair, ...)			   TEST_PAIR pair, TEST_4(__VA_ARGS__)
#define TEST_6(pair, ...)			   TEST_PAIR pair, TEST_5(__VA_ARGS__)
#define TEST_7(pair, ...)			   TEST_PAIR pair, TEST_6(__VA_ARGS__)
#define TEST_8(pair, ...)			   TEST_PAIR pair, TEST_7(__VA_ARGS__)
#define TEST_NTH(a, b, c, d, e, f, g, h, nth, ...) nth

/* Pairs of what is and what must be: numbers or texts, up to eight. */
#define EQUAL(...)                                                                     \
	(TEST_NTH(__VA_ARGS__, TEST_8, TEST_7, TEST_6, TEST_5, TEST_4, TEST_3, TEST_2, \
		  TEST_1)(__VA_ARGS__))

#define TEST_CASE(name, ...)                                                            \
	static void name(void **);                                                      \
	static __attribute__((constructor)) void test_add_##name(void)                  \
	{                                                                               \
		test_add(&(struct test_case){ #name, name, __COUNTER__, __VA_ARGS__ }); \
	}                                                                               \
	static void name(__attribute__((unused)) void **test_state)

/* A case, with the fixture that TEST_MAIN() names; or with one of its own. */
#define TEST(name)		  TEST_CASE(name, false, NULL, NULL)
#define TEST_WITH(name, up, down) TEST_CASE(name, true, up, down)

#define TEST_RUN(...) test_run(&(struct test_group){ .name = __VA_ARGS__ })
#define TEST_MAIN(...)                                                                     \
	int main(int argc, char **argv)                                                    \
	{                                                                                  \
		return test_main(argc, argv, &(struct test_group){ .name = __VA_ARGS__ }); \
	}

/* The C library's, or OpenSSL's, where this program puts its own in front. Not of one with an
 * offset or a time: where a register has 32 bits, that name is of another function (raw.h has
 * some). */
#define TEST_REAL(function) ((__typeof__(function) *)(uintptr_t)dlsym(RTLD_NEXT, #function))

#define OK(call)	   test_expect(call, KB_OK, #call, __FILE__, __LINE__)
#define FAILS(call, error) test_expect(call, error, #call, __FILE__, __LINE__)
