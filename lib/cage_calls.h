/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the cages have to know of a processor, in one place: a block of the first table is all that
 * a new one takes. System calls that stand in no block have one name and one order of arguments.
 *
 * CAGE_ARCH: the kernel's name of the processor and its byte order.
 * CAGE_PROCESSOR(of): calls that only some have, and that no caged process makes.
 * CAGE_X32(of, call): the same call by the number of another calling convention, if there is one.
 * CAGE_STARTS: rules for calls without which no program starts, and whose numbers are not among the
 * others.
 * CAGE_CLONE_FLAGS: the argument of clone() that holds its flags.
 * CAGE_MAPS: the rule for memory that is no program.
 */
#pragma once

#include <errno.h>
#include <linux/audit.h>
#include <linux/net.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#ifndef SYS_mount_setattr /* Linux 5.12 */
#define SYS_mount_setattr 442
#endif

#define CAGE_GOES(call)                 \
	{                               \
		call, CAGE_ALWAYS, 0, 0 \
	}

#if defined(__x86_64__) && !defined(__ILP32__)
#define CAGE_ARCH AUDIT_ARCH_X86_64
#define CAGE_PROCESSOR(of)                                                               \
	of(SYS_accept) of(SYS_kexec_file_load) of(SYS_ioperm) of(SYS_iopl) of(SYS_mknod) \
		of(SYS_modify_ldt)
#define CAGE_X32(of, call) of(0x40000000 + (call))
#elif defined(__i386__)
#define CAGE_ARCH AUDIT_ARCH_I386
#define CAGE_PROCESSOR(of)                                                                        \
	of(SYS_ioperm) of(SYS_iopl) of(SYS_mknod) of(SYS_modify_ldt) of(SYS_vm86old) of(SYS_vm86) \
		of(SYS_stime) of(SYS_clock_settime64)
#elif defined(__aarch64__) && defined(__LP64__)
#define CAGE_ARCH	   AUDIT_ARCH_AARCH64
#define CAGE_PROCESSOR(of) of(SYS_accept) of(SYS_kexec_file_load)
#elif defined(__arm__) && defined(__ARM_EABI__) && !defined(__ARMEB__)
#define CAGE_ARCH AUDIT_ARCH_ARM
#define CAGE_PROCESSOR(of)                                                            \
	of(SYS_accept) of(SYS_kexec_file_load) of(SYS_mknod) of(SYS_pciconfig_iobase) \
		of(SYS_pciconfig_read) of(SYS_pciconfig_write) of(SYS_clock_settime64)
#define CAGE_STARTS CAGE_GOES(__ARM_NR_set_tls),
#elif defined(__riscv) && defined(__LP64__)
#define CAGE_ARCH	   AUDIT_ARCH_RISCV64
#define CAGE_PROCESSOR(of) of(SYS_accept) of(SYS_kexec_file_load)
#elif defined(__s390x__)
#define CAGE_ARCH AUDIT_ARCH_S390X
#define CAGE_PROCESSOR(of)                                               \
	of(SYS_kexec_file_load) of(SYS_mknod) of(SYS_s390_pci_mmio_read) \
		of(SYS_s390_pci_mmio_write) of(SYS_s390_runtime_instr)
#define CAGE_CLONE_FLAGS 1
/* Its arguments lie in memory, where no filter sees them: malloc() does without. */
#define CAGE_MAPS                                \
	{                                        \
		SYS_mmap, CAGE_ABSENT, 0, ENOMEM \
	}
#else
#error "lib/cage_calls.h: this processor has no block yet: docs/PROCESSORS.md says how to add one"
#endif

#ifndef CAGE_X32
#define CAGE_X32(of, call)
#endif
#ifndef CAGE_STARTS
#define CAGE_STARTS
#endif
#ifndef CAGE_CLONE_FLAGS
#define CAGE_CLONE_FLAGS 0
#endif

/* What a C library calls for the same work, where registers have 32 bits: an offset takes two of
 * them, and a time has 64 bits from Linux 5.1 on. */
#ifdef __LP64__
#define CAGE_LSEEK   SYS_lseek
#define CAGE_FCNTL   SYS_fcntl
#define CAGE_MMAP    SYS_mmap
#define CAGE_FADVISE SYS_fadvise64
#define CAGE_STAT    CAGE_GOES(SYS_fstat), CAGE_GOES(SYS_newfstatat)
#define CAGE_CLOCK   CAGE_GOES(SYS_clock_gettime)
#else
#define CAGE_LSEEK SYS__llseek
#define CAGE_FCNTL SYS_fcntl64
#define CAGE_MMAP  SYS_mmap2
#define CAGE_STAT  CAGE_GOES(SYS_statx)
#define CAGE_CLOCK CAGE_GOES(SYS_clock_gettime64), CAGE_GOES(SYS_clock_gettime)
#ifdef SYS_arm_fadvise64_64
#define CAGE_FADVISE SYS_arm_fadvise64_64
#else
#define CAGE_FADVISE SYS_fadvise64_64
#endif
#endif

#ifndef CAGE_MAPS
#define CAGE_MAPS                                     \
	{                                             \
		CAGE_MMAP, CAGE_WITHOUT, 2, PROT_EXEC \
	}
#endif

/* Old processors have one call for all that is done with sockets, and their C library uses it: only
 * which work it is can be seen, and not on which socket. */
#ifdef SYS_socketcall
#define CAGE_SOCKETCALL(of) of(SYS_socketcall)
#else
#define CAGE_SOCKETCALL(of)
#endif

/* Where in struct seccomp_data the half of an argument is that an int has. */
#define CAGE_ARG(n)                                                  \
	((uint32_t)(offsetof(struct seccomp_data, args) + 8u * (n) + \
		    (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4u : 0u)))
