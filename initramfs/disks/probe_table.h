/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Places in the table of disks. There are fewer than a machine may have disks: one that was looked
 * at and turned out to be of no use makes room for one that has not been. Only probe.c uses this,
 * and sources.c asks whether a disk had its turn.
 */
#pragma once

#include "initramfs/disks/probe.h"

/* Forgets what was skipped. */
void probe_table_start(struct probe *p);

/* The disk "vda", or NULL. */
struct probe_disk *probe_table_find(struct probe *p, const char *name);

/*
 * A place for a disk that is not in the table: a free one, or that of a disk that is worth less
 * (p->worth), which is skipped from now on. NULL: none just now; p->full is set.
 */
struct probe_disk *probe_table_place(struct probe *p, const struct probe_disk *fresh);

/* Whether the disk "vda" has a place, or had one, or can have none. */
bool probe_table_settled(const struct probe *p, const char *name);

/* Whether a disk lost its place; forget: it is another one now, or there is news of it. */
bool probe_table_skipped(const struct probe *p, const char *name);
void probe_table_forget(struct probe *p, const char *name);
