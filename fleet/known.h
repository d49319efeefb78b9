/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What whoever gets reports knows of the device: which slot runs, by which way, and what each slot
 * holds; as hashes, in one text of the record.
 */
#pragma once

#include "fleet/action.h"
#include "fleet/facts.h"

/* Of the device as it is now. */
void known_write(char text[ACTION_KNOWN_LEN + 1], const struct facts *f);

/* Whether it is another one than in a->device_known, by something that the action neither brought
 * nor reports in this contact. false: nothing is known to compare with. */
bool known_is_old(const struct action *a, const struct facts *f);
