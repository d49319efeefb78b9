/* SPDX-License-Identifier: Apache-2.0 */
/* The processor that this program was built for, and that of the kernel. Process 1 links none of
 * it. */
#pragma once

#include <stdint.h>

#define OS_PROCESSOR_MAX 65u /* of a name, with its end */

/* As programs of UEFI name it in their field Machine (lib/pe_machine.h); 0: they have no name for
 * it. */
uint16_t os_processor(void);

/* The program's, as a release names it (lib/processor.h). */
const char *os_processor_program(void);

/* As the running kernel calls itself (`uname -m`); "": it does not say. */
void os_processor_kernel(char machine[OS_PROCESSOR_MAX]);
