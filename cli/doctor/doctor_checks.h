/* SPDX-License-Identifier: Apache-2.0 */
/* The checks of `keelboot doctor`. Each looks at one part of the device, and reports what it finds.
 */
#pragma once

#include "cli/doctor/doctor.h"

void doctor_watchdog(struct doctor *doc);
/* The first one that there is, such as "watchdog0"; false: none. */
bool doctor_watchdog_find(const struct doctor *doc, char *node, size_t size);
void doctor_unlock(struct doctor *doc);
void doctor_opened(struct doctor *doc);
void doctor_kernel(struct doctor *doc);
/* As doctor_version_read() has it. */
#define DOCTOR_VERSION(major, minor) ((major)*1000u + (minor))
void doctor_version(struct doctor *doc);
/* Of the kernel that runs; 0: not known. */
unsigned doctor_version_read(const struct doctor *doc);
void doctor_state(struct doctor *doc);
void doctor_slots(struct doctor *doc);
void doctor_mounts(struct doctor *doc);
void doctor_overlay(struct doctor *doc);
void doctor_update(struct doctor *doc);
void doctor_data(struct doctor *doc);
void doctor_loader(struct doctor *doc);
/* once: the slot whose kernel its store still says is to be started once, or STATE_NONE. */
void doctor_once(struct doctor *doc, int once);
void doctor_grub(struct doctor *doc);
void doctor_uboot(struct doctor *doc);
/* Whether its environment lies in a partition of a slot, of the state, or of the data. */
void doctor_uboot_place(struct doctor *doc);
/* Whether one copy of it is newer than the other. */
void doctor_uboot_copies(struct doctor *doc);
void doctor_counter(struct doctor *doc);
void doctor_systemd(struct doctor *doc);
void doctor_efibg(struct doctor *doc);
void doctor_tryboot(struct doctor *doc);
void doctor_barebox(struct doctor *doc);
void doctor_early(struct doctor *doc);
void doctor_emmc(struct doctor *doc);
void doctor_measure(struct doctor *doc);
void doctor_boot(struct doctor *doc);
void doctor_keys(struct doctor *doc);

/* A system without slots, whose deployments `keelboot guard` holds to a trial: there, only the
 * second counts. */
bool doctor_is_guarded(const struct doctor *doc);
void doctor_guard(struct doctor *doc);
