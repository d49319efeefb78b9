/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two copies of a boot loader, in the boot areas of an eMMC. The eMMC says which one the SoC
 * starts. Where that does not start, the SoC takes the other one: system.conf says so by [loader]
 * copies=, since nobody else knows it. Which one runs is known by the text of its version.
 */
#pragma once

#include "lib/emmc.h"

#include <stddef.h>

#define COPIES_VERSION_MAX 127u /* bytes; at least VERSION_TEXT_MIN */
#define COPIES_PATH	   192u
#define COPIES_WHY	   240u

enum copies_runs {
	COPIES_RUNS_UNKNOWN, /* the loader does not say its version, or no copy has it, or both have
				it and differ */
	COPIES_RUNS_SET,     /* that which the eMMC is set to: it is confirmed */
	COPIES_RUNS_OTHER,   /* the other one */
};

/* Bytes of an area that are U-Boot's environment. Multiples of BDEV_ALIGN. */
struct copies_kept {
	unsigned area;
	uint64_t from, to;
};

struct copies {
	/* set by the caller: "/dev/mmcblk0"; before /dev, /sys and /proc: "" */
	const char *disk, *sys_root;
	/* fw_env.config(5), which may be missing unless system.conf speaks of it; NULL: nobody has
	 * one */
	const char *environment;
	bool environment_named;
	/* found */
	struct emmc emmc;
	/* indices of areas */
	unsigned set, other;
	/* false: that file is not understood, or it names a place beyond an area */
	bool knows_environment;
	unsigned nkept;
	struct copies_kept kept[2];
	enum copies_runs runs;
	/* of the loader that runs, as it says it; "" */
	char version[COPIES_VERSION_MAX + 1];
	/* after a failure, for a person */
	char why[COPIES_WHY];
};

/*
 * Looks at the registers; reads no copy, so c->runs is unknown. Errors as below.
 */
enum kb_err copies_look_at_registers(struct copies *c) KB_MUST_CHECK;

/*
 * Looks at both copies; writes nothing. KB_ENODEV: there are no two areas; KB_ECOMPAT: the eMMC is
 * set to start from none of them; KB_EIO and other errors: it cannot be read. c->why says it.
 */
enum kb_err copies_look(struct copies *c) KB_MUST_CHECK;

/* What keeps anybody from writing an area; "1" or "0" are in it. */
void copies_force_ro(const struct copies *c, unsigned area, char path[COPIES_PATH]);

/* c->why. */
enum kb_err copies_fail(struct copies *c, enum kb_err err, const char *fmt, ...) KB_MUST_CHECK
	__attribute__((format(printf, 3, 4)));
