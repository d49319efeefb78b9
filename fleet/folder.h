/* SPDX-License-Identifier: Apache-2.0 */
/* The folder of keelboot-fleet on the data partition: where it is, and whose. No link below the
 * mount point is followed. */
#pragma once

#include "lib/conf.h"
#include "lib/err.h"

#include <stdbool.h>
#include <stddef.h>

#define FOLDER_MAX	(CONF_PATH_MAX + 16)
#define FOLDER_PATH_MAX (FOLDER_MAX + 16)

#define FOLDER_BLOCK 4096u /* bytes */

#define FOLDER_RECORD "action.json"
#define FOLDER_BUNDLE "bundle.keel"
#define FOLDER_LOCK   "lock"

struct folder {
	/* itself, and the bundle in it */
	char path[FOLDER_MAX + 1], bundle[FOLDER_PATH_MAX + 1];
};

void folder_init(struct folder *f, const char *data_mount);

/*
 * Opens it, after making it if asked to. user is not 0: what root or another user has there becomes
 * that user's, once. KB_ENOENT, KB_EPERM, KB_EIO and the like: *dir is -1, and why says it.
 */
enum kb_err folder_open(int *dir, const char *data_mount, bool make, unsigned user, unsigned group,
			char *why, size_t size) KB_MUST_CHECK;

/* Names in the folder may have changed: the next folder_rewrite() makes them durable first. Also to
 * be called when the folder was opened, and where another process failed to write to it. */
void folder_changes(int dir);

/* Removes what a write of this file that was cut left beside it. */
void folder_tidy(int dir, const char *name);

/* The file anew, in the place of the old one, and durable when it returns KB_OK. */
enum kb_err folder_write(int dir, const char *name, const void *buf, size_t len) KB_MUST_CHECK;

/*
 * The same of a text that must be written on a full disk, too: the room of the next one is kept in
 * a file beside it. Whole blocks; the text ends with blanks.
 */
enum kb_err folder_rewrite(int dir, const char *name, const char *text, size_t len) KB_MUST_CHECK;
