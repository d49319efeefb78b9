/* SPDX-License-Identifier: Apache-2.0 */
/* Orders and their results between the two processes of keelboot-fleet. */
#pragma once

#include "fleet/monitor.h"

/* What one end waits for the other to take or to say, at most: a half order or answer. */
#define MONITOR_LINK_S	  60
/* And for an answer, beside timeout=: a long one says in between that it is at work. */
#define MONITOR_SILENCE_S 300

/* Does it, or has it done. Ends this process where no answer comes. *document: the last one that
 * the command printed, to be released, or NULL; *fd: a file that goes with the order, and is
 * closed, or -1; behind it an open folder, or -1. Both may be NULL. */
void monitor_do(struct monitor *m, const struct monitor_order *order, struct monitor_result *result,
		json_object **document, int *fd);

/* The process with rights: takes one order, checks it, and answers it. false: the other one has
 * ended, or sends what is no order. */
bool monitor_link_answer(int link, struct monitor *m);
