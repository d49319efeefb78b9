/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel command line and system.conf say, and where the log goes. */
#pragma once

#include "initramfs/boot_data.h"

/*
 * Sends the log to the kernel and the consoles and fills b->cmdline, b->cmd and b->conf; where both
 * can say something, b->conf has what the command line says. Also b->sources, b->root, b->keys and
 * b->shell; where command-line= leaves keys out, b->argv and b->envp are the default ones. Cannot
 * fail: what is bad there is warned of, and the default is used. Makes a kernel panic restart the
 * machine unless the command line says otherwise.
 */
void settings_read(struct boot *b);

/* The same, without a word and without an effect on the kernel or on b->keys and b->shell: for a
 * program in whose boot another one calls settings_read(). */
void settings_peek(struct boot *b);

/* keelboot.slot= names a slot, for a person who looks for something: nothing is counted, and
 * nothing installed under them. */
bool settings_is_forced(const struct boot *b);
