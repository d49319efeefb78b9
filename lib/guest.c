/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/guest.h"

#include "lib/log.h"
#include "lib/os.h"

#define KILLED_MS 1000

void guest_begin(struct guest *g)
{
	os_adopt_begin(&g->before);
}

void guest_end(struct guest *g, pid_t pid, bool runs)
{
	int status;

	os_kill_begin(pid);
	if (runs && os_wait(pid, KILLED_MS, &status) != KB_OK) {
		log_warn("%s%s: cannot be killed; it is left running", g->kind, g->name);
		os_forget(pid);
		os_adopt_leave(&g->before, pid);
	}
	if (os_adopt_end(&g->before, g->idle, g->idle_ctx) != KB_OK)
		log_warn("%s%s: what it has started may be left running", g->kind, g->name);
}
