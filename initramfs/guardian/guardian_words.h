/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a trial leaves behind should it end without a word of its own: the kernel's last lines. They
 * are heard all the time, and written when they matter, so a hang or a reset finds them on the
 * disk.
 */
#pragma once

#include "lib/tail.h"

#include <stdbool.h>
#include <stdint.h>

#define GUARDIAN_WORDS_EVERY_S 20 /* between two writes, unless a line reports an error */
#define GUARDIAN_WORDS_MAX     12 /* writes of a boot */

struct guardian_words {
	/* that are not written yet */
	struct tail tail;
	/* one of them reports an error, or they will be the last */
	bool urgent;
	/* when the first of them was heard, in ms */
	uint64_t since;
	/* writes that were begun */
	unsigned writes;
};

/* Reads what is new in the kernel's log, an open /dev/kmsg that does not block. Never waits. */
void guardian_words_listen(struct guardian_words *w, int kmsg, uint64_t now_ms);

/* True: they should be written now, which counts. */
bool guardian_words_begin(struct guardian_words *w, uint64_t now_ms);

/* They were written. */
void guardian_words_forget(struct guardian_words *w);

/* Adds a record of /dev/kmsg: "LEVEL,SEQUENCE,MICROSECONDS,FLAGS;TEXT", then lines about it, which
 * are left out. PURE. */
void guardian_words_add(struct guardian_words *w, const char *record, uint64_t now_ms);
