/* SPDX-License-Identifier: Apache-2.0 */
/* The next phase of the action on record, and what does not lead to one yet. */
#pragma once

#include "fleet/contact.h"

/* Makes it durable, and prints why. What was fetched for one that failed is dropped. */
void phase_set(struct contact *c, enum action_phase phase, const char *why);

/* Something did not work now: it is tried again, until so many contacts in a row had trouble of
 * this kind. Then it failed. */
void phase_try(struct contact *c, const char *what, const char *why, unsigned max);

/* The same of what cannot be understood: a row of its own, which take_offer() ends. */
void phase_unclear(struct contact *c, const char *what, const char *why);

/* Notes that the server wants no download yet, if it says so of o. What is here of it stays. */
void phase_skip(struct contact *c, const struct offer *o);
