/* SPDX-License-Identifier: Apache-2.0 */
/* Whose it is that is staged. */
#pragma once

#include "lib/conf.h"
#include "lib/err.h"

/* From here on, durable: it is a person's, and no server takes it back. KB_EIO, KB_EPERM and the
 * like, reported. */
enum kb_err stage_owner_claim(const struct conf *c) KB_MUST_CHECK;
