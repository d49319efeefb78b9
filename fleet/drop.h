/* SPDX-License-Identifier: Apache-2.0 */
/* An action that is not wanted any more, before a boot has written it to a slot. */
#pragma once

#include "fleet/contact.h"

/* A boot has written it, or has begun to, or it is over: it is too late, and why says that. */
bool drop_is_late(const struct contact *c, char why[ACTION_WHY_MAX + 1]);
/* Unstages what the action staged. What a person staged, too, stays in c->facts. false: why says
 * what failed; the next contact may go on.
 * without_record: also where that cannot be written, as on a full disk: no boot may install it. */
bool drop_staged(struct contact *c, bool without_record, char why[FACTS_TEXT_MAX + 1]);
/* What was fetched for the action on record. What an earlier one brought stays. */
void drop_bundle(struct contact *c);
/* The action is gone, and its bundle with it, unless no more than that was wanted; why is printed.
 */
void drop_action(struct contact *c, const char *why);
/* Before drop_action() of one that was not staged by the record, and is offered no more. What is
 * staged all the same, as where a cut came before its record or in a withdrawal, is unstaged.
 * false: it stays. */
bool drop_unoffered(struct contact *c);
