/* SPDX-License-Identifier: Apache-2.0 */
/* The stage folder on the data partition, as the running system sees it. */
#pragma once

#include "lib/conf.h"
#include "selector/state.h"

#include <stdbool.h>
#include <stddef.h>

/* The event of the history that has the version of what is staged. */
#define STAGE_FILES_EVENT "staged for the next boot"

/*
 * No link below data_mount is followed: whoever could write to the data partition would have root
 * write and remove files elsewhere.
 */

/* Path of a release's file in the stage folder; its last part is the file's name there. KB_ENOSPC.
 */
enum kb_err stage_files_path(const struct conf *c, const uint8_t release[STATE_ID_LEN], char *path,
			     size_t size) KB_MUST_CHECK;

/*
 * Makes the folder and what is missing above it, but never data_mount itself: where that is not
 * mounted, nothing may be written to the slot instead. Opens it; then waits for other commands that
 * work in it, and keeps them out while *lock is open. KB_ENOENT, KB_EPERM, KB_ENOSPC, KB_EBUSY,
 * KB_EIO, which it has reported.
 */
enum kb_err stage_files_open_locked(const struct conf *c, unsigned wait_ms, int *dir,
				    int *lock) KB_MUST_CHECK;

/* Name of the file at path, which is stage_files_path()'s, in the folder. */
const char *stage_files_name(const char *path);

/* Opens a file in the folder for reading. KB_ENOENT; KB_EINVAL: no file, or a link; KB_EIO. */
enum kb_err stage_files_open(const struct conf *c, const char *path, int *fd) KB_MUST_CHECK;

/* Makes the names in the folder durable, as they are. KB_ENOENT, KB_EINVAL, KB_EIO. */
enum kb_err stage_files_sync(const struct conf *c) KB_MUST_CHECK;

bool stage_files_exists(const struct conf *c, const char *path);

/* Removes *.keel and *.part except the file of `keep` (NULL: none is kept), and the file that is
 * open as `spare` (-1: none), if that lies there; tells what remains. */
void stage_files_clean(int dir, const struct conf *c, const uint8_t *keep, int spare);

/* Removes a release's file, if it is there; tells when it remains. */
void stage_files_remove(const struct conf *c, const uint8_t release[STATE_ID_LEN]);

/* Gives the file that was written as part the name of path, durably. KB_EIO, which it has reported.
 */
enum kb_err stage_files_rename(int dir, const char *part, const char *path) KB_MUST_CHECK;

/* What can be done about an error of the data partition: behind a message, or "". */
const char *stage_files_hint(int error);
