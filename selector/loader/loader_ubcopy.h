/* SPDX-License-Identifier: Apache-2.0 */
/* A copy of U-Boot's environment as it lies on its device: what libubootenv reads, and shows to no
 * one. An MTD is not looked at. */
#pragma once

#include "selector/loader/loader_fwenv.h"

struct loader_ubcopy {
	/* its checksum is right; else nothing here counts */
	bool sound;
	/* of two that are sound, the higher one is newer, but 0 behind 255; of equal ones, the
	 * first */
	uint8_t count;
	uint32_t checksum;
	/* The attributes of variables, "ethaddr:ma,serial#:so"; "": there are none. Good until the
	 * next copy is read. */
	const char *flags;
};

/* KB_EINVAL: it lies on an MTD, or beyond what can be read of its device. Other errors: it cannot
 * be read. */
enum kb_err loader_ubcopy_read(struct loader_ubcopy *is,
			       const struct loader_fwenv_copy *copy) KB_MUST_CHECK;

/* Makes it readable, with a checksum that is wrong. KB_EINVAL: other things lie in its pages, or as
 * above. */
enum kb_err loader_ubcopy_clear(const struct loader_fwenv_copy *copy) KB_MUST_CHECK;

/* Whether these attributes have some of that variable. What libubootenv reads, and maybe more.
 * PURE. */
bool loader_ubcopy_has(const char *flags, const char *name);
