/* SPDX-License-Identifier: Apache-2.0 */
/* syscall() in the place of the C library's, which does not use it itself: what the test does not
 * answer goes on to the kernel. */
#pragma once

#include "tests/unit/test.h"

#include <stdarg.h>
#include <sys/syscall.h>

/* Of the test: true if it answers this call, with *result, and errno if that is -1. */
static bool syscall_answers(long number, const long arg[6], long *result);

/* Whoever calls it need not give six: what else is read goes nowhere. */
__attribute__((no_sanitize("address"))) long syscall(long number, ...)
{
	__typeof__(syscall) *real = TEST_REAL(syscall);
	long arg[6], result;
	va_list ap;

	va_start(ap, number);
	for (unsigned i = 0; i < 6; i++)
		arg[i] = va_arg(ap, long);
	va_end(ap);
	if (syscall_answers(number, arg, &result))
		return result;
	return real(number, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
}
