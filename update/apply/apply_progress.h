/* SPDX-License-Identifier: Apache-2.0 */
/* What process 1 hears from keelboot-apply: see apply_wire.h. */
#pragma once

#include "update/install/install.h"

/* On descriptor 3, if that is a pipe or socket. */
void apply_progress_init(void);
/* A medium, or a bundle on it, was looked at. */
void apply_progress_look(void);
/* From now on another bundle is worked on, or the same anew. */
void apply_progress_next(void);
void apply_progress(void *ctx, enum install_phase phase, uint64_t done, uint64_t total);
