/* SPDX-License-Identifier: Apache-2.0 */
/* How the contacts of this boot went, for whoever looks: in /run, which costs no disk a write, and
 * is gone when the uptime begins anew. Root writes it, at each contact. */
#pragma once

#include "lib/err.h"

#include <stdint.h>

#define LAST_CONTACT_WHY_MAX 255

struct last_contact {
	/* the uptime of this boot, in seconds, at which the server was reached last; 0: not yet */
	uint64_t reached;
	/* contacts in a row that failed; why the last of them did, "" with 0 */
	uint64_t failures;
	char why[LAST_CONTACT_WHY_MAX + 1];
};

/* Zero where there is none, or none that can be read. */
struct last_contact last_contact_read(const char *run_dir);
/* One more contact: the uptime at which it reached the server, or 0; and why it failed all the
 * same, or "". */
enum kb_err last_contact_add(const char *run_dir, uint64_t reached, const char *why) KB_MUST_CHECK;
