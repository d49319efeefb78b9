/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EFI Boot Guard: two environments, each on the partition that has a slot's kernel. The newest that
 * is no trial is `default`; one that is newer and INSTALLED is `once`. See loader.h, and
 * loader_bgplan.h for the order of writes.
 */
#pragma once

#include "selector/loader/loader_bgplan.h"

enum kb_err loader_efibg_read(struct loader *l, struct loader_choice *c) KB_MUST_CHECK;
enum kb_err loader_efibg_write(struct loader *l, const struct loader_choice *c) KB_MUST_CHECK;

/* By the file that the stub of a unified kernel image was started from. KB_ENOENT: it says none;
 * then the kernel's command line may. */
enum kb_err loader_efibg_booted(struct loader *l, int *slot) KB_MUST_CHECK;

/* The environments as they are, for a person. */
struct loader_efibg_is {
	struct loader_bgplan plan;
	/* whose partition each of them lies on */
	int8_t lies[LOADER_BGPLAN_COPIES];
	/* that which is started once, or -1 */
	int pending;
};
enum kb_err loader_efibg_look(struct loader *l, struct loader_efibg_is *is) KB_MUST_CHECK;
