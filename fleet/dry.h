/* SPDX-License-Identifier: Apache-2.0 */
/* What --dry-run says of an offer. */
#pragma once

#include "fleet/contact.h"
#include "fleet/offer.h"

/* What is offered, and what would be done with it. */
void dry_print(const struct contact *c, const struct offer *o);
