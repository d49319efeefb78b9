/* SPDX-License-Identifier: Apache-2.0 */
/* What takes a process every right but computing, and talking on one socket. */
#pragma once

#include "lib/err.h"

#include <linux/audit.h>

#if defined(__x86_64__)
#define DECODER_LIMITS_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define DECODER_LIMITS_ARCH AUDIT_ARCH_AARCH64
#else
#error "decoder_limits.h: add the AUDIT_ARCH_* of this processor, if it is little-endian"
#endif

/*
 * Gives up, for good: capabilities (the bounding set too), user and groups when root, new
 * privileges, descriptors but 0-2, DECODER_WIRE_SOCK and DECODER_WIRE_SHARED, memory, files,
 * processes; dies with its parent. Logs what cannot be given up: KB_EPERM.
 */
enum kb_err decoder_limits_privileges(void) KB_MUST_CHECK;

/*
 * Closes 0-2 and the shared memory's descriptor, then lets the kernel kill this process for every
 * system call but sending and receiving on DECODER_WIRE_SOCK, and the end. KB_EPERM: the kernel has
 * no seccomp filters (CONFIG_SECCOMP_FILTER); nothing hostile may be decoded then.
 */
enum kb_err decoder_limits_syscalls(void) KB_MUST_CHECK;
