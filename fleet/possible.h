/* SPDX-License-Identifier: Apache-2.0 */
/* Whether what is offered can be installed at all, as far as the offer says. */
#pragma once

#include "fleet/contact.h"

/* Of its bundles. false: why says it. */
bool possible_is(const struct offer *o, char why[ACTION_WHY_MAX + 1]);

/* The same of the action on record, which is closed as failed if not. Nor is it possible where it
 * had no bundle, or more than one, when it was confirmed: nobody was asked about this one. */
bool possible_take(struct contact *c, const struct offer *o);
