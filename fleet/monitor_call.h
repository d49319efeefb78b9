/* SPDX-License-Identifier: Apache-2.0 */
/* Keelboot's command, as the process with rights calls it, for a bounded time. */
#pragma once

#include "fleet/monitor.h"

#define MONITOR_ASK_S 60 /* for what only reads a little */

/* So many seconds the command may stand still that works with a bundle of this size: while it
 * flushes all of that, nobody sees anything of it. PURE. */
int monitor_patience(uint64_t size);

/* Of all: r->code, and r->why where that is not 0. *document: the last one that it prints, to be
 * released, or NULL; NULL: its output is dropped. */
void monitor_call(struct monitor *m, const char *const *words, int timeout_s,
		  struct monitor_result *r, json_object **document);
/* No time is set: a bundle may be large, and a medium slow. It is ended when it stands still. */
void monitor_call_long(struct monitor *m, const char *const *words, int bundle,
		       struct monitor_result *r, json_object **document);
/* Of "bundle" and "channel": no option of the device stands before them. */
void monitor_call_inspect(struct monitor *m, const char *const *words, struct monitor_result *r,
			  json_object **document);
