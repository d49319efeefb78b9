/* SPDX-License-Identifier: Apache-2.0 */
/* This boot, in the run folder: what `keelboot guard begin` found. */
#pragma once

#include "cli/guard/guard_record.h"

struct guard_boot {
	char id[GUARD_ID_MAX + 1];
	/* the number of this attempt; 0: not a trial */
	uint32_t attempt;
	/* for the verdict; 0: none, since nothing else was good */
	uint32_t deadline_s;
	/* when that is over: seconds of os_clock_ms() */
	uint64_t due_s;
	/* that the guardian feeds; "": none */
	char watchdog[64];
	/* why not, or who else does; may be "" */
	char watchdog_note[80];
};

bool guard_boot_read(const struct device_options *o, struct guard_boot *b);
enum kb_err guard_boot_write(const struct device_options *o,
			     const struct guard_boot *b) KB_MUST_CHECK;

/* bad= was begun in this boot: it is not begun twice. */
bool guard_boot_left(const struct device_options *o);
/* It begins now. A failure is reported. */
void guard_boot_leave(const struct device_options *o);
