/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded into a cmocka program: of its cases only the one that ONE_CASE names runs. What the
 * program starts does not get it.
 */
#include <stdlib.h>

extern void cmocka_set_test_filter(const char *pattern) __attribute__((weak));

static __attribute__((constructor)) void choose(void)
{
	const char *name = getenv("ONE_CASE");

	if (name != NULL && cmocka_set_test_filter != NULL)
		cmocka_set_test_filter(name);
	unsetenv("ONE_CASE");
	unsetenv("LD_PRELOAD");
}
