/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is to lie above the slot: decided in the initramfs, which knows the slots, and carried out
 * by whoever is process 1 in the slot. Between them it is the text of OVERLAY_PLAN_FILE.
 */
#pragma once

#include "lib/err.h"

#include <stdbool.h>
#include <stddef.h>

#define OVERLAY_PLAN_FILE    "/run/keelboot/overlay"
#define OVERLAY_PLAN_TMPFS   "tmpfs"
#define OVERLAY_PLAN_UNSURE  "auto"    /* the word of devices.h: nobody could look at it */
#define OVERLAY_PLAN_SEVERAL "several" /* and that of several file systems */
#define OVERLAY_PLAN_SLOTS   8
#define OVERLAY_PLAN_RELEASE 39
#define OVERLAY_PLAN_TEXT    127
#define OVERLAY_PLAN_MAX     1024 /* bytes of the text */

struct overlay_plan {
	/* OVERLAY_PLAN_TMPFS, or the partition */
	char upper[OVERLAY_PLAN_TEXT + 1];
	/* of the partition; "": it has no file system */
	char fstype[32];
	/* of the tmpfs, as its option size= has it */
	char size[16];
	/* folder of the release that boots */
	char release[OVERLAY_PLAN_RELEASE + 1];
	/* Folders of the releases that slots hold. */
	unsigned nkeep;
	char keep[OVERLAY_PLAN_SLOTS][OVERLAY_PLAN_RELEASE + 1];
	/* Those are known for certain: the folders of all others may go. */
	bool sweep;
	/* the real init */
	char init[OVERLAY_PLAN_TEXT + 1];
};

/* Returns the length of the text, which is shorter than OVERLAY_PLAN_MAX. PURE. */
size_t overlay_plan_format(const struct overlay_plan *p, char text[OVERLAY_PLAN_MAX]);

/* KB_EFORMAT: something is missing, too long, or leads out of its folder. PURE. */
enum kb_err overlay_plan_parse(struct overlay_plan *p, const char *text) KB_MUST_CHECK;

/* True for what names the folder of a release: "r-" and hexadecimal digits, or "slot-a". PURE. */
bool overlay_plan_is_release(const char *name);
