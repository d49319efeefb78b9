/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/record.h"

#include "lib/log.h"
#include "lib/os.h"
#include "selector/pair.h"

#include <inttypes.h>
#include <string.h>

const char *record_health_name(enum record_health h)
{
	switch (h) {
	case RECORD_FOUND:
		return "found";
	case RECORD_BLANK:
		return "blank";
	case RECORD_REBUILT:
		return "rebuilt";
	case RECORD_UNWRITABLE:
		return "unwritable";
	case RECORD_MISSING:
		return "missing";
	}
	return "unknown";
}

/* A device whose state cannot be had still boots: whatever mounts, uncounted. */
static void without_store(struct record *r, unsigned nslots, choose_mask mountable)
{
	r->health = RECORD_MISSING;
	state_init(&r->s, nslots);
	for (unsigned i = 0; i < nslots; i++) {
		if (!(mountable >> i & 1))
			continue;
		r->s.slot[i].st = STATE_TRIAL;
		r->s.slot[i].tries = STATE_TRIES;
	}
	r->disk = r->s;
}

/* More slots in system.conf than when the state was made: the new ones are empty. */
static void add_missing_slots(struct state *s, unsigned nslots)
{
	while (s->nslots < nslots) {
		s->slot[s->nslots] = (struct state_slot){ .st = STATE_EMPTY };
		s->nslots++;
	}
}

static void rebuild_state(struct record *r, unsigned nslots, choose_mask mountable,
			  enum record_health health, const char *why)
{
	enum kb_err err = store_rebuild(&r->store, nslots, mountable, &r->s);

	r->disk = (struct state){ .seq = 0 };
	if (err != KB_OK) {
		log_err("state: unable to rebuild: %s; booting without it", err_text(err));
		without_store(r, nslots, mountable);
		return;
	}
	r->health = health;
	log_warn("state: %s; rebuilt from what the slots hold", why);
	err = store_save_both(&r->store, &r->s);
	if (err != KB_OK) {
		log_err("state: unable to save the rebuilt record: %s", err_text(err));
		r->health = RECORD_UNWRITABLE;
		r->unsure = true;
		return;
	}
	r->disk = r->s;
	record_history(r, HISTORY_REBUILT, STATE_NONE, why, "");
}

/* The slots that the record does not let boot: as it has them, they hold nothing, or half an image.
 */
static choose_mask held_back(const struct state *s, unsigned nslots)
{
	choose_mask mask = 0;

	for (unsigned i = 0; i < nslots; i++)
		if (i >= s->nslots || !state_is_whole(&s->slot[i]))
			mask |= (choose_mask)(1u << i);
	return mask;
}

/*
 * It lets no slot boot, and something is there: it was made anew in a boot that saw none of the
 * slots, or somebody forged it. A slot under install has no superblock, or needs no byte: what is
 * seen is whole (decisions 20, 54, 60); root-filesystem= names such a slot mountable all the same,
 * which is heeded only where no install is under way.
 */
static bool is_of_nothing(const struct state *s, unsigned nslots, choose_mask mountable,
			  choose_mask seen)
{
	bool writing = false;

	for (unsigned i = 0; i < s->nslots; i++)
		writing |= s->slot[i].st == STATE_WRITING;
	return held_back(s, nslots) == (1u << nslots) - 1 &&
	       (seen != 0 || (mountable != 0 && s->rebuilt && !writing));
}

/* A medium that has become read-only for good still tells which slot is the good one. */
static enum kb_err open_file(struct record *r, const char *dev)
{
	enum kb_err err = record_part_open(&r->part, dev, BDEV_FILE_WRITE | BDEV_FILE_DIRECT);

	if (err != KB_EPERM)
		return err;
	log_warn("state: %s is read-only; nothing can be counted", dev);
	return record_part_open(&r->part, dev, BDEV_FILE_DIRECT);
}

static void report_unusable(const struct record *r, const char *dev, enum kb_err err)
{
	if (r->part.file.fd >= 0 && r->part.bdev.size < STORE_MIN_SIZE)
		log_err("state: %s has %" PRIu64
			" bytes, but needs at least %u MiB; booting without it",
			dev, r->part.file.bytes, STORE_MIN_SIZE >> 20);
	else
		log_err("state: unable to read %s: %s; booting without it", dev, err_text(err));
}

static void load_or_rebuild(struct record *r, const char *dev, unsigned nslots,
			    choose_mask mountable, choose_mask seen)
{
	enum store_finding found = STORE_LOST;
	enum kb_err err;

	r->part.file.fd = -1;
	r->unsure = false;
	if (dev[0] == '\0') {
		log_err("state: no state partition on the disk; booting without it; to make one: keelboot state init");
		without_store(r, nslots, mountable);
		return;
	}
	err = open_file(r, dev);
	if (err == KB_OK)
		err = store_load(&r->store, &r->part.bdev, &r->s, &found);
	if (err != KB_OK) {
		report_unusable(r, dev, err);
		without_store(r, nslots, mountable);
		return;
	}
	if (found == STORE_BLANK) {
		rebuild_state(r, nslots, mountable, RECORD_BLANK,
			      "the partition was never written");
		return;
	}
	if (found == STORE_LOST) {
		rebuild_state(r, nslots, mountable, RECORD_REBUILT, "both regions are damaged");
		return;
	}
	if (is_of_nothing(&r->s, nslots, mountable, seen)) {
		rebuild_state(r, nslots, mountable, RECORD_REBUILT, "the record lets no slot boot");
		return;
	}
	r->health = RECORD_FOUND;
	r->disk = r->s;
	add_missing_slots(&r->s, nslots);
	if (r->s.newer)
		log_warn("state: written by a newer Keelboot; only its core is used");
}

void record_load(struct record *r, const char *dev, unsigned nslots, choose_mask mountable,
		 choose_mask seen)
{
	load_or_rebuild(r, dev, nslots, mountable, seen);
	r->loaded = r->s.seq;
}

bool record_return(struct record *r, const char *dev, unsigned nslots, choose_mask mountable,
		   choose_mask seen)
{
	uint64_t loaded = r->loaded;

	record_part_close(&r->part);
	record_load(r, dev, nslots, mountable, seen);
	if (loaded == 0 || r->s.seq == loaded)
		return true;
	r->loaded = loaded;
	for (unsigned i = 0; i < STATE_SRC_COUNT; i++)
		r->s.apply[i].open = false;
	return false;
}

bool record_renew(struct record *r, unsigned nslots, choose_mask mountable, choose_mask seen)
{
	if (r->health == RECORD_MISSING || r->health == RECORD_UNWRITABLE)
		return false;
	if (!r->s.newer && (held_back(&r->s, nslots) & seen) == 0)
		return false;
	rebuild_state(r, nslots, mountable, RECORD_REBUILT, "the record lets no slot boot");
	return true;
}

/* How the last boot of a slot ended that was counted, and had not proved itself. */
static void report_end(const struct state *s, int slot, enum reset_cause cause)
{
	char letter = state_slot_letter(slot);

	if (cause == RESET_CLEAN)
		log_info("state: slot %c was shut down in order", letter);
	else
		log_info("state: slot %c ended before it %s; the reset: %s", letter,
			 s->slot[slot].st == STATE_GOOD ? "had proved itself" : "was marked good",
			 reset_name(cause));
}

static void go_on(struct record *r)
{
	r->ended = STATE_NONE;
	r->ended_token = r->s.seq;
	r->ended_handed = false;
	reset_go_on(&r->s, r->cause);
	log_notice("slot %c: its own kernel has come up", state_slot_letter(r->s.open));
}

void record_settle(struct record *r, const struct reset_evidence *ev, bool charge_good, int running)
{
	int open = r->s.open;

	r->turned_bad = STATE_NONE;
	r->unreported = 0;
	r->cause = reset_classify(&r->s, ev);
	r->arrived = pair_arrived(&r->s, running);
	if (r->arrived) {
		go_on(r);
		return;
	}
	r->ended = open == STATE_NONE && r->cause == RESET_CRASH ? r->s.last : open;
	r->ended_token = open != STATE_NONE ? r->s.open_token : r->s.seq;
	r->ended_handed = open != STATE_NONE && r->s.handed != 0;
	reset_settle(&r->s, r->cause, charge_good);
	if (open != STATE_NONE)
		report_end(&r->s, open, r->cause);
	for (int i = 0; i < r->s.nslots; i++) {
		if (r->s.slot[i].st != STATE_BAD || r->disk.slot[i].st == STATE_BAD)
			continue;
		if (i == r->s.pref)
			r->turned_bad = i;
		log_notice("slot %c is rejected: %s", state_slot_letter(i), r->s.slot[i].reason);
		r->unreported |= (choose_mask)(1u << i);
	}
}

/* What the history says is so: a line is written when the state has it. */
static void report_rejected(struct record *r)
{
	choose_mask unreported = r->unreported;

	r->unreported = 0;
	for (int i = 0; i < r->s.nslots; i++) {
		if (unreported >> i & 1)
			record_history(r, HISTORY_BAD, i, r->s.slot[i].reason,
				       reset_name(r->cause));
	}
}

enum kb_err record_save(struct record *r, struct state *s)
{
	enum kb_err err;

	if (r->health == RECORD_MISSING)
		return KB_ENODEV;
	if (!r->unsure && state_same(s, &r->disk))
		return KB_OK;
	r->unsure = true;
	err = store_save(&r->store, s);
	if (err != KB_OK) {
		log_err("state: unable to write to %s: %s; nothing is counted", r->part.dev,
			err_text(err));
		r->health = RECORD_UNWRITABLE;
		return err;
	}
	r->unsure = false;
	if (r->health == RECORD_UNWRITABLE)
		r->health = RECORD_FOUND;
	r->disk = *s;
	report_rejected(r);
	return KB_OK;
}

enum kb_err record_reload(struct record *r)
{
	static struct state fresh; /* too large for a stack of process 1 */
	enum store_finding found = STORE_LOST;
	unsigned nslots = r->s.nslots;
	struct store store;
	enum kb_err err;

	if (r->health == RECORD_MISSING)
		return KB_ENODEV;
	err = store_load(&store, &r->part.bdev, &fresh, &found);
	if (err == KB_OK && found != STORE_FOUND)
		err = KB_EFORMAT;
	if (err != KB_OK) {
		r->health = RECORD_MISSING;
		return err;
	}
	r->store = store;
	r->unsure = false;
	r->disk = fresh;
	r->s = fresh;
	add_missing_slots(&r->s, nslots);
	return KB_OK;
}

static struct history_event make_event(const struct record *r, enum history_kind kind, int slot,
				       const char *reason, const char *detail)
{
	struct history_event e = { .kind = kind, .slot = (int8_t)slot, .time = os_time_s() };

	if (slot != STATE_NONE && slot < r->s.nslots) {
		e.sequence = r->s.slot[slot].sequence;
		memcpy(e.version, r->s.slot[slot].version, sizeof(e.version));
	}
	history_set_text(e.reason, reason);
	history_set_text(e.detail, detail);
	return e;
}

static bool can_report(const struct record *r)
{
	return r->health != RECORD_MISSING && r->health != RECORD_UNWRITABLE;
}

static void add_event(struct record *r, const struct history_event *e)
{
	if (store_history_add(&r->store, e) != KB_OK)
		log_warn("history: cannot add an entry; nothing else is lost");
}

void record_history(struct record *r, enum history_kind kind, int slot, const char *reason,
		    const char *detail)
{
	struct history_event e = make_event(r, kind, slot, reason, detail);

	if (can_report(r))
		add_event(r, &e);
}

static void add_words(struct record *r, enum words_kind kind, int slot, uint64_t token,
		      const struct tail *tail)
{
	static struct words w; /* too large for a stack of process 1 */

	if (!can_report(r) || slot == STATE_NONE || tail->len == 0)
		return;
	w = (struct words){ .kind = kind, .token = token, .time = os_time_s(), .tail = *tail };
	words_of_slot(&w, &r->s, slot);
	if (store_words_add(&r->store, &w) != KB_OK)
		log_warn("unable to keep last words; nothing else is lost");
}

void record_words(struct record *r, enum words_kind kind, const struct tail *tail)
{
	add_words(r, kind, r->ended, r->ended_token, tail);
}

void record_trial_words(struct record *r, int slot, const struct tail *tail)
{
	if (r->s.open == slot && r->s.slot[slot].st == STATE_TRIAL)
		add_words(r, WORDS_BOOT, slot, r->s.open_token, tail);
}

void record_news_among(struct record *r, unsigned newest, enum history_kind kind, int slot,
		       const char *reason, const char *detail)
{
	struct history_event e = make_event(r, kind, slot, reason, detail);

	if (can_report(r) && !store_history_has(&r->store, newest, &e))
		add_event(r, &e);
}

void record_news(struct record *r, enum history_kind kind, int slot, const char *reason,
		 const char *detail)
{
	record_news_among(r, 1, kind, slot, reason, detail);
}
