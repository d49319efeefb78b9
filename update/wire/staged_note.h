/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The note of what keelboot-fleet staged, which a server may have unstaged and replaced: in this
 * folder of the data partition, where only root writes. `keelboot stage` forgets it, unless it is
 * keelboot-fleet that stages.
 */
#pragma once

#define STAGED_NOTE_FOLDER "keelboot"
#define STAGED_NOTE_FILE   "fleet-staged"
