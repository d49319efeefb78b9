/* SPDX-License-Identifier: Apache-2.0 */
/* What runs here, as text for Prometheus. */
#pragma once

#include "fleet/action.h"
#include "fleet/facts.h"
#include "fleet/outcome.h"

/* Prints it on standard output. */
void metrics_print(const struct facts *f, const struct action *a, const struct outcome *o);
