/* SPDX-License-Identifier: Apache-2.0 */
/* What the boot tells the running system, in /run/keelboot. docs/BOOT.md lists the files. */
#pragma once

#include "initramfs/boot_data.h"

#define EXPORT_DIR "/run/keelboot"

/* Writes slot, token and devices. A failure is logged; the boot goes on without. */
void export_write(const struct boot *b);

/* Writes boot.json, in the same way: when all is decided, and the guardian started. */
void export_boot(const struct boot *b);
