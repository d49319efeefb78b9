/* SPDX-License-Identifier: Apache-2.0 */
/* What a command of the host reads, and what its output may therefore not replace. */
#pragma once

#include "lib/err.h"

#include <stdbool.h>

/* More than any verb reads: 64 bundles for a channel, or images, older ones, keys and a recipe. */
#define INPUTS_MAX 128u

/* This file is read, so no output replaces it. What cannot be found is none. */
void inputs_note(const char *path);

/* This one is replaced by the output, as a bundle that gets a signature. */
void inputs_replaced(const char *path);

/* Its PEM says that it is one: that it cannot be read as one may have another reason. */
bool inputs_is_private_key(const char *path);

/* The one rule for all outputs. KB_EINVAL: path is a private key, or is read by this command; it
 * is reported. */
enum kb_err inputs_check_output(const char *path) KB_MUST_CHECK;
