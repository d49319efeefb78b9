/* SPDX-License-Identifier: Apache-2.0 */
/* The files of `keelboot guard` on the disk. */
#pragma once

#include "lib/err.h"

#define GUARD_FOLDER "/var/lib/keelboot"

/* Replaces the file `name` in dir, durably: a power cut leaves the old text or the new one. */
enum kb_err guard_file_replace(int dir, const char *name, const char *text) KB_MUST_CHECK;
