/* SPDX-License-Identifier: Apache-2.0 */
/* The boot: its whole story is boot() in boot.c, and what happens when it fails is boot_recover().
 */
#pragma once

#include "initramfs/boot_data.h"

/* Boots. Returns only when something failed. */
enum kb_err boot(struct boot *b) KB_MUST_CHECK;

/*
 * What is done about a boot that failed: says so, waits (longer for what time may cure), reboots.
 * Returns only if the kernel refuses to reboot; the watchdog is left running for that.
 */
void boot_recover(struct boot *b, enum kb_err err);
