/* SPDX-License-Identifier: Apache-2.0 */
/* Ends of actions that the server does not take, while the next action has begun: no server can
 * stop updates by taking none. */
#pragma once

#include "fleet/contact.h"

/* From here on, durable: that of the action on record. false: it cannot be written. */
bool ends_add(struct contact *c);
/* That of this action waits. */
bool ends_has(const struct contact *c, const char *id);
/* The same; why says how that action ended, as judged now. */
bool ends_why(const struct contact *c, const char *id, char why[ACTION_WHY_MAX + 1]);
/* Those that wait, as they are kept: a list that is to be released. */
json_object *ends_list(const struct contact *c);
/* Sends those that wait. */
void ends_send(struct contact *c);
