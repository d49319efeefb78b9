/* SPDX-License-Identifier: Apache-2.0 */
/* What may never be, whatever fails: see ioerr_story.h. */
#pragma once

#include "selector/store.h"
#include "tests/sim/ioerr_story.h"

/* After a boot, while its power is still on. before: how often the slots were changed until then.
 */
void ioerr_check_boot(struct ioerr_world *w, const unsigned before[2]);

/* What the guardian has made of what the system did. */
void ioerr_check_guardian(struct ioerr_world *w);

/* After the power was cut: that what was said to be so is so. */
void ioerr_check_claims(struct ioerr_world *w);

/* True when the device runs what it ought to, and has nothing left to do. */
bool ioerr_check_settled(const struct ioerr_story *story, struct ioerr_world *w,
			 const struct state *before, const struct state *after);
