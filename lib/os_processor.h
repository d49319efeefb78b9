/* SPDX-License-Identifier: Apache-2.0 */
/* The processor that this program was built for. */
#pragma once

#include <stdint.h>

/* As programs of UEFI name it in their field Machine (lib/pe_machine.h); 0: they have no name for
 * it. */
uint16_t os_processor(void);
