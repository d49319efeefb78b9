/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a release may be installed, and how an install changes the state. PURE. */
#pragma once

#include "selector/choose.h"
#include "selector/reset.h"

/* What decides about a release; all of it is signed. */
struct plan_release {
	uint8_t id[STATE_ID_LEN];
	uint64_t sequence;
	char version[STATE_STR_MAX + 1];
	bool allow_downgrade; /* signed permission to go back behind the running sequence; never
				 below the floor */
};

enum plan_mode {
	PLAN_AUTOMATIC, /* at boot, from media or the stage folder */
	PLAN_RESCUE, /* at boot, nothing mounts: the applied ledger and the rebuilt rule do not hold
			back a repair */
	PLAN_COMMAND, /* a person typed it: budgets do not apply */
};

/*
 * Whether r may be installed now. KB_OK; else why not: KB_EAPPLIED (it is the protected or the only
 * trial slot's release, or was applied), KB_EREJECTED, KB_EDOWNGRADE (below the floor; or not
 * strictly newer than the protected slot's, which only counts while that slot is good, and only in
 * PLAN_AUTOMATIC), KB_EBUDGET (8 installs between commits), KB_EBUSY (rebuilt state, trials still
 * have tries), KB_ENOTARGET.
 */
enum kb_err plan_accept(const struct state *s, const struct plan_release *r, enum plan_mode mode,
			choose_mask mountable, choose_mask mounted, int *target) KB_MUST_CHECK;

/* The target holds half an image from here on: state `writing`, release forgotten, pref moved off
 * it. Goes to both regions. */
void plan_begin(struct state *s, int target);

/* The target is whole: trial with tries and grace, preferred; counts as an automatic install unless
 * mode is PLAN_COMMAND. */
void plan_end(struct state *s, int target, const struct plan_release *r, enum plan_mode mode);

/* The staged copy failed to verify or to read: one of its fails is spent; *dropped when that was
 * the last, and it is unstaged. */
void plan_staged_failed(struct state *s, bool *dropped);

/* A source is skipped: STATE_APPLY_LIMIT applies from it took the device down; until the next mark
 * good. */
bool plan_source_skipped(const struct state *s, enum state_source src);

/*
 * An apply from src is about to open its media; s has to be durable before it does. Counts an
 * earlier one that did not end, or uses its grace when cause is POWER or CLEAN. False: the limit is
 * reached, the source must be left alone.
 */
bool plan_apply_begin(struct state *s, enum state_source src, enum reset_cause cause);

/* It came back, whatever its result: the device survived it. */
void plan_apply_end(struct state *s, enum state_source src);
