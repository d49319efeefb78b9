/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs of keelboot-fleet. */
#pragma once

#include "fleet/contact.h"

/* One contact; an exit code of keelboot(1). */
int fleet_once(struct contact *c);
/* Contacts until a signal comes. now: the first one at once. */
_Noreturn void fleet_run(struct contact *c, bool now);
/* How the action stands, from the record alone. */
int fleet_status(struct contact *c, bool json);
/* What runs here, and how the action stands, as text for Prometheus. */
int fleet_metrics(struct contact *c);
