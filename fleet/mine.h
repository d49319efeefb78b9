/* SPDX-License-Identifier: Apache-2.0 */
/* Which releases this program had staged: so that no order of the process without rights replaces
 * or unstages what a person staged. Kept beside the folder of that process, where only root writes.
 * `keelboot stage` of a person drops it (update/wire/staged_note.h).
 */
#pragma once

#include "lib/err.h"

#include <stdbool.h>

/* false also where that cannot be read. */
bool mine_has(const char *data_mount, const char *release);

/* From here on, durable: this release, and the one that is staged if it was noted, too. KB_EINVAL:
 * it is no release id. KB_EIO and the like. */
enum kb_err mine_add(const char *data_mount, const char *release, const char *staged) KB_MUST_CHECK;
