/* SPDX-License-Identifier: Apache-2.0 */
/* Two processes: one that talks to the server, as a user without rights, and one that only serves
 * its orders (monitor.h). */
#pragma once

#include "fleet/monitor.h"

/*
 * Run by root, with a user in [fleet] user= that exists: returns in the new process, which has no
 * rights and a m->link; the other one ends with the exit code of the new one. Else it returns in
 * this process, and has warned where that is not asked for. false: it cannot be done, which was
 * reported.
 */
bool split(struct monitor *m);
