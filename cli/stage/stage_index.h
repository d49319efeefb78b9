/* SPDX-License-Identifier: Apache-2.0 */
/* A bundle that is still being fetched: would this device stage it? */
#pragma once

#include "selector/plan.h"

/*
 * *size: that of the file fd; becomes that of the bundle which it begins, as its header says.
 * *no_tables: not all of its index is here. Of what is no bundle, or a whole one, *size stays, and
 * *no_tables is false: whoever opens it says so. KB_EIO, which it has reported.
 */
enum kb_err stage_index_measure(int fd, const char *name, uint64_t *size,
				bool *no_tables) KB_MUST_CHECK;

/* Prints which release it holds, as JSON. KB_EIO, which it has reported. */
enum kb_err stage_index_print(const struct plan_release *r) KB_MUST_CHECK;
