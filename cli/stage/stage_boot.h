/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a boot of this device would take what is staged, by what the last one has left: where it
 * looks, and whether it can try a release at all. */
#pragma once

#include "cli/device/device.h"
#include "update/bundle/reader.h"

/* The next boot looks where it will lie. KB_EINVAL: staging is switched off; KB_ENOENT: the data
 * partition is mounted elsewhere, or not at all. Reported. */
enum kb_err stage_boot_finds(const struct device *d) KB_MUST_CHECK;

/* KB_ENODEV: no boot installs it, since a slot's kernel cannot be started. Reported, as r->why
 * says. Where that is only not known, or a restart may mend it, there is a warning. name is for the
 * messages.
 */
enum kb_err stage_boot_tries(struct reader *r, const struct device *d,
			     const char *name) KB_MUST_CHECK;

/* What is said behind "is staged": nothing where the loader keeps boots from installing it. */
const char *stage_boot_promise(const struct device *d);
