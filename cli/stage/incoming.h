/* SPDX-License-Identifier: Apache-2.0 */
/* A bundle that comes onto this device, for `stage` and `install`: it is opened and verified, or
 * the reason is reported. */
#pragma once

#include "cli/device/device.h"
#include "cli/output/output_progress.h"
#include "update/apply/apply_apart.h"
#include "update/apply/apply_seeds.h"
#include "update/bundle/reader.h"

/* Opens a bundle for reading: a regular file. KB_ENOENT, KB_EPERM, KB_EINVAL, KB_EIO; reported. */
enum kb_err incoming_open(const char *file, int *fd, uint64_t *size) KB_MUST_CHECK;

/* Loads the keys that the device trusts. KB_ENOENT, KB_ENOSPC; reported. */
enum kb_err incoming_keys(const struct device *d, struct keyring *keys) KB_MUST_CHECK;

/* KB_EINVAL, which it has reported: system.conf has no compatible=. */
enum kb_err incoming_device_named(const struct device *d) KB_MUST_CHECK;

/*
 * Header, signature, manifest of the open bundle fd, and whether it is for this device. name is for
 * the messages. Errors of reader_open(); KB_ECOMPAT; KB_EINVAL: system.conf has no compatible=.
 * Reported, and r->why says it too. r is to be closed after KB_OK.
 */
enum kb_err incoming_look(struct reader *r, const struct device *d, const struct keyring *keys,
			  int fd, uint64_t size, const char *name) KB_MUST_CHECK;

/* The partitions of all slots of the device: STATE_SLOTS_MAX of them. */
void incoming_slots(const struct device *d, struct apply_slot *slot);

/* What is no slot's, and must not be written by an install to one: as far as it is found here. */
void incoming_others(const struct device *d, struct apply_others *others);

/* Whether an install to target can use an encoding with these seeds. */
bool incoming_can_use(const struct manifest_encoding *enc, const struct apply_seeds *seeds,
		      int target);

/* Whether this program can read each image of r, as far as the manifest says, with these seeds;
 * target: where they are of no use, or STATE_NONE. KB_ENEWER, KB_ESEED; reported, as r->why says.
 */
enum kb_err incoming_readable(struct reader *r, const struct apply_seeds *seeds, int target,
			      const char *name) KB_MUST_CHECK;

/* Whether the tables of all encodings of r hold what the manifest says: reads them, and nothing of
 * the payload. Reported, as r->why says. */
enum kb_err incoming_tables(struct reader *r, const char *name) KB_MUST_CHECK;

/* Checks every chunk of every image of r against its signed hash: of the encoding that an install
 * with these seeds takes, and of the whole one. What a partial bundle lacks is looked for in lack.
 * Reported, as r->why says. */
enum kb_err incoming_verify(struct reader *r, const struct apply_seeds *seeds,
			    const struct install_lack *lack, const char *name,
			    struct output_progress *p) KB_MUST_CHECK;

/* Reports why plan_accept() refused release r in this mode, and what can be done. */
void incoming_report_refused(const struct state *s, const struct plan_release *r,
			     enum plan_mode mode, enum kb_err err);

/* Path of the helper program: $KEELBOOT_HELPER, else the one that tool_find() finds. NULL:
 * reported. */
const char *incoming_helper(void);
