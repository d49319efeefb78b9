/* SPDX-License-Identifier: Apache-2.0 */
/* What lies on the data partition in the beginning, and what the state says of it. */
#pragma once

#include "tests/sim/filecut_walk.h"

#define FILECUT_STORIES 6
extern const struct filecut_walk_story filecut_story[FILECUT_STORIES];
