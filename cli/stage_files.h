/* SPDX-License-Identifier: Apache-2.0 */
/* The stage folder on the data partition, as the running system sees it. */
#pragma once

#include "lib/conf.h"
#include "selector/state.h"

#include <stddef.h>

/* Path of a release's file in the stage folder. KB_ENOSPC. */
enum kb_err stage_files_path(const struct conf *c, const uint8_t release[STATE_ID_LEN], char *path,
			     size_t size) KB_MUST_CHECK;

/*
 * Makes the folder and what is missing above it, but never data_mount itself: where that is not
 * mounted, nothing may be written to the slot instead. KB_ENOENT, KB_EPERM, KB_ENOSPC, KB_EIO,
 * which it has told.
 */
enum kb_err stage_files_make(const struct conf *c) KB_MUST_CHECK;

/*
 * Waits for other commands that work in the folder, which has to be there, and keeps them out while
 * *fd is open. KB_EBUSY, KB_EIO; told.
 */
enum kb_err stage_files_lock(const struct conf *c, unsigned wait_ms, int *fd) KB_MUST_CHECK;

/* Removes *.keel and *.part except the file of `keep` (NULL: none is kept), and the file that is
 * open as `spare` (-1: none), if that lies there; tells what remains. */
void stage_files_clean(const struct conf *c, const uint8_t *keep, int spare);

/* Removes a release's file, if it is there; tells when it remains. */
void stage_files_remove(const struct conf *c, const uint8_t release[STATE_ID_LEN]);

/* Makes the names in the folder durable. KB_EIO, which it has told. */
enum kb_err stage_files_sync(const struct conf *c) KB_MUST_CHECK;
