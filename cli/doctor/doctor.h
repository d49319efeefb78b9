/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `keelboot doctor`: what on this device would keep Keelboot's promises from being kept, and what
 * to do about it. It looks only: nothing is written, and no watchdog is opened, which would arm it.
 */
#pragma once

#include "cli/status/status.h"
#include "kernel-cmdline/cmdline.h"

#define DOCTOR_FINDINGS_MAX 64
#define DOCTOR_TEXT_LEN	    240

enum doctor_severity {
	DOCTOR_NOTE,	/* worth knowing */
	DOCTOR_WARNING, /* something is weaker than it could be */
	DOCTOR_ERROR,	/* a promise does not hold */
};

struct doctor_finding {
	enum doctor_severity severity;
	/* a word that scripts may rely on */
	const char *id;
	char text[DOCTOR_TEXT_LEN], fix[DOCTOR_TEXT_LEN];
};

enum doctor_known {
	DOCTOR_UNKNOWN,
	DOCTOR_NO,
	DOCTOR_YES,
};

/* The boot loader's half, said either way. */
struct doctor_facts {
	/* "GRUB"; NULL: this is no device with slots */
	const char *loader;
	/* what it counts; NULL: nothing */
	const char *counts;
	/* from a kernel on trial that does not start */
	enum doctor_known falls_back;
	/* it, or the firmware, arms a watchdog before it starts the kernel */
	enum doctor_known watchdog;
	/* the file by which that is known; "": none was found */
	char config[160];
};

struct doctor {
	struct device *d;
	/* before /proc, /sys, /run/systemd and /boot; "" */
	const char *sys_root;
	struct status st;
	struct cmdline cmd;
	struct doctor_facts facts;
	unsigned n;
	struct doctor_finding finding[DOCTOR_FINDINGS_MAX];
};

/* Adds a finding; fix is what to do about it. Findings that exceed the room are dropped. */
void doctor_report(struct doctor *doc, enum doctor_severity severity, const char *id,
		   const char *fix, const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* Reads a small file below sys_root, its last newline cut; false when it cannot be read. */
bool doctor_read(const struct doctor *doc, const char *path, char *text, size_t size);

/* The value of a line "KEY VALUE" of what the boot found; false if there is none. */
bool doctor_boot_device(const struct doctor *doc, const char *key, char *value, size_t size);

bool doctor_exists(const struct doctor *doc, const char *path);
