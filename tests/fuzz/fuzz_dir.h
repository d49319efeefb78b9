/* SPDX-License-Identifier: Apache-2.0 */
/* A folder below $TMPDIR, for parsers that open files by their path; it goes when the process ends
 * in order. tests/fuzz/run gives it a TMPDIR in memory, and removes that. */
#pragma once

#include <stddef.h>

/* Its path; made at the first call. */
const char *fuzz_dir(void);
/* Makes a folder, or a file with these bytes, below it. */
void fuzz_dir_make(const char *name);
void fuzz_dir_put(const char *name, const void *p, size_t len);
/* Removes all files below it; folders stay. */
void fuzz_dir_clear(void);
