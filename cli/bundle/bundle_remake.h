/* SPDX-License-Identifier: Apache-2.0 */
/* A delta as of bundle_delta.h, of an image with compressed blocks from one with such. */
#pragma once

#include "cli/bundle/bundle_delta.h"
#include "cli/bundle/bundle_view.h"

/* Runs it. KB_EFORMAT: nothing of the image can be made again, and nothing was done. KB_EIO,
 * KB_ENOMEM, KB_ENOSPC, which it has reported. */
enum kb_err bundle_remake_run(struct bundle_delta *d, const struct bundle_view *view) KB_MUST_CHECK;
