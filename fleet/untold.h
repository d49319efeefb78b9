/* SPDX-License-Identifier: Apache-2.0 */
/* Ends of actions that the server does not know yet: since when, and why. */
#pragma once

#include "fleet/contact.h"

/* Behind a contact: on record from here on, where it is new. */
void untold_note(struct contact *c);

/* What waits in the folder, while it is open: ends of earlier actions, and reports of a channel,
 * two lists in an object that is to be released. */
json_object *untold_load(const struct contact *c);
/* The same for a person; behind that, why the end of the action on record is not known. */
void untold_print(const struct contact *c, json_object *waiting);
