/* SPDX-License-Identifier: Apache-2.0 */
/* How each path of a snapshot is made: as a subvolume's snapshot, with shared blocks, or copied. */
#pragma once

#include "initramfs/data/kept_list.h"

#define KEPT_ABSENT ".absent" /* behind the number of a path */
#define KEPT_TRIAL  ".trial"
#define KEPT_LINKS  "links" /* see tree_copy() */

/* The same, as copies, out of a snapshot of the whole volume, which is open as top. KB_ENOSPC: no
 * room, and nothing was written. After another error a part is there. */
enum kb_err kept_make_copies(struct tree_job *job, int top, int dir,
			     struct kept_list *l) KB_MUST_CHECK;

/* Makes an empty file, which says something by its name. What failed is in job->why. */
enum kb_err kept_make_note(struct tree_job *job, int dir, const char *name) KB_MUST_CHECK;

/* Fills the folder `dir` of `home` with the paths of l as they are now, and notes in l what is
 * absent. Part of kept_make(). */
enum kb_err kept_make_paths(struct tree_job *job, int top, int home, int dir, const struct conf *c,
			    struct kept_list *l, kept_method how) KB_MUST_CHECK;
