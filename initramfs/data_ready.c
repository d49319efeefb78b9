/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/data_ready.h"

#include "initramfs/boot_data.h"
#include "initramfs/data_run.h"
#include "initramfs/settings.h"
#include "lib/conf_data.h"
#include "lib/log.h"
#include "lib/os.h"
#include "selector/factory.h"

#include <stdarg.h>
#include <stdio.h>

static void note_data(struct boot *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void note_data(struct boot *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(b->data.finding, sizeof(b->data.finding), fmt, ap);
	va_end(ap);
	log_warn("data: %s", b->data.finding);
}

/* ---------------------------------------------------------------- what came of it */

static const char *brief_of(enum data_wire_end end)
{
	switch (end) {
	case DATA_WIRE_FULL:
		return "data cannot be kept: no room";
	case DATA_WIRE_CANNOT:
		return "data cannot be kept in this way";
	case DATA_WIRE_UNMOUNTED:
		return "data cannot be kept: it does not mount";
	case DATA_WIRE_DONE:
	case DATA_WIRE_NONE:
	case DATA_WIRE_LEFT:
	case DATA_WIRE_FAILED:
		break;
	}
	return "data cannot be kept";
}

static enum kb_err error_of(enum data_wire_end end)
{
	switch (end) {
	case DATA_WIRE_DONE:
		return KB_OK;
	case DATA_WIRE_NONE:
		return KB_ENOENT;
	case DATA_WIRE_LEFT:
		return KB_ETIMEDOUT;
	case DATA_WIRE_FULL:
		return KB_ENOSPC;
	case DATA_WIRE_CANNOT:
		return KB_EINVAL;
	case DATA_WIRE_UNMOUNTED:
		return KB_EMOUNT;
	case DATA_WIRE_FAILED:
		break;
	}
	return KB_EIO;
}

static void report_made(struct boot *b, const struct state_data *whose, const struct data_wire *a,
			enum kb_err err, char *reason)
{
	char slot = state_slot_letter(whose->slot);

	if (err == KB_OK) {
		log_notice(
			"data: kept as it is before slot %c boots for the first time (%s, %llu KiB copied, %u ms)",
			slot, a->how, (unsigned long long)a->copied >> 10, (unsigned)a->ms);
		return;
	}
	snprintf(reason, STATE_STR_MAX + 1, "%s", brief_of((enum data_wire_end)a->end));
	log_err("slot %c: %s: %s", slot, reason, a->why);
	record_news(&b->rec, HISTORY_BOOT, whose->slot, reason, a->why);
}

static void report_back(struct boot *b, const struct state_data *whose, const struct data_wire *a,
			enum kb_err err)
{
	char line[HISTORY_TEXT_MAX + 1];

	if (err == KB_ENOENT) {
		log_info("data: nothing is left to put back on %s", b->dev.data);
		return;
	}
	if (err == KB_OK || err == KB_ETIMEDOUT) {
		snprintf(line, sizeof(line), "data was put back as it was before slot %c booted",
			 state_slot_letter(whose->slot));
		log_notice("data: put back as it was before slot %c booted (%u ms)",
			   state_slot_letter(whose->slot), (unsigned)a->ms);
		record_history(&b->rec, HISTORY_STATE, STATE_NONE, line, "");
		return;
	}
	note_data(b, "not put back as it was before slot %c booted: %s%s",
		  state_slot_letter(whose->slot), a->why,
		  whose->begun < STATE_DATA_BEGUN_MAX ? "; each boot tries again"
						      : "; the next update tries again");
	record_news(&b->rec, HISTORY_STATE, STATE_NONE, b->data.finding, "");
}

static void report_wiped(struct boot *b, const struct data_wire *a, enum kb_err err)
{
	if (err == KB_OK) {
		log_notice("data: made anew, as it was asked for (%u ms)", (unsigned)a->ms);
		record_history(&b->rec, HISTORY_STATE, STATE_NONE,
			       "the data partition was made anew", "");
		return;
	}
	if (factory_is_asked(&b->rec.s))
		note_data(b, "not made anew, as it was asked for: %s; boot %d of %d that tried",
			  a->why, b->rec.s.factory - 1, FACTORY_TRIES);
	else
		note_data(b, "not made anew, as it was asked for: %s", a->why);
	record_news(&b->rec, HISTORY_STATE, STATE_NONE, b->data.finding, "");
}

static void report(struct boot *b, enum data_job job, const struct state_data *whose,
		   const struct data_wire *a, enum kb_err err, char *reason)
{
	switch (job) {
	case DATA_JOB_MAKE:
		report_made(b, whose, a, err, reason);
		break;
	case DATA_JOB_BACK:
		report_back(b, whose, a, err);
		break;
	case DATA_JOB_DROP:
		if (err != KB_OK)
			log_info("data: what was kept is not yet deleted: %s", a->why);
		break;
	case DATA_JOB_CHECK:
		if (err != KB_OK)
			log_info("data: what is kept cannot be used: %s", a->why);
		break;
	case DATA_JOB_WIPE:
		report_wiped(b, a, err);
		break;
	case DATA_JOB_LOOK:
	case DATA_JOB_FILL:
		break;
	}
}

/* ---------------------------------------------------------------- the jobs */

static void fail_without_run(const struct boot *b, struct data_wire *a, enum kb_err err)
{
	a->end = DATA_WIRE_FAILED;
	if (b->dev.data[0] == '\0')
		snprintf(a->why, sizeof(a->why), "%.100s not found on %.30s", b->conf.data_part,
			 b->dev.disk);
	else if (err == KB_EEXEC)
		snprintf(a->why, sizeof(a->why), "unable to start keelboot-data");
	else
		snprintf(a->why, sizeof(a->why), "keelboot-data crashed or was stopped");
}

static enum kb_err op_run(void *ctx, enum data_job job, const struct state_data *whose,
			  char *reason)
{
	static struct data_wire a;
	struct boot *b = ctx;
	enum kb_err err = KB_ENODEV;

	wdt_feed(&b->wdt);
	if (job == DATA_JOB_MAKE)
		log_info("data: making a copy of what belongs to the release");
	else if (job == DATA_JOB_BACK)
		log_info("data: putting back what belongs to the release");
	a = (struct data_wire){ .magic = 0 };
	if (b->dev.data[0] != '\0')
		err = data_run(b, job, whose, &a);
	if (err != KB_OK)
		fail_without_run(b, &a, err);
	wdt_feed(&b->wdt);
	err = error_of((enum data_wire_end)a.end);
	report(b, job, whose, &a, err, reason);
	return err;
}

/* One that could not be ended: a device holds it, or takes longer than the watchdog waits. */
static enum kb_err op_refuse(void *ctx, enum data_job job, const struct state_data *whose,
			     char *reason)
{
	struct data_wire a = { .end = DATA_WIRE_FAILED };

	snprintf(a.why, sizeof(a.why), "given up: it did not end in %d boots; check the disk",
		 job == DATA_JOB_WIPE ? FACTORY_TRIES : STATE_DATA_BEGUN_MAX);
	report(ctx, job, whose, &a, KB_EIO, reason);
	return KB_EIO;
}

static void op_lost(void *ctx, const struct state_data *whose)
{
	struct boot *b = ctx;

	note_data(
		b,
		"what was kept before slot %c booted is gone, or damaged: it may stay as the trial left it",
		state_slot_letter(whose->slot));
	record_news(&b->rec, HISTORY_STATE, STATE_NONE, b->data.finding, "");
}

static enum kb_err save_record(void *ctx, struct state *s)
{
	struct boot *b = ctx;

	return record_save(&b->rec, s);
}

static const struct data_ops ops = {
	.save = save_record,
	.run = op_run,
	.refuse = op_refuse,
	.lost = op_lost,
};

/* ---------------------------------------------------------------- interface */

/* Another slot that could run with it. */
static bool has_other_slot(const struct state *s, int slot)
{
	for (int i = 0; i < s->nslots; i++)
		if (i != slot && state_is_whole(&s->slot[i]))
			return true;
	return false;
}

static enum data_need need_of(const struct boot *b, const struct choose_candidate *c)
{
	if (!conf_data_is_kept(&b->conf) || b->data.despite || !has_other_slot(&b->rec.s, c->slot))
		return DATA_NEED_NONE;
	return c->tier == CHOOSE_LAST_RESORT ? DATA_NEED_TRY : DATA_NEED_MUST;
}

/* The rule says what stays: without it nothing is deleted, nor is what is kept for a trial. */
static void refuse_reset(struct boot *b)
{
	char what[CONF_DATA_WHAT_MAX + 1];

	if (!conf_data_bars_reset(&b->conf, what) || !factory_is_asked(&b->rec.s))
		return;
	factory_forget(&b->rec.s);
	note_data(
		b,
		"not made anew, as it was asked for: %s of the initramfs cannot be read; make it anew with a good system.conf, and ask again (a marker: with another text)",
		what);
	record_news(&b->rec, HISTORY_STATE, STATE_NONE, b->data.finding, "");
}

enum kb_err data_ready_prepare(struct boot *b, const struct choose_candidate *c, char *reason)
{
	enum kb_err err;

	if (b->rec.health == RECORD_MISSING)
		return KB_OK; /* nothing is known of any boot before */
	refuse_reset(b);
	err = data_prepare(&b->rec.s, c->slot, need_of(b, c), &ops, b, reason);
	if (err == KB_OK)
		return KB_OK;
	b->data.refused = true;
	/* It might run: it is only not known how it would be left. */
	return KB_ECHECK;
}

void data_ready_forced(struct boot *b, int slot)
{
	const struct state_data *d = &b->rec.s.data;
	char reason[STATE_STR_MAX + 1];

	if (d->phase == STATE_DATA_BACK) {
		/* Nothing of that is written; but what the slot brings has to come before it runs.
		 */
		if (data_is_back(op_run(b, DATA_JOB_BACK, d, reason)))
			factory_put_back(&b->rec.s);
	} else if (d->phase == STATE_DATA_KEEP && !data_is_of(&b->rec.s, slot))
		note_data(b,
			  "it is slot %c's, which is on trial: keelboot.slot= does not put it back",
			  state_slot_letter(d->slot));
}

void data_ready_adopt(struct boot *b)
{
	struct state_data found = { .phase = STATE_DATA_KEEP };
	static struct data_wire a;

	if ((b->rec.health != RECORD_REBUILT && b->rec.health != RECORD_BLANK) ||
	    !conf_data_is_kept(&b->conf) || b->dev.data[0] == '\0' ||
	    data_run(b, DATA_JOB_LOOK, &found, &a) != KB_OK || a.end != DATA_WIRE_DONE ||
	    a.slot < 'a' || a.slot >= 'a' + STATE_SLOTS_MAX)
		return;
	found.slot = (int8_t)(a.slot - 'a');
	memcpy(found.release, a.release, sizeof(found.release));
	data_adopt(&b->rec.s, &found);
	log_notice("data: what is kept on %s is of slot %c", b->dev.data, a.slot);
}

void data_ready_ask(struct boot *b)
{
	const char *token = b->cmd.reset_data;

	if (token[0] == '\0' || b->rec.health == RECORD_MISSING)
		return;
	if (b->rec.health != RECORD_FOUND)
		/* Else each loss of the state would be one of the data, too. */
		factory_note(&b->rec.s, token);
	else if (factory_ask_once(&b->rec.s, token))
		log_notice("data: keelboot.reset-data= asks to make it anew");
}

/* False: its beginning cannot be written, or it began too often. */
static bool may_fill(struct boot *b, struct data_wire *a)
{
	a->end = DATA_WIRE_FAILED;
	if (!factory_begin_fill(&b->rec.s)) {
		snprintf(a->why, sizeof(a->why), "given up: it did not end in %d boots",
			 FACTORY_TRIES);
		return false;
	}
	if (settings_is_forced(b) || record_save(&b->rec, &b->rec.s) == KB_OK)
		return true;
	snprintf(a->why, sizeof(a->why), "the state cannot be written");
	return false;
}

static bool copy_template(struct boot *b, struct data_wire *a)
{
	enum kb_err err;

	if (!may_fill(b, a))
		return false;
	err = data_run(b, DATA_JOB_FILL, &b->rec.s.data, a);
	if (err != KB_OK)
		fail_without_run(b, a, err);
	return a->end == DATA_WIRE_DONE || a->end == DATA_WIRE_NONE;
}

/* Before anything of the slot has run: it is done in this boot, or never. */
void data_ready_fill(struct boot *b)
{
	struct state *s = &b->rec.s;
	static struct data_wire a;

	if (s->factory_fill == 0)
		return;
	if (b->conf.data_template[0] != '\0' && !copy_template(b, &a)) {
		note_data(b, "made anew, but not all of %.80s was copied to it: %s",
			  b->conf.data_template, a.why);
		record_news(&b->rec, HISTORY_STATE, STATE_NONE, b->data.finding, "");
	}
	s->factory_fill = 0;
	if (!settings_is_forced(b) && record_save(&b->rec, s) != KB_OK)
		log_warn("data: that it was filled is not written; the partition itself knows");
}

bool data_ready_despite(struct boot *b)
{
	if (!b->data.refused || b->data.despite)
		return false;
	b->data.despite = true;
	note_data(
		b,
		"nothing is kept of it, since no other slot boots: what the trial does to it stays");
	return true;
}
