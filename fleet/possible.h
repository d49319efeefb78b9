/* SPDX-License-Identifier: Apache-2.0 */
/* Whether what is offered can be installed at all, as far as the offer says. */
#pragma once

#include "fleet/contact.h"

/* What is amiss with an offer that is unclear. */
#define POSSIBLE_UNCLEAR                                                                  \
	"a deployment that cannot be read: size, hash or link of its bundle are missing " \
	"or out of bounds, or a word is not known here"

/* That it is clear, and its bundles. false: why says it. */
bool possible_is(const struct offer *o, char why[ACTION_WHY_MAX + 1]);

/* The same, and confirm= was asked about it where it had to be: not where the action could not be
 * installed, or was not understood, when it was confirmed. */
bool possible_now(const struct contact *c, const struct offer *o, char why[ACTION_WHY_MAX + 1]);
/* The same of the action on record, which is closed as failed if not. */
bool possible_take(struct contact *c, const struct offer *o);
