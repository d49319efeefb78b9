/* SPDX-License-Identifier: Apache-2.0 */
/* A medium that asks for the data partition to be made anew: [data] reset-media=. */
#pragma once

#include "update/apply/apply_shared.h"

/* Looks for the file in the folder of the medium, which is open, and notes in the state what it
 * asks for. */
void apply_asked_look(struct apply *a, unsigned source);
