/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a reboot is asked for. A boot may leave what is staged as it is, as a hook wants it: so
 * the boots that were asked for are counted, and are not asked for without end. */
#pragma once

#include "fleet/contact.h"

#define REBOOT_MAX 3 /* boots that are asked for, one after the other, for one action */

/* Each of them left it staged. */
bool reboot_is_given_up(const struct contact *c);
/* Why no more boots are asked for, by the history. */
void reboot_explain(const struct contact *c, char why[ACTION_WHY_MAX + 1]);

/* A reboot installs what the action staged, and is asked for: noted in the record before it is
 * said, but not in a dry run. */
bool reboot_ask(struct contact *c);
