/* SPDX-License-Identifier: Apache-2.0 */
/* The guardian's hands on a device. */
#pragma once

#include "initramfs/guardian/guardian.h"
#include "initramfs/guardian/guardian_words.h"

#include <sys/types.h>

struct guardian_linux {
	struct guardian_attempt attempt;
	uint32_t watchdog_s;
	/* that runs; 0: none */
	pid_t job;
	/* it writes last words, which are these */
	bool notes;
	struct guardian_words words;
	/* of struct guardian_setup */
	const char *program;
};

extern const struct guardian_ops guardian_linux_ops; /* ctx: struct guardian_linux */

/* Memory, signals, out-of-memory killer, log. Call it first. Failures cost protection, no more. */
void guardian_linux_init(const struct guardian_setup *setup);

/* True once process 1 is on its way down: systemd-shutdown, or sysvinit in runlevel 0 or 6. proc: a
 * descriptor of /proc. */
bool guardian_linux_shutting_down(int proc);

/* True if that way ends in a power-off, as far as it can be known: systemd tells only at its very
 * end. Reads memory of process 1, which may have to come from a disk: for jobs. */
bool guardian_linux_powering_off(int proc);

/* How process 1 is asked to reboot: SIGINT, or what systemd has for it. run: a descriptor of
 * /run/keelboot. */
int guardian_linux_reboot_signal(int proc, int run);
