/* SPDX-License-Identifier: Apache-2.0 */
/* Cancellations by the server. */
#pragma once

#include "fleet/contact.h"

/* Answers the one of this id: "closed" where nothing of its action will be installed from here on,
 * "rejected" where that is not so, or cannot be known. */
void cancel_answer(struct contact *c, const char *id);
/* The server shows the cancellation of this id, or none (""): one that it does not show any more
 * may come again, and is answered again then. */
void cancel_look(struct contact *c, const char *id);
