/* SPDX-License-Identifier: Apache-2.0 */
/* What the server offers: fetched, and staged when it may be. */
#pragma once

#include "fleet/contact.h"

/* Goes on with the deployment that the poll named. */
void take_deployment(struct contact *c, const struct ddi_poll *p);
