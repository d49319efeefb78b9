/* SPDX-License-Identifier: Apache-2.0 */
/*
 * U-Boot's environment, by libubootenv: the variables keelboot_default and keelboot_once. It must
 * be redundant: of one copy alone a power cut in a write would leave nothing. See loader.h.
 */
#pragma once

#include "selector/loader/loader.h"

enum kb_err loader_uboot_read(struct loader *l, struct loader_choice *c) KB_MUST_CHECK;
enum kb_err loader_uboot_write(struct loader *l, const struct loader_choice *c) KB_MUST_CHECK;

/* Calls visit with each variable that U-Boot has. Errors as of loader_read(). */
typedef void (*loader_uboot_visit)(void *ctx, const char *name, const char *value);
enum kb_err loader_uboot_each(struct loader *l, loader_uboot_visit visit, void *ctx) KB_MUST_CHECK;
