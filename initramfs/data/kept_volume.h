/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one record of a snapshot of the volume: keelboot/kept.volume has its name, durably, before
 * lvm makes it, and until lvm says that it is gone. No cut and no failure leaves one that nobody
 * removes. `home` is the open folder keelboot of the data partition.
 */
#pragma once

#include "initramfs/data/kept_lvm.h"

/* Notes the name, before the snapshot is made. Durable. One that was noted before is removed. */
enum kb_err kept_volume_note(struct tree_job *job, int home, const char *name) KB_MUST_CHECK;

/* Removes the snapshot that was noted. KB_OK also if none was. After an error it stays noted:
 * another call goes on. */
enum kb_err kept_volume_drop(struct tree_job *job, int home) KB_MUST_CHECK;
