/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of the packed modules are loaded, and when. The hardware asks for its drivers by the table
 * of alias_table.h, at the start and whenever the kernel reports something new. File systems are
 * loaded once there is one to mount, and then all that is being loaded is waited for. Without a
 * table, or with one that is damaged, all of the list are loaded at the start.
 */
#pragma once

#include "initramfs/boot_data.h"

/* Reads list and table, loads what a watchdog needs, and arms it: from here on, hanging is
 * rebooting. A device that has none boots nevertheless, with a warning. */
void hardware_load_watchdog(struct boot *b);

/* Loads what is loaded always. From now on, each probe_start() of b->probe, and each of its
 * uevents, loads what is asked for. */
void hardware_listen(struct boot *b);

/* Loads what is asked for by what there is now: for devices that came after the last uevent was
 * heard. False: nothing more can be loaded. */
bool hardware_look(struct boot *b) KB_MUST_CHECK;

/* As a callback, `loading` of struct devices_wait: drivers that take long are still being loaded.
 * At most four seconds each, and one that does not end by then is named. */
bool hardware_is_loading(void *boot) KB_MUST_CHECK;

/* A module that is packed fits this alias of a device. Without a table, any may: true. */
bool hardware_packs(const char *alias) KB_MUST_CHECK;

/* Loads what this name asks for: "fs-ext4", "dm-verity". */
void hardware_need(struct boot *b, const char *name);

/* Loads what mounting a device with this file system needs; "" and "auto": of any. */
void hardware_need_type(struct boot *b, const char *fstype);

/* A root that is mounted, and has no modules for this kernel, can load none itself: it gets all. */
void hardware_leave_to(struct boot *b);

/* Tells the running system what is packed: see modules_export(). */
void hardware_export(void);

/* Loads all others of the list, and says why. */
void hardware_load_all(struct boot *b, const char *why);
