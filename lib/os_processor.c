/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/os_processor.h"

#include "lib/pe_machine.h"

#include <stdio.h>
#include <sys/utsname.h>

#if defined(__x86_64__)
#define NAME "x86_64"
#define PE   PE_X86_64
#elif defined(__i386__)
#define NAME "i386"
#define PE   PE_I386
#elif defined(__aarch64__)
#define NAME "aarch64"
#define PE   PE_AARCH64
#elif defined(__arm__)
#define NAME "arm"
#define PE   PE_ARM
#elif defined(__riscv) && __riscv_xlen == 64
#define NAME "riscv64"
#define PE   PE_RISCV64
#elif defined(__s390x__)
#define NAME "s390x"
#define PE   0
#else
/* No release names it: processor= refuses, as a name does that is not known. */
#define NAME "another"
#define PE   0
#endif

uint16_t os_processor(void)
{
	return PE;
}

const char *os_processor_program(void)
{
	return NAME;
}

void os_processor_kernel(char machine[OS_PROCESSOR_MAX])
{
	struct utsname u;

	machine[0] = '\0';
	if (uname(&u) == 0)
		snprintf(machine, OS_PROCESSOR_MAX, "%s", u.machine);
}
