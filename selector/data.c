/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/data.h"

#include "selector/factory.h"

#include <stdio.h>

struct prepare {
	struct state *s;
	const struct data_ops *ops;
	void *ctx;
	char *reason;
};

static void whose_of(const struct state *s, int slot, uint8_t release[STATE_LEDGER_ID_LEN])
{
	memset(release, 0, STATE_LEDGER_ID_LEN);
	if (s->slot[slot].has_release)
		memcpy(release, s->slot[slot].release, STATE_LEDGER_ID_LEN);
}

bool data_is_of(const struct state *s, int slot)
{
	uint8_t release[STATE_LEDGER_ID_LEN];

	whose_of(s, slot, release);
	return s->data.phase != STATE_DATA_NONE && s->data.slot == slot &&
	       memcmp(s->data.release, release, sizeof(release)) == 0;
}

void data_commit(struct state *s, int slot)
{
	if (s->data.phase == STATE_DATA_KEEP && data_is_of(s, slot))
		s->data.phase = STATE_DATA_DROP;
}

void data_retry(struct state *s)
{
	s->data.begun = 0;
}

void data_adopt(struct state *s, const struct state_data *found)
{
	if (s->data.phase == STATE_DATA_NONE && found->slot < s->nslots)
		s->data = *found;
}

void data_forget(struct state *s)
{
	s->data = (struct state_data){ .phase = STATE_DATA_NONE };
	s->factory_refill = false;
}

static enum kb_err save(const struct prepare *p)
{
	return p->ops->save(p->ctx, p->s);
}

static enum kb_err run(const struct prepare *p, enum data_job job)
{
	return p->ops->run(p->ctx, job, &p->s->data, p->reason);
}

/* One that writes. Where its beginning cannot be written, only what must be done is. What is done
 * is written with what the boot writes next; that it failed is no change to that. */
static enum kb_err run_counted(const struct prepare *p, enum data_job job)
{
	struct state_data *d = &p->s->data;
	enum kb_err err;

	if (d->begun >= STATE_DATA_BEGUN_MAX)
		return p->ops->refuse(p->ctx, job, d, p->reason);
	d->begun++;
	err = save(p);
	if (err == KB_OK || job == DATA_JOB_BACK)
		err = run(p, job);
	d->begun = 0;
	if (err != KB_OK)
		(void)!save(p);
	return err;
}

/*
 * Durable first, so that a cut inside leads no later boot to anything else. Where that cannot be
 * written it is put back all the same: the data partition says how far that is.
 */
static enum kb_err put_back(const struct prepare *p)
{
	bool is_begun = p->s->data.phase == STATE_DATA_BACK;
	enum kb_err err;

	p->s->data.phase = STATE_DATA_BACK;
	err = run_counted(p, DATA_JOB_BACK);
	if (data_is_back(err))
		factory_put_back(p->s);
	if (err == KB_ENOENT && !is_begun)
		p->ops->lost(p->ctx, &p->s->data);
	if (err == KB_OK || err == KB_ENOENT)
		data_forget(p->s);
	else if (err == KB_ETIMEDOUT)
		p->s->data.phase = STATE_DATA_DROP;
	else
		return err;
	return KB_OK;
}

/* What is left costs room, no more. */
static void drop(const struct prepare *p)
{
	if (run_counted(p, DATA_JOB_DROP) == KB_OK)
		data_forget(p->s);
}

/*
 * One that boots again, or was committed by a Keelboot which knew nothing of this. What cannot be
 * looked at is believed to be there. What is lost is not made again: the data is the trial's by
 * now.
 */
static enum kb_err settle_own(const struct prepare *p, int slot)
{
	enum kb_err err;

	if (p->s->slot[slot].st == STATE_GOOD) {
		p->s->data.phase = STATE_DATA_DROP;
		return KB_OK;
	}
	err = run(p, DATA_JOB_CHECK);
	if (err == KB_ENOENT)
		p->ops->lost(p->ctx, &p->s->data);
	return err == KB_ETIMEDOUT ? put_back(p) : KB_OK;
}

/* What was kept before is settled: the data is that of the slot, or what it begins with. */
static enum kb_err settle(const struct prepare *p, int slot)
{
	bool own = data_is_of(p->s, slot);

	switch (p->s->data.phase) {
	case STATE_DATA_KEEP:
		TRY(own ? settle_own(p, slot) : put_back(p));
		break;
	case STATE_DATA_BACK:
		TRY(put_back(p));
		break;
	case STATE_DATA_NONE:
	case STATE_DATA_DROP:
		break;
	}
	if (p->s->data.phase == STATE_DATA_DROP)
		drop(p);
	return KB_OK;
}

/* The intention first: what a cut leaves of the snapshot is deleted by the next boot, whatever that
 * boots. begun: by the boots before this one, for the same trial. */
static enum kb_err keep(const struct prepare *p, int slot, uint8_t begun)
{
	struct state_data *d = &p->s->data;
	enum kb_err err;

	*d = (struct state_data){ .phase = STATE_DATA_DROP, .slot = (int8_t)slot, .begun = begun };
	whose_of(p->s, slot, d->release);
	snprintf(p->reason, STATE_STR_MAX + 1, "data cannot be kept: no state");
	factory_kept(p->s);
	err = run_counted(p, DATA_JOB_MAKE);
	if (err != KB_OK)
		return err;
	d->phase = STATE_DATA_KEEP;
	p->reason[0] = '\0';
	return KB_OK;
}

/*
 * A reset that was asked for. What is kept goes with the rest: it must not come back. Each
 * beginning is durable before anything is deleted.
 */
static void make_anew(const struct prepare *p)
{
	if (!factory_is_asked(p->s))
		return;
	if (!factory_begin(p->s)) {
		(void)!p->ops->refuse(p->ctx, DATA_JOB_WIPE, &p->s->data, p->reason);
		return;
	}
	if (p->s->data.phase != STATE_DATA_NONE)
		p->s->data.phase = STATE_DATA_DROP;
	data_retry(p->s);
	if (save(p) != KB_OK)
		return;
	if (p->s->data.phase == STATE_DATA_DROP)
		drop(p);
	if (run(p, DATA_JOB_WIPE) == KB_OK)
		factory_deleted(p->s);
}

enum kb_err data_prepare(struct state *s, int slot, enum data_need need, const struct data_ops *ops,
			 void *ctx, char *reason)
{
	const struct prepare p = { s, ops, ctx, reason };
	uint8_t begun = data_is_of(s, slot) ? s->data.begun : 0;
	enum kb_err err = settle(&p, slot);

	make_anew(&p);
	if (s->slot[slot].st == STATE_GOOD)
		return KB_OK;
	if (err != KB_OK)
		snprintf(reason, STATE_STR_MAX + 1, "data was not put back");
	else if (need != DATA_NEED_NONE && s->data.phase != STATE_DATA_KEEP)
		err = keep(&p, slot, begun);
	return need == DATA_NEED_MUST ? err : KB_OK;
}
