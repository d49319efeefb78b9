/* SPDX-License-Identifier: Apache-2.0 */
/* Partial bundles, as a fleet fetches them: without what the slots have in its place. */
#pragma once

#include "tests/sim/bundles.h"

/* r->bundle and what is known of it, from r's image: without the chunks that stand in it as they do
 * in the other slot's image, or, behind what the seal covers, in the target's. Compresses nothing
 * if raw; else each chunk is a frame that refers back. Ends the process when it lacks nothing of
 * one of them. */
void parts_make(struct bundles_release *r, uint32_t chunk, bool raw,
		const struct bundles_release *target, const struct bundles_release *other);
