/* SPDX-License-Identifier: Apache-2.0 */
/* Two processes: one that talks to the server, as a user without rights, and one that only serves
 * its orders (monitor.h). */
#pragma once

#include "fleet/monitor.h"

/*
 * Run by root: returns in the new process, which has no rights and a m->link; the other one ends
 * with the exit code of the new one. Its user is that of [fleet] user=, or nobody, with a warning,
 * where there is none of that name. Run by another user, or with user=root: returns in this
 * process. false: it cannot be done, which was reported.
 */
bool split(struct monitor *m);
