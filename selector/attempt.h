/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a settled state to a mounted slot: the loop over the candidates, with the charge before the
 * risk. It decides; what it decides is done through struct attempt_ops, by the boot on hardware and
 * by the tests on a model.
 */
#pragma once

#include "selector/choose.h"

struct attempt_ops {
	/*
	 * Makes s durable (store_save) and sets s->seq. Called only when the text of s differs from
	 * what was last loaded or saved, or after an error. Any error: the old or the new may be
	 * there, so the next save happens whether it changes anything or not.
	 */
	enum kb_err (*save)(void *ctx, struct state *s);
	/*
	 * Looks at a slot without writing. KB_OK; KB_ENODEV: absent, skipped at no cost; any other:
	 * counts as a failed attempt. reason gets up to STATE_STR_MAX characters.
	 */
	enum kb_err (*preflight)(void *ctx, int slot, char *reason);
	/* Opens, mounts and checks the slot. Any error: next candidate, with this reason. Undoes
	 * what it did. */
	enum kb_err (*mount)(void *ctx, int slot, char *reason);
	/* Waits before a last resort, longer each time; never called for other tiers. May change
	 * the state, durably, as an install does. May be NULL. */
	void (*last_resort_delay)(void *ctx, int slot);
	/* Whether another run would boot a slot that failed preflight, or its checks, in this one.
	 * May be NULL: none would. */
	bool (*next_run_accepts)(void *ctx);
	/*
	 * Makes the data ready for the slot, before it is charged. May change the state, durably.
	 * Any error: the slot is skipped, and counts as a failed attempt, with this reason. May
	 * be NULL. Not called where nothing is counted.
	 */
	enum kb_err (*prepare)(void *ctx, const struct choose_candidate *c, char *reason);
	/*
	 * Before the slot is charged, to be handed over: whether its own pair can be had. Any
	 * error: not; the slot waits at no cost, and is for the kernel that runs, if nothing else
	 * mounts. May be NULL: it can.
	 */
	enum kb_err (*look_for_pair)(void *ctx, int slot, char *reason);
	/*
	 * Starts the slot's own pair: asks the boot loader for it, once, and restarts; the base
	 * loads and starts it itself; what the base started restarts, for the base. KB_OK: the
	 * machine is about to. KB_EMOUNT, KB_EEXEC: the slot does not mount: next candidate, with
	 * this reason. KB_EFORMAT: no pair that can be started is there; any other: no pair at all
	 * can be had: the slot is for the kernel that runs, if nothing else mounts. KB_EPERM: so it
	 * is, and that is proven: nothing was changed, and nothing restarts. May be NULL where no
	 * slot has a pair.
	 */
	enum kb_err (*hand_over)(void *ctx, int slot, char *reason);
	/*
	 * The slot cannot be charged, and so not be handed over. Restarts, where this kernel was
	 * started once, and the boot loader starts that slot's pair by itself. True: the machine is
	 * about to. False: the slot is for the kernel that runs. May be NULL: it never is.
	 */
	bool (*go_back)(void *ctx, int slot);
};

/* Who starts a pair. */
enum attempt_role {
	ATTEMPT_LOADER,	 /* the boot loader, what it was asked for; it started this kernel, too */
	ATTEMPT_BASE,	 /* this kernel, by kexec: it is the base, and no slot's own */
	ATTEMPT_BY_BASE, /* the base, which started this kernel; a restart brings it back */
};

struct attempt {
	/* ATTEMPT_BY_BASE: what the base chose goes first, even uncounted */
	enum attempt_role role;
	/* reset_charges_good_slots() */
	bool charge_good;
	/* keelboot.slot=: this slot first, uncounted, and the state is not written; or STATE_NONE
	 */
	int forced;
	/* the slot whose pair runs; STATE_NONE with `paired`, but for the base: nobody knows, so no
	 * slot is handed over, and good ones are booted before others */
	int running;
	/* slots that only their own pair may boot, but for a last resort; 0: any kernel boots any
	 * slot */
	choose_mask paired;
	/* nobody can be asked for a pair: one that does not run is waited for, at no cost */
	bool unasked;
	/* pair_arrived(): the attempt of s->open goes on */
	bool arrived;
	/* the state as it was last known to be durable */
	struct state disk;
	/* results */
	/* while ops->mount runs: the one that it is about */
	struct choose_candidate chosen;
	/* what this boot had to charge is durable, or there was nothing to charge: verdicts are
	 * possible, a guardian makes sense */
	bool counted;
	/* Slots that are not good, and failed preflight or did not mount: nothing to fall back to.
	 * Not those that failed a check, which might run. Valid while ops are called, too. */
	choose_mask no_fallback;
	/* slots that were skipped because they could not be charged */
	choose_mask uncountable;
	/* s->open_token when counted and an attempt is open, else 0 */
	uint64_t token;
};

/*
 * An attempt that has arrived goes on first: it was charged where it was handed over.
 *
 * Then it boots the first candidate of s (settled, in memory; a->disk is what the disk holds) that
 * is charged durably and then mounts. When a charge cannot be written, good slots go before trials
 * and oneshots. Those boot uncounted only when nothing else mounts, and no good slot failed that
 * another run would boot (KB_ENOCAND: make that run). A candidate whose own pair does not run is
 * charged and handed over; if it cannot be charged, or its pair not be had, it boots here like
 * those, unless the loader starts that pair by itself. The base charges what it would charge to
 * boot it here. What the base started enters its own slot first, even uncounted; else it goes back
 * to the base, if that has charged it, or once something new is durable. a->chosen says what was
 * mounted, or handed over. A failure that no later charge recorded is written at the end if
 * anything changed. KB_ENOCAND: nothing mounts; what was learned is written if that is possible.
 */
enum kb_err attempt_run(struct attempt *a, struct state *s, const struct attempt_ops *ops,
			void *ctx) KB_MUST_CHECK;
