/* SPDX-License-Identifier: Apache-2.0 */
/* An instruction that does nothing, and that kbcount.so reports when it runs. */
#pragma once

#define MARK(n) __asm__ volatile("nopl 0x4b07b0" n "(%%rax,%%rax,1)" ::: "memory")
