/* SPDX-License-Identifier: Apache-2.0 */
/* What a verdict needs to know beside the state. */
#pragma once

#include "cli/device.h"

/*
 * The floor that the release in a slot asks for, from the slot's manifest cell; 0 when there is
 * none, or when it is not that release's. Damage is told: the floor stays then.
 */
uint64_t mark_floor(struct device *d, int slot);
