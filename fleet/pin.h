/* SPDX-License-Identifier: Apache-2.0 */
/* A PIN that a token refused: a few tries lock the token, so it gets no second one of the same. */
#pragma once

#include "fleet/contact.h"

/* Before a contact: whether the PIN of private-key= is the one that was refused. */
void pin_recall(struct contact *c);
/* Behind it: notes it, durably where that can be, and also in a dry run: that spends a try, too.
 * known: the data partition is where it is to be. */
void pin_note(struct contact *c, bool known);
/* By the record: it is, and nothing was changed since. */
bool pin_is_refused(const struct contact *c);
