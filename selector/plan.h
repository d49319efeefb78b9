/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a release may be installed, and how an install changes the state. PURE. */
#pragma once

#include "selector/choose.h"

/* What decides about a release; all of it is signed. */
struct plan_release {
	uint8_t id[STATE_ID_LEN];
	uint64_t sequence;
	char version[STATE_STR_MAX + 1];
	/* signed permission to go back behind the running sequence; never below the floor */
	bool allow_downgrade;
};

/* On whose word a release is installed. plan_rules says what holds in which mode. */
enum plan_mode {
	PLAN_AUTOMATIC,	  /* at boot, from media or the stage folder */
	PLAN_RESCUE,	  /* at boot, nothing mounts */
	PLAN_LAST_RESORT, /* at boot, no slot can be trusted; power cuts alone bring that about */
	PLAN_COMMAND,	  /* a person typed it */
	PLAN_MODES,
};

static inline bool plan_is_rescue(enum plan_mode mode)
{
	return mode == PLAN_RESCUE || mode == PLAN_LAST_RESORT;
}

/* What a release is weighed against, beside the state. */
struct plan_terms {
	enum plan_mode mode;
	choose_mask mountable;
	/* these are no target */
	choose_mask mounted;
	/* the highest floor that is believed in a rescue */
	uint64_t floor_bound;
	/* see plan_ahead() */
	uint64_t max_jump;
};

struct plan_question;

/* One reason to refuse a release, and the modes in which it counts. */
struct plan_rule {
	bool (*applies)(const struct plan_question *q);
	enum kb_err err;
	/* bit m: in mode m */
	uint8_t modes;
	/* for docs/STATE.md, which shows the table */
	const char *when;
};

/* In the order in which they are asked; ended by one without applies. */
extern const struct plan_rule plan_rules[];

/*
 * Whether r may be installed now, and where. KB_OK; else what the first of plan_rules says that
 * counts in this mode and applies. *target is STATE_NONE then.
 */
enum kb_err plan_accept(const struct state *s, const struct plan_release *r,
			const struct plan_terms *terms, int *target) KB_MUST_CHECK;

/* The least sequence that is ever installed: the record's floor, which a rescue believes only as
 * far as it is signed. */
uint64_t plan_floor(const struct state *s, enum plan_mode mode, uint64_t floor_bound);

/*
 * The least sequence that is installed automatically, without permission, while no trusted slot
 * asks for more. It is that of the oldest good slot among mountable; where none is left, the bound
 * when the last one was overwritten. 0: anything from the floor up.
 */
uint64_t plan_back(const struct state *s, choose_mask mountable);

/* Nothing but a commit or a person's order lets this release be installed automatically: looking at
 * it would cost each boot, for nothing. */
bool plan_over_budget(const struct state *s, const uint8_t release[STATE_ID_LEN]);

/*
 * Whether r is too far ahead: a release with the highest sequence there is, once committed, would
 * keep every later one out. It may exceed the highest sequence that proved itself here, the floor
 * included, by max; 0: there is no bound. Where nothing is known, as in an empty s, half of all
 * numbers are too far. KB_EAHEAD.
 */
enum kb_err plan_ahead(const struct state *s, const struct plan_release *r,
		       uint64_t max) KB_MUST_CHECK;

/*
 * The target holds half an image from here on: state `writing`, release forgotten, no longer
 * preferred, asked for, or blamed; an attempt of it is closed. If it was good, back is kept until a
 * commit: what plan_back() said, or 0 in rescue. If it lost its trust, this is a retry of the slot.
 * Goes to both regions.
 */
void plan_install_begin(struct state *s, int target, uint64_t back);

/* After plan_install_begin(): the target is whole: a trial with grace and so many tries (0:
 * STATE_TRIES), preferred. Counts as an automatic install unless mode is PLAN_COMMAND. */
void plan_install_end(struct state *s, int target, const struct plan_release *r,
		      enum plan_mode mode, uint8_t tries);

/*
 * An install of r at boot began and failed at the slot's own storage: neither the copy nor the
 * release is to blame, but each boot would do it again. Counted up to STATE_FAILS_LIMIT;
 * plan_install_end() of that release, a commit of any, or a person's order ends that. False:
 * nothing has changed.
 */
bool plan_unwritable(struct state *s, const struct plan_release *r);

/* The staged copy failed to verify or to read: one of its fails is spent; *dropped when that was
 * the last, and it is unstaged. */
void plan_staged_failed(struct state *s, bool *dropped);

/* A source is skipped: STATE_APPLY_LIMIT applies from it in a row took the device down, or died.
 * A commit ends that, plan_apply_forget() (also when the source is empty), and any `mark good`
 * where plan_apply_forgivable(). */
bool plan_source_skipped(const struct state *s, enum state_source src);

/*
 * An apply from src is about to open its media; s must be durable before it does. Counts it, in
 * advance; reset_settle() gives that back when a power cut or an orderly reboot explains why it did
 * not end. False: the limit is reached, or the record is a newer one's and cannot be counted in;
 * s is as it was, and the source must be skipped.
 */
bool plan_apply_count(struct state *s, enum state_source src);

/* It ended by itself, whatever its result; or there is nothing in src that it could look at. */
void plan_apply_forget(struct state *s, enum state_source src);

/* It crashed, or had to be killed: the device survived it, and the count stays. */
void plan_apply_died(struct state *s, enum state_source src);

/*
 * True: any mark good lifts its count. A source that took the device down: the system that runs
 * again says so. What lies in data and raw: that system wrote it, and can take it away. But not a
 * medium on which apply died and the boot went on: it may be left in, and the old system, healthy
 * as it is, would lift its count in each of those boots.
 */
bool plan_apply_forgivable(const struct state *s, enum state_source src);
