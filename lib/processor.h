/* SPDX-License-Identifier: Apache-2.0 */
/* Processors by the names that a release has for them (docs/FORMAT.md): those of `uname -m`, one
 * for each family. The one list of them. PURE. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* For a person. */
#define PROCESSOR_NAMES "x86_64, i386, aarch64, arm, riscv64 or s390x"

bool processor_is_known(const char *name);

/* Of a kernel that calls itself so (`uname -m`); NULL: of none in the list. */
const char *processor_of_kernel(const char *machine);

/* Of a program of UEFI with that field Machine (lib/pe_machine.h); NULL: of none in the list. */
const char *processor_of_pe(uint16_t machine);

/* Whether a kernel for one processor starts programs for another, or for the same: one of 64 bits
 * starts those of 32 bits, too. */
bool processor_runs(const char *kernel, const char *program);

/* What a device is, whose kernel calls itself so, and on which a program for that processor runs.
 * Where the kernel says something that could not start it, the program is right: setarch(8) makes a
 * kernel of 64 bits say that it is one of 32. */
const char *processor_of_device(const char *machine, const char *program);
