/* SPDX-License-Identifier: Apache-2.0 */
/* The state record as JSON. */
#pragma once

#include "cli/output/output.h"
#include "selector/state.h"

/* One slot: name, state, version, sequence, release, tries, grace, streak, ever_good, reason. */
json_object *state_json_slot(const struct state *s, int slot);

/* What is staged: source, release, fails. NULL (JSON's null) when nothing is. */
json_object *state_json_staged(const struct state *s);

/* The beginnings of the releases that failed here. */
json_object *state_json_rejected(const struct state *s);

/* Everything, with "schema". */
json_object *state_json(const struct state *s);
