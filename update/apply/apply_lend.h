/* SPDX-License-Identifier: Apache-2.0 */
/* Who mounts the partitions in which slots have files, for keelboot-apply in its cage. */
#pragma once

#include "lib/os_lend.h"
#include "update/apply/apply_file.h"

/* By the options of keelboot-apply; before the cage. Where no slot has a file, or it fails, there
 * is no lender, and no file can be written. */
void apply_lend_begin(int argc, char **argv);

/* By slots, for the command. */
void apply_lend_begin_for(const struct apply_slot slot[STATE_SLOTS_MAX]);

/* NULL: there is none. */
struct os_lend *apply_lend(void);

void apply_lend_end(void);
