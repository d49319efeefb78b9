/* SPDX-License-Identifier: Apache-2.0 */
/* The verdict on a slot: mark good, mark bad, the clean mark; and a person's choice of a slot.
 * PURE; the caller loads under the lock, and saves. */
#pragma once

#include "selector/state.h"

/*
 * Marks slot good. token is that of its boot (0: booted uncharged). With an attempt open it must be
 * of this slot and token; with none open a token is accepted only for a slot that is good already
 * (marking twice), since a verdict has closed the attempt meanwhile; else KB_ESTALE.
 *
 * Clears counters (a good slot has all its grace) and the attempt, sets `last`, deletes the
 * rejection of its release, clears the apply counts, the install budget and `rebuilt`. A slot that
 * was not good commits: its release joins the applied ledger, the floor rises to floor_of_release
 * (never above the release's own sequence), a staged copy of it is unstaged, what could not be
 * written is forgotten; *committed becomes true. pref becomes the slot if it was a trial, or if the
 * preferred slot is neither good nor a trial. KB_EINVAL: the slot is empty or writing. s may come
 * out unchanged: then there is nothing to write.
 */
enum kb_err verdict_good(struct state *s, int slot, uint64_t token, uint64_t floor_of_release,
			 bool *committed) KB_MUST_CHECK;

/*
 * Marks slot bad for reason, rejects its release, closes its attempt; pref moves to another good
 * slot if there is one. KB_EINVAL: empty or writing.
 */
enum kb_err verdict_bad(struct state *s, int slot, const char *reason) KB_MUST_CHECK;

/* An orderly reboot begins while this attempt is open. KB_ESTALE when the token is not that of the
 * open attempt. */
enum kb_err verdict_clean(struct state *s, int slot, uint64_t token) KB_MUST_CHECK;

/*
 * Chooses slot for the boots to come, or with once for the next one alone; the later call counts:
 * choosing for good forgets what was asked for once. force takes a slot that failed here: for good
 * it goes on trial anew with `tries` tries; once, it boots as it is.
 *
 * In this order: KB_ENEWER: the record is a newer Keelboot's. KB_EINVAL: no such slot, or it is
 * empty or writing. KB_EDOWNGRADE: its release is below the floor; force does not help.
 * KB_EREJECTED, unless force: it is bad, its release was rejected, its tries are used up, or it
 * crashed too often in a row as a good slot. s is unchanged then; it may be after KB_OK, too.
 */
enum kb_err verdict_switch(struct state *s, int slot, bool once, bool force,
			   uint8_t tries) KB_MUST_CHECK;
