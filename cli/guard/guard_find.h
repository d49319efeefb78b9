/* SPDX-License-Identifier: Apache-2.0 */
/* Which deployment runs. */
#pragma once

#include "cli/guard/guard_record.h"

/*
 * What distinguishes the deployment that runs from every other one of this device: what [guard]
 * deployment= prints; else the checksum of ostree's commit, the digest of composefs, the root hash
 * of dm-verity, or IMAGE_ID and IMAGE_VERSION of os-release. KB_ENOENT, KB_EIO; reported.
 */
enum kb_err guard_find(const struct device *d, char id[GUARD_ID_MAX + 1]) KB_MUST_CHECK;

/* An id for a person: a checksum is cut to 12 letters. */
#define GUARD_SHORT_MAX 24
void guard_find_short(const char *id, char text[GUARD_SHORT_MAX + 1]);
