/* SPDX-License-Identifier: Apache-2.0 */
/* One contact with the server: look at the device, ask, answer, fetch, stage. */
#pragma once

#include "fleet/contact.h"

/* KB_EBUSY, KB_EIO, KB_EPERM and the like: it could not begin. What the server does is no error
 * here: see failed. */
enum kb_err cycle_run(struct contact *c) KB_MUST_CHECK;

/* The same without the server: whether a reboot is asked for now. */
enum kb_err cycle_look(struct contact *c) KB_MUST_CHECK;
