/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs only those tests of a program whose names match $KEELBOOT_TESTS, a pattern with * and ?.
 * What the program starts does not get it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

__attribute__((constructor)) static void filter(void)
{
	const char *pattern = getenv("KEELBOOT_TESTS");

	if (pattern != NULL)
		cmocka_set_test_filter(pattern);
	unsetenv("KEELBOOT_TESTS");
}
