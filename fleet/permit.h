/* SPDX-License-Identifier: Apache-2.0 */
/* Whether this device may reboot by itself now, by the policy in [fleet]. */
#pragma once

#include "lib/conf.h"

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#define PERMIT_WHY_MAX 255

/* Exit codes of [fleet] confirm=; each other one is PERMIT_WAIT. */
enum permit { PERMIT_YES = 0, PERMIT_WAIT = 1, PERMIT_NO = 2 };

/* Logs which key cannot be understood. */
void permit_check(const struct conf *conf);

/* What reboot= and the keys behind it say, for the server and for people. */
void permit_describe(char *text, size_t size, const struct conf *conf);

/*
 * With reboot=yes: nothing is against it now; where a part of the configuration is ignored, that
 * may be. false: why has the reason. forced: reboot-consent= is
 * not asked. It is asked last, with the version, and for no longer than [fleet] timeout=.
 */
bool permit_reboot(const struct conf *conf, bool forced, const char *version, time_t now,
		   char why[PERMIT_WHY_MAX + 1]);

/* What [fleet] confirm= says about a bundle of this name, and what it printed, printable.
 * PERMIT_WAIT also where there is no such key, it gives no answer for [fleet] timeout=, or a part
 * of the configuration is ignored. */
enum permit permit_confirm(const struct conf *conf, const char *name,
			   char says[PERMIT_WHY_MAX + 1]);
