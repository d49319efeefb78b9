/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "initramfs/boot_data.h"

/*
 * Fills b->dev: waits for the device's disk, and for sticks and cards. A disk that is late gets
 * some time more. KB_ENODEV: there is none; that was said.
 */
enum kb_err find_devices(struct boot *b) KB_MUST_CHECK;
