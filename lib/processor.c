/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/processor.h"

#include "lib/pe_machine.h"
#include "lib/util.h"

#include <string.h>

static const struct {
	const char *name;
	/* whose programs its kernel starts, too; NULL: of no other */
	const char *also;
	/* 0: UEFI does not have it */
	uint16_t pe;
} known[] = {
	{ "x86_64", "i386", PE_X86_64 },  { "i386", NULL, PE_I386 },
	{ "aarch64", "arm", PE_AARCH64 }, { "arm", NULL, PE_ARM },
	{ "riscv64", NULL, PE_RISCV64 },  { "s390x", NULL, 0 },
};

static size_t find_known(const char *name)
{
	size_t i = 0;

	while (i < KB_ARRAY_LEN(known) && strcmp(known[i].name, name) != 0)
		i++;
	return i;
}

bool processor_is_known(const char *name)
{
	return find_known(name) < KB_ARRAY_LEN(known);
}

/* i386 to i686 */
static bool is_x86_32(const char *machine)
{
	return machine[0] == 'i' && machine[1] >= '3' && machine[1] <= '6' &&
	       strcmp(machine + 2, "86") == 0;
}

/* armv7l, armv8l and others; those that end with b have their bytes in the other order. */
static bool is_arm_32(const char *machine)
{
	return strncmp(machine, "armv", 4) == 0 && machine[strlen(machine) - 1] == 'l';
}

const char *processor_of_kernel(const char *machine)
{
	size_t i;

	if (is_x86_32(machine))
		machine = "i386";
	else if (is_arm_32(machine))
		machine = "arm";
	i = find_known(machine);
	return i < KB_ARRAY_LEN(known) ? known[i].name : NULL;
}

const char *processor_of_pe(uint16_t machine)
{
	for (size_t i = 0; machine != 0 && i < KB_ARRAY_LEN(known); i++)
		if (known[i].pe == machine)
			return known[i].name;
	return NULL;
}

bool processor_runs(const char *kernel, const char *program)
{
	size_t i = find_known(kernel);

	if (i == KB_ARRAY_LEN(known))
		return false;
	return strcmp(kernel, program) == 0 ||
	       (known[i].also != NULL && strcmp(known[i].also, program) == 0);
}

const char *processor_of_device(const char *machine, const char *program)
{
	const char *its = processor_of_kernel(machine);

	return its != NULL && processor_runs(its, program) ? its : program;
}
