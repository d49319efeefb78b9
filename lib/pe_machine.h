/* SPDX-License-Identifier: Apache-2.0 */
/* For which processor a program of UEFI (PE) is: a unified kernel image, or a kernel that can be
 * one as well. PURE. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PE_I386	   0x014cu
#define PE_ARM	   0x01c2u
#define PE_X86_64  0x8664u
#define PE_AARCH64 0xaa64u
#define PE_RISCV64 0x5064u

/* Its field Machine, by its first len bytes; 0: it is no such program. */
uint16_t pe_machine(const uint8_t *head, size_t len);

/* False: no device on which a program for that processor runs can start it. */
bool pe_machine_fits(uint16_t machine, uint16_t processor);

/* What a person calls it; one that is not known: "another processor". */
const char *pe_machine_name(uint16_t machine);
