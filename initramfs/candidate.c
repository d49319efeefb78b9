/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/candidate.h"

#include "initramfs/data_ready.h"
#include "initramfs/pairs_back.h"
#include "initramfs/pairs_look.h"
#include "initramfs/rescue.h"
#include "initramfs/settings.h"
#include "initramfs/slot.h"
#include "initramfs/stages.h"
#include "initramfs/verify.h"
#include "lib/log.h"
#include "lib/util.h"

static enum kb_err op_save(void *ctx, struct state *s)
{
	struct boot *b = ctx;

	return record_save(&b->rec, s);
}

static enum kb_err check_before_charge(struct boot *b, int slot, char *reason)
{
	bool here = !pairs_is_elsewhere(b, slot) || pairs_mounts(b);

	b->ndespite = 0; /* what stood against the candidate before */
	TRY(slot_look(b, slot, reason));
	if (here)
		TRY(slot_check_driver(b, slot, reason));
	TRY(verify_manifest(b, slot, reason));
	return here ? slot_check_verity(b, slot, reason) : KB_OK;
}

/* Passes err on; a slot that it keeps from booting is named. */
static enum kb_err note_skip(struct boot *b, int slot, const char *reason, enum kb_err err)
{
	if (err != KB_OK)
		skipped_note(b, slot, reason);
	return err;
}

static enum kb_err op_preflight(void *ctx, int slot, char *reason)
{
	return note_skip(ctx, slot, reason, check_before_charge(ctx, slot, reason));
}

static enum kb_err op_look_for_pair(void *ctx, int slot, char *reason)
{
	return note_skip(ctx, slot, reason, pairs_look(ctx, slot, reason));
}

static enum kb_err op_prepare(void *ctx, const struct choose_candidate *c, char *reason)
{
	return note_skip(ctx, c->slot, reason, data_ready_prepare(ctx, c, reason));
}

/* A slot whose own kernel cannot be had was not asked what it needs of this one. */
static enum kb_err mount_here(struct boot *b, int slot, char *reason)
{
	if (pairs_is_elsewhere(b, slot)) {
		TRY(slot_check_driver(b, slot, reason));
		TRY(slot_check_verity(b, slot, reason));
	}
	return slot_mount(b, slot, reason);
}

static enum kb_err op_mount(void *ctx, int slot, char *reason)
{
	struct boot *b = ctx;

	if (b->attempt.forced == slot)
		data_ready_forced(b, slot);
	return note_skip(b, slot, reason, mount_here(b, slot, reason));
}

static enum kb_err op_hand_over(void *ctx, int slot, char *reason)
{
	return note_skip(ctx, slot, reason, pairs_hand_over(ctx, slot, reason));
}

static bool op_go_back(void *ctx, int slot)
{
	return pairs_back(ctx, slot);
}

/* Not when a check or a manifest stood against a slot: with the state that would be forgotten, and
 * each boot that says so leads to a last resort. With verify-slot=always none does. Nor for want of
 * a driver: the record is right. */
static bool renew_record(struct boot *b)
{
	if (settings_is_forced(b) || b->no_driver ||
	    (b->some_rejected && b->conf.verify_slot != CONF_VERIFY_ALWAYS))
		return false;
	return record_renew(&b->rec, b->conf.nslots, devices_mountable(&b->dev, &b->conf),
			    devices_seen(&b->dev, &b->conf));
}

/* Nothing can be counted: each boot would reject the same slots, and no last resort come. */
static bool may_accept_rejected(const struct boot *b)
{
	bool counts = b->rec.health != RECORD_UNWRITABLE && b->rec.health != RECORD_MISSING;

	return b->some_rejected && !b->accept_rejected && !counts;
}

static bool op_next_run_accepts(void *ctx)
{
	return may_accept_rejected(ctx);
}

/* Rejected slots are tried all the same from now on. */
static bool begin_to_accept_rejected(struct boot *b)
{
	if (!may_accept_rejected(b))
		return false;
	log_warn("the state cannot be written: rejected slots are tried, too");
	b->accept_rejected = true;
	return true;
}

static enum kb_err attempt_once(struct boot *b)
{
	static const struct attempt_ops ops = {
		.save = op_save,
		.preflight = op_preflight,
		.prepare = op_prepare,
		.mount = op_mount,
		.last_resort_delay = rescue_last_resort,
		.next_run_accepts = op_next_run_accepts,
		.look_for_pair = op_look_for_pair,
		.hand_over = op_hand_over,
		.go_back = op_go_back,
	};

	b->attempt.forced = b->cmd.slot;
	b->attempt.role = b->pairs.role;
	b->attempt.running = b->pairs.running;
	b->attempt.paired = b->pairs.paired;
	b->attempt.unasked = b->pairs.unasked;
	b->attempt.disk = b->rec.disk;
	return attempt_run(&b->attempt, &b->rec.s, &ops, b);
}

/* Whether one of the steps before giving up, from the next one on, makes another run worth while.
 */
static bool has_another_run(struct boot *b, unsigned *next)
{
	static bool (*const before_giving_up[])(
		struct boot *) = { renew_record, begin_to_accept_rejected, data_ready_despite };

	while (*next < KB_ARRAY_LEN(before_giving_up)) {
		if (before_giving_up[(*next)++](b))
			return true;
	}
	return false;
}

static enum kb_err attempt_until_exhausted(struct boot *b)
{
	unsigned next = 0;
	enum kb_err err;

	do
		err = attempt_once(b);
	while (err == KB_ENOCAND && has_another_run(b, &next));
	return err;
}

/* A good slot that boots as ever is no event, even where it is counted; and a preferred slot that
 * turned bad when this boot settled has one already. */
static bool is_news(const struct boot *b, const struct state_slot *s)
{
	bool reported = b->skipped.n == 1 && b->skipped.slot[0].slot == b->rec.turned_bad;

	return s->st != STATE_GOOD || (b->skipped.n > 0 && !reported) ||
	       b->attempt.chosen.tier != CHOOSE_NORMAL;
}

static void report_chosen(const struct boot *b, const struct state_slot *s)
{
	const char *version = s->version[0] != '\0' ? s->version : "version unknown";
	char slot = state_slot_letter(b->attempt.chosen.slot);

	if (s->st == STATE_TRIAL)
		log_notice("slot %c: %s, trial, tries left: %u%s", slot, version, s->tries,
			   b->attempt.counted ? "" : " (uncounted)");
	else if (b->attempt.chosen.tier == CHOOSE_RETRY)
		log_notice("slot %c: %s, good, tried again after: %s", slot, version, s->reason);
	else
		log_notice("slot %c: %s, %s", slot, version, state_st_name(s->st));
}

static enum kb_err mount_candidate(struct boot *b)
{
	uint64_t seq = b->rec.s.seq;
	const struct state_slot *s;

	b->skipped = (struct skipped){ 0 };
	TRY(attempt_until_exhausted(b));
	s = &b->rec.s.slot[b->attempt.chosen.slot];
	skipped_explain(b);
	report_chosen(b, s);
	pairs_foreign_note(b);
	if ((b->rec.s.seq != seq && is_news(b, s)) || pairs_foreign_is_stuck(b))
		skipped_to_history(b);
	return KB_OK;
}

enum kb_err candidate_or_rescue(struct boot *b)
{
	enum kb_err err = mount_candidate(b);

	if (err == KB_ENOCAND)
		stages_exhausted(b);
	while (err == KB_ENOCAND && rescue_run(b))
		err = mount_candidate(b);
	TRY(err);
	data_ready_fill(b);
	shell_end(b);		/* which a rescue may have opened */
	if (b->attempt.counted) /* else what the crash records mean is not written yet */
		evidence_forget(&b->evidence);
	return KB_OK;
}
