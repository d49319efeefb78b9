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
 * Sets `last`, deletes the rejection of its release, clears the apply counts and `rebuilt`; the
 * install budget, too, unless a slot that lost its trust has yet to prove itself. A slot that was
 * not good commits: it gets all its grace, its release joins the applied ledger, and the floor
 * rises to floor_of_release (never above the release's own sequence). A staged copy of it is
 * unstaged, what could not be written is forgotten, and *committed becomes true. KB_EINVAL: the
 * slot is empty or writing. s may come out unchanged: then there is nothing to write.
 *
 * pref becomes the slot if it was a trial, or if the preferred slot is neither good nor a trial; or
 * if it was bad, and the preferred slot is older, and good but in doubt or not trusted.
 *
 * It does not close the attempt, and what the resets said of a good slot stays: a system may report
 * in each boot, and crash in each. verdict_proven() ends that.
 */
enum kb_err verdict_good(struct state *s, int slot, uint64_t token, uint64_t floor_of_release,
			 bool *committed) KB_MUST_CHECK;

/*
 * A good slot that reported has run for a while, or shuts down in order: crashes are no longer held
 * against it, it has all its grace, its attempt is closed, and the last resorts are over. Where the
 * attempt was open this is one boot by which the preferred slot, if that one lost its trust, comes
 * closer to its next chance. token as for verdict_good(). KB_EINVAL: it is not good; KB_ESTALE. s
 * may come out unchanged.
 */
enum kb_err verdict_proven(struct state *s, int slot, uint64_t token) KB_MUST_CHECK;

/*
 * Marks slot bad for reason, rejects its release, closes its attempt; pref moves to another good
 * slot if there is one. KB_EINVAL: empty or writing.
 */
enum kb_err verdict_bad(struct state *s, int slot, const char *reason) KB_MUST_CHECK;

/* An orderly reboot begins while this attempt is open. KB_ESTALE when the token is not that of the
 * open attempt. */
enum kb_err verdict_clean(struct state *s, int slot, uint64_t token) KB_MUST_CHECK;

/*
 * Chooses slot for the boots to come, or with once for the next one alone. The later call counts:
 * a choice for good forgets one for once. With force, a slot that failed here may be chosen: for
 * good it goes on trial anew with `tries` tries; once, it boots as it is.
 *
 * In this order: KB_ENEWER: the record is a newer Keelboot's. KB_EINVAL: no such slot, or it is
 * empty or writing. KB_EDOWNGRADE: its release is below the floor; force does not help.
 * KB_EREJECTED, unless force: it is bad, its release was rejected, its tries are used up, or it
 * crashed too often in a row as a good slot. s is unchanged then; it may be after KB_OK, too.
 */
enum kb_err verdict_switch(struct state *s, int slot, bool once, bool force,
			   uint8_t tries) KB_MUST_CHECK;
