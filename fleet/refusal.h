/* SPDX-License-Identifier: Apache-2.0 */
/* Contacts that are refused (4xx): a person has to mend something, and sees here since when. One
 * that nobody answers is no refusal: it passes, and costs no write. */
#pragma once

#include "fleet/contact.h"

/* Keeps whether this contact was refused: c->refused. Written only when that changes. */
void refusal_note(const struct contact *c);
/* {"status", "since", "why"}, to be released; NULL: the last contact was not refused. */
json_object *refusal_load(const struct contact *c);
void refusal_print(json_object *refused);
