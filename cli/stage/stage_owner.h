/* SPDX-License-Identifier: Apache-2.0 */
/* Whose it is that is staged: a person's, or keelboot-fleet's. To be asked under the state's lock.
 */
#pragma once

#include "lib/conf.h"
#include "lib/err.h"
#include "selector/state.h"

#define STAGE_OWNER_WHY 512 /* room for a reason */

/* From here on, durable: it is a person's, and no server takes it back. KB_EIO, KB_EPERM and the
 * like, reported. */
enum kb_err stage_owner_claim(const struct conf *c) KB_MUST_CHECK;

/* From here on, durable: this release is keelboot-fleet's, in the place of what is staged.
 * KB_EPERM: a person staged that. KB_EIO and the like. Reported, and in why. */
enum kb_err stage_owner_lend(const struct conf *c, const struct state_staged *staged,
			     const uint8_t release[STATE_ID_LEN],
			     char why[STAGE_OWNER_WHY]) KB_MUST_CHECK;

/* KB_EPERM: a person staged it; reported, and in why. */
enum kb_err stage_owner_allows_fleet(const struct conf *c, const struct state_staged *staged,
				     char why[STAGE_OWNER_WHY]) KB_MUST_CHECK;
