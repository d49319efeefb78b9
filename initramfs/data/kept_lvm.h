/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A snapshot of the logical volume that the data partition is, by the distribution's program `lvm`:
 * thin, at no cost; of a volume that is not thin, with as much room as [data] limit= says. It has
 * all that the volume has; only the paths of [data] go back from it.
 */
#pragma once

#include "initramfs/data/tree_job.h"

#include <stdbool.h>

#define KEPT_LVM_NAME 160

/* "GROUP/keelboot-kept" */
typedef char kept_lvm_name[KEPT_LVM_NAME];

/* Whether it can be the name of such a snapshot, and of no other volume. */
bool kept_lvm_is_name(const char *name);

/* The name of a snapshot of the volume that job->dev is. KB_EINVAL: it is none, or there is no
 * program lvm. */
enum kb_err kept_lvm_find(struct tree_job *job, kept_lvm_name name) KB_MUST_CHECK;

/* Makes it; one of that name gives way. thick_mib: room for one that is not thin; 0: it must be
 * thin. */
enum kb_err kept_lvm_make(struct tree_job *job, const char *name, unsigned thick_mib) KB_MUST_CHECK;

/* Whether it is there. KB_ENOENT: lvm sees its group, and it is not in it. Any other error: that
 * cannot be known. */
enum kb_err kept_lvm_exists(struct tree_job *job, const char *name) KB_MUST_CHECK;

/* Mounts it read-only and opens its top folder. */
enum kb_err kept_lvm_open(struct tree_job *job, const char *name, const char *fstype,
			  int *top) KB_MUST_CHECK;
void kept_lvm_close(struct tree_job *job, const char *name, int *top);

/* KB_OK also if it is missing; not if that cannot be known. */
enum kb_err kept_lvm_remove(struct tree_job *job, const char *name) KB_MUST_CHECK;
