/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "tests/sim/powercut.h"

enum powercut_size { POWERCUT_SMALL, POWERCUT_MIDDLE, POWERCUT_LONG };

/* Story i in a geometry of that size; NULL behind the last. */
const struct powercut_story *powercut_story_get(unsigned i, enum powercut_size size,
						struct powercut_story *out);
