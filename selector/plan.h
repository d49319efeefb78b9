/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a release may be installed, and how an install changes the state. PURE. */
#pragma once

#include "selector/choose.h"

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
	PLAN_RESCUE,	/* at boot, nothing mounts: neither the applied ledger, nor the budget, nor
			   the rebuilt rule, nor what is installed holds back a repair; the floor
			   does as far as it may be signed, which the caller sees to */
	PLAN_LAST_RESORT, /* at boot, no slot can be trusted: as rescue, but not back behind all
			     good slots that can be mounted, since power cuts alone bring it
			     about; and the record's floor counts */
	PLAN_COMMAND, /* a person typed it: budgets, the applied ledger and the rule of the strictly
			 newer sequence do not apply; the floor and rejections do */
};

static inline bool plan_is_rescue(enum plan_mode mode)
{
	return mode == PLAN_RESCUE || mode == PLAN_LAST_RESORT;
}

/*
 * Whether r may be installed now, and where. KB_OK; else why not, in this order:
 *   KB_ENEWER     the record is a newer Keelboot's: ledgers and floor are not understood
 *   KB_EREJECTED  it failed here before; or, automatically, its sequence is not above all that
 *                 failed here when one of them had to be forgotten
 *   KB_EAPPLIED   it is in the protected slot or in a trial with tries left; or, automatically, it
 *                 is in the ledger, unless it is strictly newer than the protected slot and no
 *                 trusted slot holds it. Rescue asks none of these: nothing installed mounts
 *   KB_EWAITS     it is in the ledger, and a slot that lost its trust twice waits for its next
 *                 chance; only automatically
 *   KB_EDOWNGRADE below the floor; or, automatically and without permission, not strictly newer
 *                 than the protected slot, which counts while that slot is good, or has tries left
 *                 (a device that never committed); or, so too in a last resort, below plan_back()
 *   KB_EBUDGET    8 installs since the last commit, or it could not be written to a slot
 *                 STATE_FAILS_LIMIT times; only automatically: where nothing mounts, a
 *                 rescue that was refused for this would be the end of the device
 *   KB_EBUSY      the state was rebuilt and a trial still has tries; only automatically
 *   KB_ENOTARGET  no slot may be overwritten; the protected one only in a rescue, or, if it is not
 *                 mountable, before a last resort, and only where there is no other
 */
enum kb_err plan_accept(const struct state *s, const struct plan_release *r, enum plan_mode mode,
			choose_mask mountable, choose_mask mounted, int *target) KB_MUST_CHECK;

/*
 * The least sequence that may come by itself without permission while no trusted slot asks for
 * more: that of the oldest good slot among mountable; where none is left, what had to be reached
 * when the last one was overwritten. 0: anything from the floor up.
 */
uint64_t plan_back(const struct state *s, choose_mask mountable);

/* Nothing but a commit or a person's order lets this release be installed automatically: looking at
 * it would cost each boot, for nothing. */
bool plan_over_budget(const struct state *s, const uint8_t release[STATE_ID_LEN]);

/*
 * Whether r is too far ahead: a release with the highest sequence there is, once committed, would
 * keep every later one out. max: by so much it may exceed the highest sequence that proved itself
 * here, the floor included; 0: there is no bound. Where nothing is known, half of all numbers are
 * too far. KB_EAHEAD. In rescue, but not in a last resort, nothing is: an empty s. To be asked
 * after plan_accept(), which has more to say.
 */
enum kb_err plan_ahead(const struct state *s, const struct plan_release *r,
		       uint64_t max) KB_MUST_CHECK;

/*
 * The target holds half an image from here on: state `writing`, release forgotten, no longer
 * preferred, asked for, or blamed; an attempt of it is closed. If it was good, back is kept until a
 * commit: what plan_back() said, or 0 in rescue. If it lost its trust, this is a retry of the slot.
 * Goes to both regions.
 */
void plan_begin(struct state *s, int target, uint64_t back);

/* Behind plan_begin(): the target is whole: trial with tries and grace, preferred; counts as an
 * automatic install unless mode is PLAN_COMMAND. */
void plan_end(struct state *s, int target, const struct plan_release *r, enum plan_mode mode);

/*
 * An install of r at boot began and failed at the slot's own storage: neither the copy nor the
 * release is to blame, but each boot would do it again. Counted up to STATE_FAILS_LIMIT; plan_end()
 * of that release, a commit of any, or a person's order ends that. False: nothing has changed.
 */
bool plan_unwritable(struct state *s, const struct plan_release *r);

/* The staged copy failed to verify or to read: one of its fails is spent; *dropped when that was
 * the last, and it is unstaged. */
void plan_staged_failed(struct state *s, bool *dropped);

/* A source is skipped: STATE_APPLY_LIMIT applies from it in a row took the device down, or died;
 * until a commit, until plan_apply_end(), because it is empty, or: */
bool plan_source_skipped(const struct state *s, enum state_source src);

/*
 * An apply from src is about to open its media; s has to be durable before it does. Counts it, in
 * advance; reset_settle() gives that back when a power cut or an orderly reboot explains why it did
 * not end. False: the limit is reached, or the record is a newer one's and cannot be counted in;
 * s is as it was, and the source must be left alone.
 */
bool plan_apply_begin(struct state *s, enum state_source src);

/* It ended by itself, whatever its result; or there is nothing in src that it could look at. */
void plan_apply_end(struct state *s, enum state_source src);

/* It crashed, or had to be killed: the device survived it, and the count stays. */
void plan_apply_died(struct state *s, enum state_source src);

/*
 * True: any mark good lifts its count. A source that took the device down: the system that runs
 * again says so. What lies in data and raw: that system wrote it, and can take it away. But not a
 * medium on which apply died and the boot went on: it may be left in, and the old system, healthy
 * as it is, would lift its count in each of those boots.
 */
bool plan_apply_forgivable(const struct state *s, enum state_source src);
