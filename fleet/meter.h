/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts what comes of a bundle, whole or in parts, against [fleet] daily-bytes=: in the record of
 * the action, and before it comes.
 */
#pragma once

#include "fleet/files.h"
#include "fleet/limits.h"

#include <stdbool.h>
#include <stdint.h>

#define METER_STEP (16u << 20) /* bytes that are counted ahead: a record comes before their end */

struct meter {
	const struct files *files;
	struct action *a;
	const struct limits *limits;
	/* bytes that came today, of whichever bundles */
	uint64_t spent;
};

/* Begins another day, where one is due. false: the record cannot be written; why says it. */
bool meter_begin(struct meter *m, char why[ACTION_WHY_MAX + 1]);

/* How many bytes more may come today; UINT64_MAX: there is no limit. PURE. */
uint64_t meter_left(const struct meter *m);

/* So many came. false: they are more than this day has left, which is used up then. PURE. */
bool meter_count(struct meter *m, uint64_t len);
/* An answer was left without being read, of which the kernel may have some. PURE. */
void meter_count_unread(struct meter *m);
/* What this day has left is of no use. PURE. */
void meter_use_up(struct meter *m);

/* Puts into the record what came, and of the bytes that come next as many as may come before it is
 * saved again; whoever calls this saves it. PURE. */
void meter_note(const struct meter *m, uint64_t next);
/* The same, and saves it where there is a limit. false: it cannot be written. */
bool meter_save(const struct meter *m, uint64_t next);
