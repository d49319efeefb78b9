/* SPDX-License-Identifier: Apache-2.0 */
/* How much memory the kernel has to give. Process 1 links none of it. */
#pragma once

#include <stdint.h>

/* Bytes that programs, or the page cache, could take now without anything being swapped out: an
 * estimate of the kernel's. 0: the kernel does not say. */
uint64_t os_memory_available(void);
