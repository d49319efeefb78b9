/* SPDX-License-Identifier: Apache-2.0 */
/* The state partition during the boot: load, rebuild, settle, save. */
#pragma once

#include "initramfs/record_part.h"
#include "selector/choose.h"
#include "selector/reset.h"
#include "selector/store.h"

/* How the boot found its state. */
enum record_health {
	RECORD_FOUND,	   /* a valid record */
	RECORD_BLANK,	   /* never written: made from what the slots hold */
	RECORD_REBUILT,	   /* was lost: made from manifests and slots */
	RECORD_UNWRITABLE, /* readable, but the last save failed */
	RECORD_MISSING,	   /* no state partition, or it cannot be read */
};

struct record {
	/* `idle` of it is the caller's */
	struct record_part part;
	struct store store;
	/* as this boot sees it: settled, charged */
	struct state s;
	/* as it was last known to be durable */
	struct state disk;
	/* a save failed: there is `disk`, or what was being saved */
	bool unsure;
	enum record_health health;
	enum reset_cause cause;
	/* sequence of the record that this boot began with; 0: of none */
	uint64_t loaded;
	/* when it was settled: the attempt that had been open, or the slot that a crash is blamed
	 * on; STATE_NONE: neither */
	int ended;
	/* its token; of a boot that was no attempt, the newest record */
	uint64_t ended_token;
	/* it was handed over to a kernel that did not come up */
	bool ended_handed;
	/* when it was settled: the preferred slot, or STATE_NONE */
	int turned_bad;
	/* the attempt that had been open goes on: it was handed to the pair that runs */
	bool arrived;
	/* slots that it made bad; in the history once that is durable */
	choose_mask unreported;
};

/*
 * Opens the state partition dev ("" if there is none), which has to stay, and loads it. A blank or
 * lost state is made anew from manifests and `mountable`, and saved; so is one that lets no slot
 * boot at all, when a file system was `seen` on one, which is a part of `mountable`. A partition
 * that is read-only is read all the same. Never fails: without a usable partition r->s is an
 * unnamed trial for each mountable slot, which cannot be saved.
 */
void record_load(struct record *r, const char *dev, unsigned nslots, choose_mask mountable,
		 choose_mask seen);

/*
 * The state partition had gone and is back as dev: loads it anew. What was saved in this boot
 * stands; its applies are over, and stay counted. True: nothing was saved yet, so the reset must
 * be weighed and settled once more.
 */
bool record_return(struct record *r, const char *dev, unsigned nslots, choose_mask mountable,
		   choose_mask seen) KB_MUST_CHECK;

/*
 * Nothing could be booted by this record, not even as a last resort. It may be to blame: it holds
 * back a slot on which a file system was `seen`, or a newer Keelboot wrote it. Then it counts as
 * lost and is made anew, as by record_load(). False: it is not to blame, or could not be written.
 */
bool record_renew(struct record *r, unsigned nslots, choose_mask mountable,
		  choose_mask seen) KB_MUST_CHECK;

/* Classifies the reset and settles the attempt before, unless it goes on; in memory only.
 * charge_good: reset_charges_good_slots(). running: the slot whose pair runs, or STATE_NONE. */
void record_settle(struct record *r, const struct reset_evidence *ev, bool charge_good,
		   int running);

/*
 * Saves s if its text differs from r->disk, which it becomes; after an error in any case, since
 * what failed may be there nevertheless. Any error: nothing may be assumed to be written, and
 * r->health says so.
 */
enum kb_err record_save(struct record *r, struct state *s) KB_MUST_CHECK;

/* Loads again what another process wrote. On failure r->s stays, and nothing is saved any more: it
 * would hide what that process wrote. */
enum kb_err record_reload(struct record *r) KB_MUST_CHECK;

/* Adds last words of the slot that ended, once; without a word where that cannot be. */
void record_words(struct record *r, enum words_kind kind, const struct tail *tail);

/* The same of a trial that this boot counted, and did not enter. Of other slots nothing is kept:
 * they may fail in each boot. */
void record_trial_words(struct record *r, int slot, const struct tail *tail);

/* One line of history, if it can be written. */
void record_history(struct record *r, enum history_kind kind, int slot, const char *reason,
		    const char *detail);

/* The same, unless the newest line says so already. */
void record_news(struct record *r, enum history_kind kind, int slot, const char *reason,
		 const char *detail);
/* The same, unless one of the newest lines does: what other lines follow in each boot. */
void record_news_among(struct record *r, unsigned newest, enum history_kind kind, int slot,
		       const char *reason, const char *detail);

/* "found", "blank", "rebuilt", "unwritable", "missing". */
const char *record_health_name(enum record_health h);
