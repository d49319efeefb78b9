/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The data that goes back with the release: what is to be done with it before a slot boots. PURE:
 * it decides; what it decides is done through struct data_ops, by the boot on hardware and by the
 * tests on a model (tests/sim/datacut_sim_main.c).
 *
 * The state says what is to be done, the data partition how far that is. Each step is durable in
 * the state before the next one begins, and each can be done again from its beginning:
 *
 *	no phase -> drop -> (snapshot) -> keep, with the charge of the trial's first boot
 *	keep -> drop, by the commit; drop -> (deleted) -> no phase
 *	keep -> back, when another release is to boot; back -> (put back) -> drop
 *
 * A step that cannot be ended, because a device holds it, ends by a restart. So the beginning of
 * each step that writes is durable, too, and none begins in more than STATE_DATA_BEGUN_MAX boots.
 */
#pragma once

#include "selector/state.h"

/* What is done on the data partition: initramfs/data/kept.h. */
enum data_job {
	DATA_JOB_CHECK, /* is it there, and whole? */
	DATA_JOB_MAKE,
	DATA_JOB_BACK,
	DATA_JOB_DROP,
	DATA_JOB_LOOK, /* whose is it? */
	DATA_JOB_FILL, /* what the slot brings is copied there */
	DATA_JOB_WIPE, /* all is deleted but what [data] keep= names */
};

struct data_ops {
	/* Makes s durable. */
	enum kb_err (*save)(void *ctx, struct state *s);
	/*
	 * KB_ENOENT: CHECK, BACK, LOOK: nothing is kept (any more). KB_ETIMEDOUT: BACK, DROP: done,
	 * but not all is deleted; CHECK: it is there, but was put back in part. Any other error:
	 * not done; of MAKE, reason gets up to STATE_STR_MAX characters.
	 */
	enum kb_err (*run)(void *ctx, enum data_job job, const struct state_data *whose,
			   char *reason);
	/* It began too often, and is not done: always an error, as from run(). */
	enum kb_err (*refuse)(void *ctx, enum data_job job, const struct state_data *whose,
			      char *reason);
	/* What was kept is gone, or damaged. */
	void (*lost)(void *ctx, const struct state_data *whose);
};

/* What is kept before a slot boots that has not proved itself. */
enum data_need {
	DATA_NEED_NONE,
	DATA_NEED_TRY,	/* where it can be: nothing better is left than to boot it */
	DATA_NEED_MUST, /* else it does not boot */
};

/*
 * Before the slot is charged, and anything of it is mounted. s is settled; it comes out with what
 * the charge has to make durable. need is of no interest for a good slot, which always may boot.
 * KB_OK: it may boot. Any other error: it may not, for this reason; another slot may.
 */
enum kb_err data_prepare(struct state *s, int slot, enum data_need need, const struct data_ops *ops,
			 void *ctx, char *reason) KB_MUST_CHECK;

/* The slot was committed: what is kept for it is of no use any more. */
void data_commit(struct state *s, int slot);

/* How DATA_JOB_BACK ends where nothing is left to put back. */
static inline bool data_is_back(enum kb_err err)
{
	return err == KB_OK || err == KB_ENOENT || err == KB_ETIMEDOUT;
}

/* Nothing is kept any more. */
void data_forget(struct state *s);

/* Something is to be tried again: so is each step that was given up. */
void data_retry(struct state *s);

/* Nothing is known but the data partition: takes what is kept there. */
void data_adopt(struct state *s, const struct state_data *found);

/* Whether what is kept is the slot's, with the release that it holds now. */
bool data_is_of(const struct state *s, int slot);
