/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of keelboot-apply share: the device, and the bundle that is worked on. */
#pragma once

#include "lib/conf.h"
#include "update/apply/apply_apart.h"
#include "update/apply/apply_options.h"
#include "update/wire/apply_wire.h"
#include "update/apply/media.h"

#define APPLY_OPENED_MAX 256u /* bundles of one folder: each costs a walk through it */

/* A bundle that would be installed. */
struct apply_candidate {
	/* index */
	unsigned source;
	/* of the file; "" for a raw medium */
	char name[MEDIA_NAME_MAX + 1];
	struct plan_release release;
	bool tried;
};

struct apply {
	struct apply_options o;
	/* of them: the state, data and raw bundles */
	struct apply_others others;
	struct conf conf;
	struct keyring keys;
	struct bdev_file dev;
	struct store store;
	struct state state;
	/* of signed_floor_bound(); in PLAN_RESCUE only */
	uint64_t floor_bound;
	struct apply_file_job job;
	struct media media;
	/* nfailed of them were tried, and at fault */
	unsigned ncandidates, nfailed;
	struct apply_candidate candidate[APPLY_CANDIDATES_MAX];
};

/* Fills a->job for a bundle at fd. `from` is for messages. */
void apply_shared_fill(struct apply *a, int fd, const char *from, enum state_source kind, bool raw);
