/* SPDX-License-Identifier: Apache-2.0 */
/* What a contact of a timer leaves for the next one: in /run, which costs no disk a write, and is
 * gone when the uptime begins anew. Root writes it, and reads it before anything of the network is
 * read. */
#pragma once

#include "lib/err.h"

#include <stdint.h>

struct wait_note {
	/* the uptime of this boot, in seconds, of the next contact; 0: with the timer */
	uint64_t due;
	/* contacts in a row that failed */
	uint64_t failures;
};

/* Zero where there is none, or none that can be read. */
struct wait_note wait_note_read(const char *run_dir);
enum kb_err wait_note_write(const char *run_dir, const struct wait_note *n) KB_MUST_CHECK;
