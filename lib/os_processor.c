/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/os_processor.h"

#include "lib/pe_machine.h"

uint16_t os_processor(void)
{
#if defined(__x86_64__)
	return PE_X86_64;
#elif defined(__i386__)
	return PE_I386;
#elif defined(__aarch64__)
	return PE_AARCH64;
#elif defined(__arm__)
	return PE_ARM;
#elif defined(__riscv) && __riscv_xlen == 64
	return PE_RISCV64;
#else
	return 0;
#endif
}
