/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state partition: two regions, each a ring of cells; beside them each slot's manifest, and the
 * history. The map is in docs/STATE.md. All I/O through bdev; buffers are static, so one store
 * operation at a time in a process.
 */
#pragma once

#include "lib/bdev.h"
#include "selector/history.h"
#include "selector/state.h"
#include "selector/words.h"

#define STORE_MIN_SIZE	   (16u << 20) /* bytes that the partition must have */
#define STORE_REGION_APART (8u << 20)  /* at least: see store_second_of() */
#define STORE_CELL	   HISTORY_CELL
#define STORE_CELLS	   64u
#define STORE_WORDS_CELLS  128u /* pieces of last words that there may be */
#define STORE_WORDS_TRIAL  16u	/* of them that a trial may have: 64 KiB */
#define STORE_MANIFEST_MAX \
	(256u << 10) /* room for a slot's header, signatures and manifest, with our own header */

struct store {
	/* borrowed */
	struct bdev *dev;
	/* where region 1, and copy 1 of the manifests, begin */
	uint64_t second;
	/* what the last load found; save needs it */
	uint64_t seq;
	/* of the newest record; -1 when there is none */
	int region, cell;
	/* cell of each region that is written next */
	int next[2];
	/* the load found a valid record in the region */
	bool has_record[2];
	/* no cell of the region can be read: both copies go into the other */
	bool region_dead[2];
	/* number of the newest event; 0: not looked for yet */
	uint64_t history_n;
};

enum store_finding {
	STORE_FOUND, /* a valid record */
	STORE_BLANK, /* never written: a factory-new partition */
	STORE_LOST,  /* something was there, and no record is valid: rebuild */
};

/*
 * Reads both regions and picks the valid record with the highest sequence. Never repairs, never
 * writes. KB_OK with *found; s is filled only when STORE_FOUND (s->newer may be set). KB_EINVAL:
 * the partition is too small. KB_EIO when nothing at all could be read, or no record that was valid
 * a moment ago.
 */
enum kb_err store_load(struct store *st, struct bdev *dev, struct state *s,
		       enum store_finding *found) KB_MUST_CHECK;

/* One read or two: whether a state may begin here. For who looks at many partitions. */
bool store_is_likely(struct bdev *dev);

/* Where region 1 of a state that is made today begins: as far from region 0 as the partition lets
 * it. The medium may erase a good part of it at once. */
uint64_t store_second_of(uint64_t size);

/*
 * Writes zeroes over all records that a load may find: what was here before must not come back. The
 * next save makes a state as if the partition were new. After a store_load(), whatever it found.
 */
enum kb_err store_erase(struct store *st) KB_MUST_CHECK;

/*
 * Makes s durable in the next cell of the region that does not hold the newest record, flushes, and
 * reads it back past the cache; when that fails, in the next cell of the other region. On success
 * s->seq and, if s->open is set and open_token is 0, s->open_token is the new sequence (so a charge
 * sets open_token to 0). Any error: the record may or may not be there; the older one still is.
 */
enum kb_err store_save(struct store *st, struct state *s) KB_MUST_CHECK;

/* As store_save(), but into both regions, one flushed after the other: no single lost region can
 * bring back what was before. */
enum kb_err store_save_both(struct store *st, struct state *s) KB_MUST_CHECK;

/* What a manifest cell tells beside its blob. */
struct store_manifest {
	uint8_t release[STATE_ID_LEN];
	uint64_t sequence;
	/* of the state when the slot was installed, or a commit raised it */
	uint64_t floor;
	char version[STATE_STR_MAX + 1];
	/* bytes of the blob: bundle header, signatures, manifest, as they were in the bundle */
	size_t len;
};

/* Writes both copies of a slot's manifest cell, flushed and read back. len at most
 * STORE_MANIFEST_MAX - 4096. One copy that can be neither written nor read is skipped; one that
 * cannot be changed and still holds the old manifest is an error. */
enum kb_err store_manifest_write(struct store *st, int slot, const struct store_manifest *m,
				 const void *blob) KB_MUST_CHECK;

/*
 * As store_manifest_write(), of a cell that is there, for the same release: one copy is valid
 * whenever the power goes. A copy that is damaged is written first, and the other one only if that
 * succeeded.
 */
enum kb_err store_manifest_change(struct store *st, int slot, const struct store_manifest *m,
				  const void *blob) KB_MUST_CHECK;

/* Makes both copies invalid, flushed and read back; errors as for writing. */
enum kb_err store_manifest_clear(struct store *st, int slot) KB_MUST_CHECK;

/*
 * Reads a slot's manifest cell from the first copy that is valid. blob may be NULL; else it has
 * room for size bytes (KB_ENOSPC). KB_EBLANK: there is none. KB_EFORMAT: damaged.
 */
enum kb_err store_manifest_read(struct store *st, int slot, struct store_manifest *m, void *blob,
				size_t size) KB_MUST_CHECK;

/* True if the slot had a manifest and no copy of it can be read any more. A copy that is blank says
 * that there was none: an install writes both. */
bool store_manifest_lost(struct store *st, int slot);

/*
 * A new state after both regions were lost: a slot with a valid manifest cell, or with a bit in
 * `mountable`, becomes a trial; the floor is the highest of the cells; s->rebuilt. Not written.
 */
enum kb_err store_rebuild(struct store *st, unsigned nslots, uint8_t mountable,
			  struct state *s) KB_MUST_CHECK;

/* Adds an event to the history ring, flushed. A failure loses one line of history and nothing else.
 */
enum kb_err store_history_add(struct store *st, const struct history_event *e) KB_MUST_CHECK;

/* Whether one of the newest events is e, whenever it was. False when none can be read. */
bool store_history_has(struct store *st, unsigned newest, const struct history_event *e);

/* Calls fn for each event, newest first, at most max of them (0: all), until fn returns false. A
 * cell that cannot be read is skipped; KB_EIO: none can be. */
enum kb_err store_history_read(struct store *st, unsigned max,
			       bool (*fn)(void *ctx, const struct history_event *e),
			       void *ctx) KB_MUST_CHECK;

/*
 * Adds a piece of last words, flushed; w->n is set. It takes the place of the oldest one: of its
 * own trial if that has STORE_WORDS_TRIAL, else of all. Nothing is written, and w->n is that of the
 * piece which is there, where it says the same of the same attempt. A failure loses that piece, or
 * the one whose place it took, and nothing else.
 */
enum kb_err store_words_add(struct store *st, struct words *w) KB_MUST_CHECK;

/* Calls fn for each piece, the oldest first, until fn returns false. What cannot be read is left
 * out. */
void store_words_read(struct store *st, bool (*fn)(void *ctx, const struct words *w), void *ctx);

/*
 * The lock between writers: flock on the partition's node, waited for up to timeout_ms. KB_EBUSY.
 * It orders friends; correctness rests on sequence and read-back.
 */
enum kb_err store_lock(int fd, unsigned timeout_ms) KB_MUST_CHECK;
