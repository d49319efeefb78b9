/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state record: what Keelboot knows about slots and attempts, and its text form. PURE.
 *
 * docs/STATE.md describes the text. The keys of the frozen core (nslots, X.st, X.tries, X.grace,
 * X.streak, pref, last, open, token, clean, lr) never change their meaning; an older reader boots a
 * newer record by these alone.
 */
#pragma once

#include "lib/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define STATE_FORMAT	    1	 /* what we write */
#define STATE_SLOTS_MAX	    8	 /* slots are named by one letter, 'a' to 'h' */
#define STATE_STR_MAX	    48	 /* longest string, without its NUL */
#define STATE_ID_LEN	    32	 /* a release id: SHA-256 */
#define STATE_LEDGER_LEN    8	 /* releases remembered as applied, and as rejected */
#define STATE_LEDGER_ID_LEN 16	 /* bytes of a release id that a ledger keeps */
#define STATE_PAYLOAD_MAX   4032 /* bytes of text that fit a cell of 4096 */
#define STATE_NONE	    (-1) /* no slot */

#define STATE_TRIES	   3 /* boots of a trial that may fail, unless system.conf says otherwise */
#define STATE_TRIES_MAX	   9
#define STATE_GRACE	   5 /* boots of a trial that power cuts and orderly reboots do not cost */
#define STATE_STREAK_LIMIT 3 /* crashes in a row after which a good slot is no longer trusted */
/* In place of an apply's excused: nothing excuses it. */
#define STATE_APPLY_DIED   (STATE_GRACE + 1)
#define STATE_RETRIES_MAX  15 /* retries of such a slot are counted no further */
#define STATE_APPLY_LIMIT \
	3 /* applies under way in which the device went down, then the source is skipped */
#define STATE_LR_COUNT_MAX   16 /* counts no further: the delay has long reached its bound */
#define STATE_FAILS_LIMIT    3	/* failures of one staged copy, then it is unstaged */
#define STATE_UNWRITABLE_LEN 4	/* releases remembered that could not be written to a slot */
#define STATE_FACTORY_MAX    9	/* counts no further */
#define STATE_MARKERS_LEN    8	/* markers of a reset remembered as heeded */
#define STATE_DATA_BEGUN_MAX 5
#define STATE_INSTALLS_LIMIT 8 /* automatic installs between two commits */

enum state_st {
	STATE_EMPTY,   /* nothing was ever installed */
	STATE_WRITING, /* an install began and did not end: never boots */
	STATE_TRIAL,   /* whole, not yet proven */
	STATE_GOOD,    /* proved itself */
	STATE_BAD,     /* rejected; boots only as a last resort */
};

enum state_source {
	STATE_SRC_DATA, /* the stage folder of the data partition */
	STATE_SRC_RAW,	/* a raw stage partition */
	STATE_SRC_SD,
	STATE_SRC_USB,
	STATE_SRC_COMMAND, /* `keelboot install` */
	STATE_SRC_COUNT,
	STATE_SRC_NONE = STATE_SRC_COUNT,
};

struct state_slot {
	enum state_st st;
	/* boots left on trial */
	uint8_t tries;
	/* refunds left: on trial, and for a good slot that is charged (count=always) */
	uint8_t grace;
	/* crashes in a row as a good slot */
	uint8_t streak;
	/* 1: a reset that nothing explains, half a crash; without trust: it was lost to such a
	 * reset, and no crash was reported since */
	uint8_t doubt;
	/* chances it got since it lost trust, or was overwritten then; 0 once it has proved itself
	 */
	uint8_t retries;
	/* without trust, or bad: boots of another one that have to prove themselves before it gets
	 * its next chance */
	uint16_t wait;
	bool ever_good;
	/* release, version and sequence are known */
	bool has_release;
	uint8_t release[STATE_ID_LEN];
	uint64_t sequence;
	char version[STATE_STR_MAX + 1];
	/* why it is bad, or why the last attempt failed; "" if nothing is wrong */
	char reason[STATE_STR_MAX + 1];
};

/* Counted like the tries of a slot: spent durably before the media are opened, given back when a
 * power cut or an orderly reboot explains what happened, at most STATE_GRACE times. */
struct state_apply {
	/* applies that did not end in order, the one under way included */
	uint8_t count;
	/* how many a reset's cause excused, so that count has them no more; or STATE_APPLY_DIED:
	 * the device survived one of them, and apply did not */
	uint8_t excused;
	/* one is under way */
	bool open;
};

struct state_staged {
	/* STATE_SRC_NONE: nothing is staged */
	enum state_source source;
	uint8_t release[STATE_ID_LEN];
	/* times that this copy could not be read or verified */
	uint8_t fails;
};

/* What is to be done to the data that goes back with the release (selector/data.h). */
enum state_data_phase {
	STATE_DATA_NONE, /* nothing is kept */
	STATE_DATA_DROP, /* what is kept, if anything, is of no use any more */
	STATE_DATA_KEEP, /* as it was before the release was booted for the first time */
	STATE_DATA_BACK, /* is being put back: before that is done, no slot may run with it */
};

struct state_data {
	enum state_data_phase phase;
	/* the trial that it is kept for; 0 for a release that is not known */
	int8_t slot;
	uint8_t release[STATE_LEDGER_ID_LEN];
	/* boots in a row that began a step which never came to an end; 0..STATE_DATA_BEGUN_MAX */
	uint8_t begun;
};

/* A release whose automatic installs failed at the slot's own storage. */
struct state_unwritable {
	uint8_t release[STATE_LEDGER_ID_LEN];
	/* 1..STATE_FAILS_LIMIT */
	uint8_t count;
};

struct state {
	/* of the record this was read from; 0: of none. Not part of the text */
	uint64_t seq;
	/* of the record this was read from */
	uint16_t format;
	/* least STATE_FORMAT that may use the whole record */
	uint16_t min_reader;
	/* min_reader > STATE_FORMAT: only the core was understood, the rest is kept verbatim */
	bool newer;

	uint8_t nslots;
	struct state_slot slot[STATE_SLOTS_MAX];
	/* preferred slot; always a slot */
	int8_t pref;
	/* slot that a crash is blamed on: the last good one, or last resort, that was booted; or
	 * STATE_NONE */
	int8_t last;
	/* slot of the attempt under way, or STATE_NONE */
	int8_t open;
	/* seq of the record that charged it */
	uint64_t open_token;
	/* open_token of an attempt that was handed to the slot's own pair, which has not come up
	 * yet; 0: none. Not 0 while open_token is: whoever writes the record makes them equal */
	uint64_t handed;
	/* the attempt under way ended by an orderly reboot; only while open */
	bool clean;
	/* slot to boot once, or STATE_NONE */
	int8_t oneshot;
	/* slot booted last as a last resort, or STATE_NONE */
	int8_t lr;
	/* last resorts in a row: what their delay grows with */
	uint8_t lr_count;
	struct state_staged staged;
	struct state_data data;
	/* the data partition is to be made anew: 1 and the boots that began it; see factory.h */
	uint8_t factory;
	/* what the slot brings for it has still to be copied there: 1 and the boots that began it
	 */
	uint8_t factory_fill;
	/* what is kept was kept before that: when it goes back, it is to be done again */
	bool factory_refill;
	/* hashes of the markers that were heeded, newest first; 0: none. See factory.h */
	uint64_t markers[STATE_MARKERS_LEN];
	struct state_apply apply[STATE_SRC_COUNT];
	/* automatic installs since the last commit */
	uint8_t installs;
	/* both regions were lost: no automatic install until a slot is good or no trial has tries
	 */
	bool rebuilt;
	/* hash of the last panics seen in pstore; 0: none */
	uint64_t ps;
	/* memory was once found to outlive a reset of this device */
	bool warm;
	/* least sequence that may be installed */
	uint64_t floor;
	/* where no slot is good: least that may come by itself; see plan_back() */
	uint64_t back;
	/* the disk bound at the first mark good; "" before */
	char disk[STATE_STR_MAX + 1];
	uint8_t napplied, nrejected;
	/* oldest first */
	uint8_t applied[STATE_LEDGER_LEN][STATE_LEDGER_ID_LEN];
	uint8_t rejected[STATE_LEDGER_LEN][STATE_LEDGER_ID_LEN];
	/* highest sequence that was ever rejected */
	uint64_t rejected_max;
	/* the same of what may have fallen out of `rejected` */
	uint64_t forgotten_max;
	uint8_t nunwritable;
	/* oldest first */
	struct state_unwritable unwritable[STATE_UNWRITABLE_LEN];

	/* lines that we do not know, verbatim, each ended by '\n' */
	size_t extra_len;
	char extra[STATE_PAYLOAD_MAX];
};

/* The state of a device that nothing was ever installed on: nslots empty slots, slot 0 preferred.
 * nslots 1..8. */
void state_init(struct state *s, unsigned nslots);

/*
 * Writes the text of s into buf (not ended by NUL) and its length into *len. The same s always
 * gives the same bytes. Unknown lines are dropped if they do not fit any more. KB_ENOSPC if even
 * our own lines do not fit in size, which cannot happen with STATE_PAYLOAD_MAX.
 */
enum kb_err state_encode(const struct state *s, char *buf, size_t size, size_t *len) KB_MUST_CHECK;

/*
 * Reads a text. Never fails on a bad value: it becomes the value that trusts least, since whoever
 * can write the partition must not be able to stop the boot. min_reader is the record's; seq and
 * format are left to the caller. KB_EFORMAT only when there is no nslots from 1 to 8, or the text
 * holds a NUL or exceeds STATE_PAYLOAD_MAX.
 */
enum kb_err state_decode(struct state *s, const char *buf, size_t len,
			 uint16_t min_reader) KB_MUST_CHECK;

/* Holds a whole image as far as the record knows: may be booted, if only as a last resort. */
static inline bool state_is_whole(const struct state_slot *t)
{
	return t->st != STATE_EMPTY && t->st != STATE_WRITING;
}

/* Whole, and not rejected: good, or on trial, with tries left or without. */
static inline bool state_is_usable(const struct state_slot *t)
{
	return t->st == STATE_GOOD || t->st == STATE_TRIAL;
}

/* Good, and not left because of crashes. */
static inline bool state_is_trusted(const struct state_slot *t)
{
	return t->st == STATE_GOOD && t->streak < STATE_STREAK_LIMIT;
}

/* Good, and left because of crashes. */
static inline bool state_lost_trust(const struct state_slot *t)
{
	return t->st == STATE_GOOD && !state_is_trusted(t);
}

/* Trusted, and the next reset that nothing explains ends that. */
static inline bool state_is_in_doubt(const struct state_slot *t)
{
	return t->st == STATE_GOOD && t->streak == STATE_STREAK_LIMIT - 1 && t->doubt > 0;
}

static inline bool state_has_tries(const struct state_slot *t)
{
	return t->st == STATE_TRIAL && t->tries > 0;
}

/* Too often failed, or not written, for one more automatic install. */
static inline bool state_fails_exhausted(unsigned fails)
{
	return fails >= STATE_FAILS_LIMIT;
}

/* So many automatic installs since the last commit that no more are made. */
static inline bool state_installs_exhausted(const struct state *s)
{
	return s->installs >= STATE_INSTALLS_LIMIT;
}

/* A boot may enter it by itself, without a last resort or a retry. */
static inline bool state_is_fit(const struct state_slot *t)
{
	return state_is_trusted(t) || state_has_tries(t);
}

/* Lost its trust, or was rejected, and waits no longer for one more chance. */
static inline bool state_is_due(const struct state_slot *t)
{
	return state_is_whole(t) && !state_is_fit(t) && t->wait == 0;
}

/* What is known to be in the slot is this release. */
static inline bool state_holds(const struct state_slot *t, const uint8_t release[STATE_ID_LEN])
{
	return t->has_release && memcmp(t->release, release, STATE_ID_LEN) == 0;
}

/* Good, lost its trust more than once, and waits for its next chance. */
static inline bool state_is_waiting(const struct state_slot *t)
{
	return t->st == STATE_GOOD && t->retries > 0 && t->wait > 0;
}

/* One more crash of a good slot. The last one takes its trust. */
void state_add_crash(struct state_slot *t);

/* One more reset of a trusted slot that nothing explains. */
void state_add_doubt(struct state_slot *t);

/* A good slot gets its chance: the next one is twice as far away. */
void state_use_retry(struct state_slot *t);

/* The chance ended before it could show anything: the slot is due again, and the one after it is no
 * farther away than before. Only after state_use_retry(). */
void state_return_retry(struct state_slot *t);

/* What counted against a good slot is over. */
void state_trust(struct state_slot *t);

/* No attempt is under way any more. */
static inline void state_close_attempt(struct state *s)
{
	s->open = STATE_NONE;
	s->open_token = 0;
	s->handed = 0;
	s->clean = false;
}

/* The slot in which the release is on trial, with tries left; or STATE_NONE. */
int state_on_trial(const struct state *s, const uint8_t release[STATE_ID_LEN]);

/* A slot that lost its trust has not proved itself since. */
bool state_any_retries(const struct state *s);

/* True when both have the same text, so that writing one over the other would change nothing. */
bool state_same(const struct state *a, const struct state *b);

/* The letter of a slot; '-' for STATE_NONE. */
char state_slot_letter(int slot);

/* The slot of a name "a".."h" below nslots; STATE_NONE otherwise. */
int state_slot_by_name(const struct state *s, const char *name);

/* "empty", "writing", "trial", "good", "bad". */
const char *state_st_name(enum state_st st);

/* "none", "drop", "keep", "back". */
const char *state_data_name(enum state_data_phase phase);

/* "data", "raw", "sd", "usb", "command"; "none". */
const char *state_source_name(enum state_source src);

/* Copies text into a reason or version field: bounded, printable ASCII without '\n', else '?'. */
void state_set_text(char dst[STATE_STR_MAX + 1], const char *text);

/* The ledgers. Adding moves a release that is already there to the newest end; the oldest falls out
 * when full. */
bool state_is_applied(const struct state *s, const uint8_t release[STATE_ID_LEN]);
bool state_is_rejected(const struct state *s, const uint8_t release[STATE_ID_LEN]);
void state_add_applied(struct state *s, const uint8_t release[STATE_ID_LEN]);
void state_add_rejected(struct state *s, const uint8_t release[STATE_ID_LEN]);
void state_del_rejected(struct state *s, const uint8_t release[STATE_ID_LEN]);

/*
 * The slot becomes bad; the caller sets the reason. Its release, if it has one, failed: when the
 * ledger is full this makes room in it. Then no sequence up to the highest that failed so far is
 * installed automatically any more, since one of them is not remembered by its id.
 */
void state_reject(struct state *s, struct state_slot *t);

/* How often the release could not be written to a slot, up to STATE_FAILS_LIMIT; counting one more
 * moves it to the newest end, and the oldest falls out when there are STATE_UNWRITABLE_LEN others.
 */
unsigned state_unwritable(const struct state *s, const uint8_t release[STATE_ID_LEN]);
/* state_fails_exhausted() of that */
bool state_is_unwritable(const struct state *s, const uint8_t release[STATE_ID_LEN]);
void state_add_unwritable(struct state *s, const uint8_t release[STATE_ID_LEN], unsigned count);
void state_del_unwritable(struct state *s, const uint8_t release[STATE_ID_LEN]);
