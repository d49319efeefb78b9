/* SPDX-License-Identifier: Apache-2.0 */
/* Which disk a state partition belongs to, by its own word. Runs in the prober's worker only. */
#pragma once

#include "initramfs/prober/prober.h"

/*
 * Looks for a state record in the range of one part of the disk that fd has open for reading. With
 * one: PROBER_PART_STATE, and the disk that it is bound to in part->pin ("": to none). The files of
 * a slot or of a stick cost two small reads. Never writes.
 */
void prober_state_part(int fd, struct prober_part *part);
