/* SPDX-License-Identifier: Apache-2.0 */
/* A program of others (os_spawn.guest) ends with all that it has started. */
#pragma once

#include "lib/os_adopt.h"

#include <stdbool.h>

struct guest {
	/* For messages: "hook ", or ""; then its name. */
	const char *kind, *name;
	/* Called many times in a second while it is ended, to feed the watchdog; may be NULL. */
	void (*idle)(void *ctx);
	void *idle_ctx;
	struct os_adopt before;
};

/* Before os_spawn(). */
void guest_begin(struct guest *g);
/* Ends its session, and then what left that, within some seconds; a warning names what stays. pid:
 * as os_spawn() has set it, also when it failed. runs: nobody has waited for it yet. */
void guest_end(struct guest *g, pid_t pid, bool runs);
