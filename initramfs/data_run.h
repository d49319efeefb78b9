/* SPDX-License-Identifier: Apache-2.0 */
/* keelboot-data, run by process 1: with a time limit, and the watchdog fed while it makes progress.
 */
#pragma once

#include "update/wire/data_wire.h"
#include "selector/data.h"

struct boot;

/* The answer, checked. KB_EEXEC: this initramfs has no such program; KB_ECHILD: it crashed, was
 * stopped, or its answer is none. KB_OK says nothing of what answer->end is. */
enum kb_err data_run(struct boot *b, enum data_job job, const struct state_data *whose,
		     struct data_wire *answer) KB_MUST_CHECK;
