/* SPDX-License-Identifier: Apache-2.0 */
/* Confirmations that the server wants before it offers an action. */
#pragma once

#include "fleet/contact.h"

/* Has [fleet] confirm= decide about this action, and answers; without that key, or its word, it
 * waits for the server. What cannot be installed, or is not understood in many contacts in a row,
 * is confirmed without asking: it is closed as failed then. true: it is confirmed, and the server
 * may offer it now. */
bool confirm_answer(struct contact *c, const char *id);
