/* SPDX-License-Identifier: Apache-2.0 */
/* What takes the decoder every right but computing, talking on one socket, and reading the seed. */
#pragma once

#include "lib/err.h"

/*
 * Enters the cage (lib/cage.h) with the descriptors 0-2, OS_WORKER_SOCK, OS_WORKER_SHARED and, if
 * one was given, OS_WORKER_GIVEN.
 * Logs what cannot be given up: KB_EPERM.
 */
enum kb_err decoder_limits_privileges(void) KB_MUST_CHECK;

/*
 * Closes 0-2 and the shared memory's descriptor, then lets the kernel kill this process for every
 * system call but sending and receiving on OS_WORKER_SOCK, reading at a place of OS_WORKER_GIVEN,
 * and the end. KB_EPERM: the kernel has no seccomp filters (CONFIG_SECCOMP_FILTER); nothing hostile
 * may be decoded then.
 */
enum kb_err decoder_limits_syscalls(void) KB_MUST_CHECK;
