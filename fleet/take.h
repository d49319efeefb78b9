/* SPDX-License-Identifier: Apache-2.0 */
/* What the server offers: fetched, and staged when it may be. */
#pragma once

#include "fleet/contact.h"

/* Is there anything to do for the action of this id, of which the server has this edition? What is
 * under way may go before it, which is printed then. */
bool take_wants(struct contact *c, const char *id, const char *edition);
/* Goes on with that action; in a dry run, prints what would be done. */
void take_offer(struct contact *c, const struct offer *o);
/* Is its release in a slot already, or staged, and no boot skips it until it is staged anew? Then
 * that, and nothing else, says how the action stands. */
bool take_known(struct contact *c);
