/* SPDX-License-Identifier: Apache-2.0 */
/* What another program of the system prints. */
#pragma once

#include "lib/err.h"

#include <stddef.h>

#define CAPTURE_NO_END (-1) /* a status of none: it was killed, or never started */

/*
 * Runs argv[0], a path, with a PATH as its only variable, and keeps the first size - 1 bytes of
 * what it prints on either of its outputs. It is killed when ms are over. KB_OK: it ended with 0;
 * KB_ETIMEDOUT, KB_EIO; text is a string after any of them.
 */
enum kb_err capture_run(const char *const *argv, unsigned ms, char *text,
			size_t size) KB_MUST_CHECK;

/* The same with other variables, and how it ended: *status as from waitpid(), or CAPTURE_NO_END. */
enum kb_err capture_run_with(const char *const *argv, const char *const *envp, unsigned ms,
			     char *text, size_t size, int *status) KB_MUST_CHECK;
