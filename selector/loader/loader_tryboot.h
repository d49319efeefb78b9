/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Raspberry Pi's firmware: autoboot.txt in a FAT of its own names the partition of `default`, and
 * that which tryboot starts, which is `once`. The firmware forgets that it was asked for tryboot;
 * the file says so until the next default. See loader.h, and loader_autoboot.h.
 *
 * `once` takes effect only in a restart that asks for it: os_reboot_to(OS_REBOOT_TRYBOOT).
 */
#pragma once

#include "selector/loader/loader_autoboot.h"

enum kb_err loader_tryboot_read(struct loader *l, struct loader_choice *c) KB_MUST_CHECK;
enum kb_err loader_tryboot_write(struct loader *l, const struct loader_choice *c) KB_MUST_CHECK;

/* By the number of the partition in the device tree. KB_ENOENT: it has none, or that of no pair, or
 * the firmware came from a disk of another kind. */
enum kb_err loader_tryboot_booted(struct loader *l, int *slot) KB_MUST_CHECK;

/* What a person should know. */
struct loader_tryboot_is {
	/* number of the partition with autoboot.txt */
	uint32_t number;
	/* the firmware says what it can, and tryboot_a_b is not among it */
	bool is_too_old;
};
enum kb_err loader_tryboot_look(struct loader *l, struct loader_tryboot_is *is) KB_MUST_CHECK;
