/* SPDX-License-Identifier: Apache-2.0 */
/* The processes of ioerr_world.h. */
#pragma once

#include "tests/sim/ioerr_world.h"

/* Process 1, and what runs after it. In a process of its own. */
void ioerr_process_init(struct ioerr_world *w);
/* Makes the simulation start keelboot-apply for what it is. */
void ioerr_process_apply_child(struct ioerr_world *w);
/* The command of the system that was booted. */
/* Before anything else uses OpenSSL: its memory can fail too. */
void ioerr_process_memory(void);
void ioerr_process_command(struct ioerr_world *w);
