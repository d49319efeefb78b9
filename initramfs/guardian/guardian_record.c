/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/guardian/guardian_record.h"

#include "lib/log.h"
#include "lib/os.h"
#include "selector/store.h"
#include "selector/verdict.h"

#include <string.h>

#define LOCK_MS	      10000
#define WORDS_LOCK_MS 1000

static struct state state;
static struct store store;
static struct bdev_file file;

static bool is_now_good(int slot)
{
	return slot >= 0 && slot < state.nslots && state.slot[slot].st == STATE_GOOD;
}

static enum guardian_result load_attempt(int fd, const struct guardian_attempt *a)
{
	enum store_finding found = STORE_LOST;
	enum kb_err err = bdev_file_from_fd(&file, fd);

	if (err == KB_OK)
		err = store_load(&store, &file.bdev, &state, &found);
	if (err == KB_OK && found != STORE_FOUND)
		err = KB_EFORMAT;
	if (err != KB_OK) {
		log_err("unable to read the state: %s", err_text(err));
		return GUARDIAN_FAILED;
	}
	if (is_now_good(a->slot))
		return GUARDIAN_GOOD; /* whether its attempt is closed, or waits for it to last */
	if (state.open != a->slot || state.open_token != a->token)
		return GUARDIAN_CLOSED;
	return state.clean ? GUARDIAN_CLEAN : GUARDIAN_OPEN;
}

enum guardian_result guardian_record_look(int fd, const struct guardian_attempt *a)
{
	return load_attempt(fd, a);
}

static void add_history(int slot, uint64_t time_s)
{
	struct history_event e = {
		.kind = HISTORY_BAD,
		.slot = (int8_t)slot,
		.time = time_s,
		.sequence = state.slot[slot].sequence,
	};

	memcpy(e.version, state.slot[slot].version, sizeof(e.version));
	history_set_text(e.reason, "deadline");
	history_set_text(e.detail, "guardian");
	if (store_history_add(&store, &e) != KB_OK)
		log_warn("history: cannot add an entry; nothing else is lost");
}

static enum guardian_result mark_bad(const struct guardian_attempt *a, uint64_t time_s)
{
	enum kb_err err = verdict_bad(&state, a->slot, "deadline");

	if (err == KB_OK)
		err = store_save(&store, &state);
	if (err != KB_OK) {
		log_err("unable to record that slot %c is bad: %s; its try is used up",
			state_slot_letter(a->slot), err_text(err));
		return GUARDIAN_FAILED;
	}
	add_history(a->slot, time_s);
	return GUARDIAN_RECORDED;
}

enum guardian_result guardian_record_bad(int fd, const struct guardian_attempt *a, uint64_t time_s)
{
	enum guardian_result result;

	/* Whoever holds it so long is stuck; without it nothing is written. */
	if (store_lock(fd, LOCK_MS) != KB_OK) {
		log_err("another process holds the state's lock; the verdict is not recorded, and the try of slot %c is used up",
			state_slot_letter(a->slot));
		result = load_attempt(fd, a);
		return result == GUARDIAN_OPEN ? GUARDIAN_FAILED : result;
	}
	result = load_attempt(fd, a);
	if (result == GUARDIAN_OPEN)
		result = mark_bad(a, time_s);
	os_unlock(fd);
	return result;
}

static enum guardian_result record_proof(const struct guardian_attempt *a)
{
	static struct state before;
	enum kb_err err;

	before = state;
	err = verdict_proven(&state, a->slot, a->token);
	if (err != KB_OK)
		return GUARDIAN_CLOSED;
	if (state_same(&state, &before))
		return GUARDIAN_GOOD;
	err = store_save(&store, &state);
	if (err == KB_OK)
		return GUARDIAN_GOOD;
	log_err("unable to record that slot %c has proved itself: %s", state_slot_letter(a->slot),
		err_text(err));
	return GUARDIAN_FAILED;
}

enum guardian_result guardian_record_proven(int fd, const struct guardian_attempt *a)
{
	enum guardian_result result;

	if (store_lock(fd, LOCK_MS) != KB_OK) {
		log_err("another process holds the state's lock: it is not recorded that slot %c has proved itself",
			state_slot_letter(a->slot));
		return GUARDIAN_FAILED;
	}
	result = load_attempt(fd, a);
	if (result == GUARDIAN_GOOD)
		result = record_proof(a);
	os_unlock(fd);
	return result;
}

static bool add_words(const struct guardian_attempt *a, const struct tail *tail, uint64_t time_s)
{
	static struct words w;
	enum kb_err err;

	w = (struct words){
		.kind = WORDS_KERNEL, .token = a->token, .time = time_s, .tail = *tail
	};
	words_of_slot(&w, &state, a->slot);
	err = store_words_add(&store, &w);
	if (err != KB_OK)
		log_warn("unable to record the kernel's last lines: %s", err_text(err));
	return err == KB_OK;
}

enum guardian_result guardian_record_words(int fd, const struct guardian_attempt *a,
					   const struct tail *tail, uint64_t time_s)
{
	enum guardian_result result;

	if (store_lock(fd, WORDS_LOCK_MS) != KB_OK)
		return GUARDIAN_FAILED; /* an install holds it; later */
	result = load_attempt(fd, a);
	if ((result == GUARDIAN_OPEN || result == GUARDIAN_CLOSED) && a->slot < state.nslots &&
	    !add_words(a, tail, time_s))
		result = GUARDIAN_FAILED;
	os_unlock(fd);
	return result;
}
