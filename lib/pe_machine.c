/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/pe_machine.h"

#include "lib/bytes.h"
#include "lib/util.h"

#include <string.h>

#define HEAD_LEN 64u /* of the head for DOS, whose last field says where the other one is */
#define MARK_LEN 4u  /* "PE\0\0" before the field Machine */

/* Within a family one may start what is for another: a kernel of 64 bits runs programs of 32. */
static const struct {
	uint16_t machine, family;
	const char *name;
} known[] = {
	{ PE_X86_64, PE_I386, "x86-64" },     { PE_I386, PE_I386, "x86" },
	{ PE_AARCH64, PE_ARM, "AArch64" },    { PE_ARM, PE_ARM, "32-bit ARM" },
	{ PE_RISCV64, PE_RISCV64, "RISC-V" },
};

uint16_t pe_machine(const uint8_t *head, size_t len)
{
	uint32_t at = len >= HEAD_LEN && memcmp(head, "MZ", 2) == 0 ? bytes_get32(head + 60) : 0;

	if (at < HEAD_LEN || at > len - MARK_LEN - 2 || memcmp(head + at, "PE\0\0", MARK_LEN) != 0)
		return 0;
	return bytes_get16(head + at + MARK_LEN);
}

static uint16_t family_of(uint16_t machine)
{
	for (size_t i = 0; i < KB_ARRAY_LEN(known); i++)
		if (known[i].machine == machine)
			return known[i].family;
	return machine;
}

bool pe_machine_fits(uint16_t machine, uint16_t processor)
{
	return machine == 0 || processor == 0 || family_of(machine) == family_of(processor);
}

const char *pe_machine_name(uint16_t machine)
{
	for (size_t i = 0; i < KB_ARRAY_LEN(known); i++)
		if (known[i].machine == machine)
			return known[i].name;
	return "another processor";
}
