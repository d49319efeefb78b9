/* SPDX-License-Identifier: Apache-2.0 */
/* What the server offers: fetched, and staged when it may be. */
#pragma once

#include "fleet/contact.h"

/* Goes on with the action of this id, which the poll named. */
void take_deployment(struct contact *c, const char *id);
