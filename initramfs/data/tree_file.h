/* SPDX-License-Identifier: Apache-2.0 */
/* The content of one file: its blocks shared, or copied, with its holes. */
#pragma once

#include "initramfs/data/tree.h"
#include "lib/os_tree.h"

/* Part of tree_copy(). */
enum kb_err tree_file_copy(struct tree_job *job, int from_dir, const char *from, int to_dir,
			   const char *to, const struct os_tree_stat *st) KB_MUST_CHECK;
