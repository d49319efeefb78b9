/* SPDX-License-Identifier: Apache-2.0 */
/* Whole folders: copied with all that belongs to them, measured, deleted. */
#pragma once

#include "initramfs/data/tree_job.h"

#define TREE_DEPTH_MAX 100 /* folders inside each other */

/*
 * Makes a copy of what has the name `from` under the name `to`, where nothing may be. Files that
 * are one file inside the copied folder are one file in the copy: `links` is an empty folder on the
 * same file system, which the job fills with names for that. After an error a part is there. A
 * subvolume is copied as a folder. KB_ENOSPC: no room, or above the limit; KB_EINVAL: blocks cannot
 * be shared (TREE_SHARE), or it is deeper than TREE_DEPTH_MAX; job->why says what failed.
 */
enum kb_err tree_copy(struct tree_job *job, int from_dir, const char *from, int to_dir,
		      const char *to, int links) KB_MUST_CHECK;

/* Adds up what a copy would need. */
enum kb_err tree_measure(struct tree_job *job, int dir, const char *name,
			 uint64_t *bytes) KB_MUST_CHECK;

/* Deletes what has that name, with all in it, subvolumes too. KB_OK also if there is none.
 * KB_ETIMEDOUT: another call goes on. */
enum kb_err tree_remove(struct tree_job *job, int dir, const char *name) KB_MUST_CHECK;
