/* SPDX-License-Identifier: Apache-2.0 */
/* Which slot to boot, and what it costs. PURE. */
#pragma once

#include "selector/state.h"

enum choose_tier {
	CHOOSE_ONESHOT, /* somebody asked for it, for one boot */
	/* One more chance: for the preferred slot, which lost its trust; or for any that waits no
	 * longer, a bad one too, where all slots that are fit are in doubt. */
	CHOOSE_RETRY,
	CHOOSE_NORMAL,	    /* a trial with tries, or a trusted good slot */
	CHOOSE_LAST_RESORT, /* nothing better is left: after a growing delay, each slot in turn */
};

struct choose_candidate {
	int8_t slot;
	enum choose_tier tier;
};

struct choose_list {
	unsigned n;
	struct choose_candidate c[STATE_SLOTS_MAX + 1];
};

/*
 * All candidates of a settled state, best first:
 * - the oneshot;
 * - retries, whose wait is over (state_is_due());
 * - in the order preferred, last, others: trials with tries and good slots below the streak limit;
 * - as last resort every other slot that is neither empty nor writing, in turn, beginning behind
 *   s->lr (before there is one, in the order above).
 * A slot stands in it at most twice (as oneshot and by itself).
 */
void choose_candidates(const struct state *s, struct choose_list *out);

/* Whether choose_candidates() has the slot as a last resort. */
bool choose_is_last_resort(const struct state *s, int slot);

/* "oneshot", "retry", "normal", "last-resort". */
const char *choose_tier_name(enum choose_tier tier);

/*
 * Changes s to what must be durable before c is booted: the oneshot consumed, a try spent, the
 * attempt opened, the slot noted as last or last resort, a retry used. A good slot costs nothing
 * unless charge_good, or unless the preferred one waits for it to prove itself. open_token stays to
 * be set by whoever writes the record, to the sequence that the record gets.
 */
void choose_charge(struct state *s, const struct choose_candidate *c, bool charge_good);

/*
 * Notes that c failed before its init was started (did not mount, a check failed): reason recorded,
 * the attempt closed, a good slot's streak raised; a trial keeps the try that it was charged with
 * spent.
 */
void choose_failed(struct state *s, const struct choose_candidate *c, const char *reason);

/* Bit i set: slot i can be mounted as far as preflight tells. */
typedef uint8_t choose_mask;

/*
 * The slot that the device would fall back to; never an install's target. The first mountable good
 * slot below the streak limit in the order last, preferred, others; else the slot reached last by
 * last resort; else the first candidate, one that is good before the others;
 * else STATE_NONE (nothing is installed). Of the last two, one that is mountable goes before one
 * that is not.
 */
int choose_fallback(const struct state *s, choose_mask mountable);

/*
 * The slot that an install should overwrite: not the fallback, not in `mounted`; preferring writing
 * (an interrupted install goes on where it was), empty, bad, trial, good; among equals one that
 * lost trust, then one that is not preferred. A trial with tries left only for a sequence above its
 * own, but in rescue (nothing mounted in this boot) for any. STATE_NONE: no slot may be
 * overwritten.
 */
int choose_target(const struct state *s, choose_mask mountable, choose_mask mounted,
		  uint64_t sequence, bool rescue);
