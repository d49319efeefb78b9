/* SPDX-License-Identifier: Apache-2.0 */
/*
 * barebox's bootchooser: its variables lie in barebox's state, three copies of it in a partition.
 * The preset has the highest priority, and attempts that count its starts; what is started once has
 * a higher one, and a single attempt. See loader.h, loader_bbvars.h and loader_bbcopy.h.
 */
#pragma once

#include "selector/loader/loader.h"

enum kb_err loader_barebox_read(struct loader *l, struct loader_choice *c) KB_MUST_CHECK;
enum kb_err loader_barebox_write(struct loader *l, const struct loader_choice *c) KB_MUST_CHECK;

/* By bootchooser.active= on the kernel's command line. KB_ENOENT: it has none, or that of no slot.
 */
enum kb_err loader_barebox_booted(struct loader *l, int *slot) KB_MUST_CHECK;

/* See loader_started(). */
enum loader_start loader_barebox_start(struct loader *l, int slot);
