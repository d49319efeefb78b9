/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A shell on the console, for a person who looks for a fault. Only an initramfs that was made with
 * `keelboot image build --debug-shell` has one, and only with keelboot.shell=1 is it opened: beside
 * a rescue, and before a restart. It is a child like any other: the boot goes on without it, and it
 * has a limit.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define SHELL_MARKER  "/etc/keelboot/debug-shell" /* in the initramfs */
#define SHELL_PROGRAM "/bin/sh"
#define SHELL_LIMIT_S 1800 /* that a restart waits for it */

struct boot;

/* Of one boot; zeroed at its start. */
struct shell {
	/* the initramfs has one */
	bool packed;
	/* in this boot */
	bool opened;
	/* 0: it does not run */
	pid_t pid;
	uint64_t end_ms;
};

/* Whether this initramfs has one, and warns of it; or that keelboot.shell=1 asks for one in vain.
 */
void shell_look(struct boot *b);

/* What is wrong with keelboot.shell= in this initramfs, for boot.json; NULL: nothing. */
const char *shell_finding(const struct boot *b);

/* Opens it, once in a boot, if there is one and it is asked for. */
void shell_open(struct boot *b);

/* Before a restart: waits until it ends, at most until its limit, and feeds the watchdog. */
void shell_await(struct boot *b);

/* Ends it with all that it started: a root is entered. */
void shell_end(struct boot *b);
