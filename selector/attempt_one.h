/* SPDX-License-Identifier: Apache-2.0 */
/* One candidate of a run over all of them: looked at, charged, and mounted or handed over. Only
 * attempt.c calls it. */
#pragma once

#include "selector/attempt.h"

#define ATTEMPT_ALL_SLOTS ((choose_mask)~0u)

/* One run over the candidates. */
struct attempt_walk {
	struct attempt *a;
	/* what we know; may be ahead of a->disk */
	struct state *s;
	const struct attempt_ops *ops;
	void *ctx;
	/* slots that failed in this boot */
	choose_mask failed;
	/* a save failed: the disk has a->disk, or what was being saved */
	bool disk_unknown;
	/* something is durable that was not when this run began */
	bool wrote;
	/* slots that spent a try in it: one boot costs one */
	choose_mask paid;
	/* slots whose pair could not be had */
	choose_mask no_pair;
	/* the kernel that runs boots any slot: nothing else mounted, or no other can be had */
	bool any_kernel;
};

enum attempt_step {
	ATTEMPT_NEXT,  /* this one is out */
	ATTEMPT_LATER, /* could not be charged, or handed over: only if nothing else mounts, in this
			* run or the next */
	ATTEMPT_BOOTED, /* mounted */
};

/* No candidate: a slot of STATE_NONE. */
extern const struct choose_candidate attempt_one_nobody;

/* Makes r->s durable, if that would change anything. On a device record_save() asks the same once
 * more; the models have no record. */
enum kb_err attempt_one_save(struct attempt_walk *r) KB_MUST_CHECK;

/* What must not happen again and again uncounted. */
bool attempt_one_is_risky(const struct state *s, const struct choose_candidate *c);

/* Whether o is the better one to boot uncounted: a good slot goes before others; of two alike, the
 * one whose own kernel runs. */
bool attempt_one_goes_before(const struct attempt_walk *r, const struct choose_candidate *o,
			     const struct choose_candidate *c);

/* A good one failed, and the next run would boot it: that is better than to boot this one
 * uncounted, again and again. */
bool attempt_one_good_comes_back(const struct attempt_walk *r, const struct choose_candidate *c);

/* Charges the candidate and enters it. may_wait: there is something better to do when the charge
 * can not be written. */
enum attempt_step attempt_one_try(struct attempt_walk *r, const struct choose_candidate *c,
				  bool may_wait) KB_MUST_CHECK;

/* The slot that a handover, charged or not, has led to: whose pair runs. False: there is none, or
 * it was not entered. */
bool attempt_one_handed(struct attempt_walk *r) KB_MUST_CHECK;
