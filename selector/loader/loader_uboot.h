/* SPDX-License-Identifier: Apache-2.0 */
/*
 * U-Boot's environment, by libubootenv: the variables keelboot_default and keelboot_once, and the
 * count of its own. It must be redundant: of one copy alone a power cut in a write would leave
 * nothing. See loader.h.
 */
#pragma once

#include "selector/loader/loader.h"

enum kb_err loader_uboot_read(struct loader *l, struct loader_choice *c) KB_MUST_CHECK;
enum kb_err loader_uboot_write(struct loader *l, const struct loader_choice *c) KB_MUST_CHECK;

/* Calls visit with each variable that U-Boot has. Errors as of loader_read(). */
typedef void (*loader_uboot_visit)(void *ctx, const char *name, const char *value);
enum kb_err loader_uboot_each(struct loader *l, loader_uboot_visit visit, void *ctx) KB_MUST_CHECK;

/* What U-Boot counts by itself (CONFIG_BOOTCOUNT_ENV), whatever the scripts count. */
struct loader_uboot_count {
	/* each start is counted, and saved: upgrade_available */
	bool is_on;
	/* bootcount: starts since it was 0 */
	unsigned starts;
};

/* Errors as of loader_read(). What is no number counts as 0 where U-Boot takes it for that. */
enum kb_err loader_uboot_count(struct loader *l, struct loader_uboot_count *count) KB_MUST_CHECK;

/*
 * This start is fine: makes it durable that bootcount is 0, and reads it back. *changed: it was
 * not. Nothing else is written: whoever set upgrade_available wants each start to be counted.
 * Errors as of loader_set_once().
 */
enum kb_err loader_uboot_reset_count(struct loader *l, bool *changed) KB_MUST_CHECK;
