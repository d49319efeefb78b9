/* SPDX-License-Identifier: Apache-2.0 */
/* What a trace of slots needs that have a kernel each, which a boot loader starts. */
#pragma once

#include "tests/trace/applies.h"

#define LOADER "keelboot-loader"
#define SLOTS                                                      \
	"[system]\ncompatible=trace\n"                             \
	"[slot.a]\nroot=PARTLABEL=root-a\nboot=PARTLABEL=boot-a\n" \
	"[slot.b]\nroot=PARTLABEL=root-b\nboot=PARTLABEL=boot-b\n"

/* What the loader's store is asked, and what it says. */
static inline void loader_says(const char *verb, const char *text, int exit_code)
{
	machine_child_says(LOADER, verb, text, exit_code);
}

/* fstype NULL: there is none. */
static inline void add_partition(const char *label, const char *fstype)
{
	machine.disk.part[machine.disk.nparts++] =
		(struct os_sim_part){ .partlabel = label, .fstype = fstype, .size = 96 * MIB };
}

/* The command line tools are told where the store is, and whose kernel runs. */
static inline void devices_have(const char *text)
{
	if (strstr(os_sim_text("/run/keelboot/devices"), text) == NULL)
		fail_msg("%s", os_sim_text("/run/keelboot/devices"));
}
