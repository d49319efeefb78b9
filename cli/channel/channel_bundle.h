/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "channel/channel.h"

/* Reads from a bundle what a channel says of it; url becomes its file name unless r has one. No
 * signature is checked: that is the device's. Errors are reported. */
enum kb_err channel_bundle_read(struct channel_release *r, const char *path) KB_MUST_CHECK;
