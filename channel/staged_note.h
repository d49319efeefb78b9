/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The note of what keelboot-fleet staged, which a server may have unstaged and replaced: in this
 * folder of the data partition, where only root writes. `keelboot stage` and `unstage` look at it
 * and change it under the state's lock. So no order of the process without rights, whatever runs
 * beside it, replaces or unstages what a person staged. A release is the 64 hexadecimal digits of
 * its id.
 */
#pragma once

#include "lib/err.h"

#include <stdbool.h>

#define STAGED_NOTE_FOLDER "keelboot"
#define STAGED_NOTE_FILE   "fleet-staged"

/* false also where that cannot be read. */
bool staged_note_has(const char *data_mount, const char *release);

/* From here on, durable: this release, and the one that is staged if it was noted, too. KB_EINVAL:
 * it is no release id. KB_ENOENT: the folder is missing. KB_EIO and the like. */
enum kb_err staged_note_add(const char *data_mount, const char *release,
			    const char *staged) KB_MUST_CHECK;

/* From here on, durable: none. KB_OK also where there was no note. */
enum kb_err staged_note_drop(const char *data_mount) KB_MUST_CHECK;
