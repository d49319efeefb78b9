/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel command line and system.conf say, and where the log goes. */
#pragma once

#include "initramfs/boot.h"

/*
 * Sends the log to the kernel and the consoles and fills b->cmdline, b->cmd and b->conf. Cannot
 * fail: what is bad there is warned of, and the default is used. Makes a kernel panic restart the
 * machine unless the command line says otherwise.
 */
void settings_read(struct boot *b);
