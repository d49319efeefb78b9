/* SPDX-License-Identifier: Apache-2.0 */
/* What a trace of slots needs that have a kernel each, which the one that a boot loader starts
 * loads. */
#pragma once

#include "tests/trace/machine.h"
#include "update/wire/kexec_end.h"

#define CHILD "keelboot-kexec"
#define LOADS "spawn " CHILD " /sysroot "
#define CONF  "[system]\ncompatible=trace\n[loader]\nkind=kexec\n"
#define TYPE  "/proc/sys/kernel/bootloader_type"

#define PMSG   "/dev/pmsg0"
#define RECORD "/sys/fs/pstore/pmsg-ramoops-0"
#define COOKIE "Keelboot was here\n"
#define MARK   "Keelboot starts another kernel\n"

/* Hardware that reports hangs and panics, of a kernel before its init, too. */
static inline void kexecs_set_up(void)
{
	machine_set_up();
	machine.conf = CONF;
	machine.cmdline = "quiet panic=10\n";
	os_sim_file(PMSG, "");
}

static inline void kernel_of(const char *slot, int exit_code, const char *says)
{
	machine_child_says(CHILD, slot, says, exit_code);
}

static inline void kernels_load(void)
{
	kernel_of("a", KEXEC_LOADED, "");
	kernel_of("b", KEXEC_LOADED, "");
}

/* The kernel that was loaded starts: nothing was reset, and the watchdog runs. */
static inline void starts(const char *cmdline)
{
	machine_restart();
	machine.cmdline = cmdline;
	os_sim_file(TYPE, "208\n");
	os_sim_file(PMSG, "");
}

static inline void reset(void)
{
	machine_restart();
	machine.cmdline = "quiet panic=10\n";
	os_sim_file(PMSG, "");
}
