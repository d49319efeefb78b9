/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of the packed modules are loaded, and when: those that the hardware asks for by the table
 * of alias_table.h, at the start and whenever it says that something new is there; those of a file
 * system once there is one to mount. Without a table, or with one that is damaged, all of the list
 * are loaded at the start.
 */
#pragma once

#include "initramfs/boot_data.h"

/* Reads list and table, and loads what a watchdog needs, which arms it; see watchdog.h. */
void hardware_load_watchdog(struct boot *b);

/* Has the hardware looked through, and b->probe tell of what appears: from now on, each
 * probe_start() and each uevent loads what is asked for. */
void hardware_listen(struct boot *b);

/* Loads what this name asks for: "fs-ext4", "dm-verity". */
void hardware_need(struct boot *b, const char *name);

/* Loads what mounting a device with this file system needs; "" and "auto": of any. */
void hardware_need_type(struct boot *b, const char *fstype);

/* The same for what a prober saw on dev ("/dev/sda1"). */
void hardware_need_mount(struct boot *b, const char *dev);

/* Loads all others of the list, and says why. */
void hardware_load_all(struct boot *b, const char *why);
