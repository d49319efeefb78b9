/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a reboot is asked for, and permitted. A boot may leave what is staged as it is, as a hook
 * wants it: so the boots that were asked for are counted, and are not asked for without end. */
#pragma once

#include "fleet/contact.h"

#define REBOOT_MAX 3 /* boots that are asked for, one after the other, for one action */

/* Of what is staged: the server is to know that the next boot skips it, or that boots left it as it
 * is. In that case why becomes the reason, by the history. */
void reboot_note(struct contact *c, char why[ACTION_WHY_MAX + 1]);

/* It is staged, and the server's maintenance window was closed, as its last answer about the action
 * says: also where others reboot, by exit code 4. A channel has no such window, whoever gave the
 * action. */
bool reboot_is_held(const struct contact *c);

/* A reboot installs what the action staged, is asked for, and permitted where we reboot ourselves:
 * noted in the record before it is said, but not in a dry run. Else reboot_waits says whether
 * permission is all that is missing. */
bool reboot_ask(struct contact *c);

/* With reboot=yes, reboots where that is asked for; the monitor becomes the program that does it.
 * Returns else, and if it cannot. */
void reboot_begin(struct contact *c);
