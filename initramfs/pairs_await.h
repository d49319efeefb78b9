/* SPDX-License-Identifier: Apache-2.0 */
/* The boot loader's store may be on another disk than the slots', and that one may come later. */
#pragma once

#include "lib/err.h"

struct boot;
struct child_said;

/* As child_ask(), of keelboot-loader: where it finds no device with the store, it is asked again
 * until there is one, for as long as a boot waits for its disk. That wait is once in a boot; the
 * finding of the pairs says how it ended. */
enum kb_err pairs_await(struct boot *b, const char *const *argv, unsigned limit_ms,
			struct child_said *said, int *code) KB_MUST_CHECK;
