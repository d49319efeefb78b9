/* SPDX-License-Identifier: Apache-2.0 */
/* What is about to be mounted has its drivers loaded first: what mounts it cannot load anything. */
#pragma once

#include "initramfs/boot_data.h"

/* What mounting dev ("/dev/sda1") needs, by what a prober saw on it. */
void hardware_need_mount(struct boot *b, const char *dev);

/* What mounting the data partition needs. */
void hardware_need_data(struct boot *b);
