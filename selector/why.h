/* SPDX-License-Identifier: Apache-2.0 */
/* Why a boot skips a slot, as far as the state says. PURE. */
#pragma once

#include "selector/state.h"

#define WHY_OUTLOOK_MAX 63 /* longest outlook, without its NUL */

/* At most STATE_STR_MAX characters; "" if it may be taken. */
const char *why_not(const struct state *s, int slot);

/* What has to happen before it is taken again; "" where nothing is to be expected. */
void why_outlook(const struct state *s, int slot, char out[WHY_OUTLOOK_MAX + 1]);
