/* SPDX-License-Identifier: Apache-2.0 */
/* What the boot tells the running system, in /run/keelboot. docs/BOOT.md lists the files. */
#pragma once

#include "initramfs/boot.h"

#define EXPORT_DIR "/run/keelboot"

/* Writes slot, token, devices and boot.json. A failure is logged; the boot goes on without. */
void export_write(const struct boot *b);
