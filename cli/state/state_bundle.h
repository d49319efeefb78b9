/* SPDX-License-Identifier: Apache-2.0 */
/* The release that a factory put into its slots. */
#pragma once

#include "cli/device/device.h"

/*
 * Reads release id, version and sequence of the bundle file into r. Its signature is not checked:
 * it is the factory's own word. Errors of incoming_open() and reader_open(); reported.
 */
enum kb_err state_bundle_read(const char *file, struct plan_release *r) KB_MUST_CHECK;

/* Writes the manifest of the bundle that was read last beside the state, for a slot. Reports
 * errors. */
enum kb_err state_bundle_store(struct device *d, int slot) KB_MUST_CHECK;

/*
 * A release id for an image without a bundle, made from version and sequence, so that the
 * record can hold these. It is no real release's. KB_EIO.
 */
enum kb_err state_bundle_invent(struct plan_release *r, const char *version,
				uint64_t sequence) KB_MUST_CHECK;
