/* SPDX-License-Identifier: Apache-2.0 */
#include "update/apply/apply_file.h"
#include "update/apply/apply_lacks.h"
#include "update/apply/apply_seeds.h"
#include "update/apply/apply_target.h"
#include "lib/log.h"
#include "lib/os.h"
#include "lib/os_file.h"
#include "lib/util.h"
#include "selector/refused.h"
#include "update/bundle/manifest_fits.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECENT_EVENTS 16u /* what two kinds of media can fail with, and more */

static struct reader reader;

__attribute__((format(printf, 3, 4))) static enum kb_err fail_job(struct apply_file_job *job,
								  enum kb_err err, const char *fmt,
								  ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(job->why, sizeof(job->why), fmt, ap);
	va_end(ap);
	return err;
}

/* ---------------------------------------------------------------- looking */

static enum kb_err open_bundle(struct apply_file_job *job)
{
	char why[MANIFEST_WHY];
	uint64_t size;
	enum kb_err err = os_file_size(job->fd, &size);

	if (err != KB_OK)
		return fail_job(job, err, "neither a file nor a block device");
	os_file_sequential(job->fd);
	job->blame = INSTALL_BLAME_BUNDLE;
	err = reader_open(&reader, job->fd, job->raw, size, job->keys);
	if (err != KB_OK)
		return fail_job(job, err, "%s", reader.why[0] != '\0' ? reader.why : err_text(err));
	job->blame = INSTALL_BLAME_NONE;
	job->release = reader.release;
	job->verified = true;
	job->partial = reader_is_partial(&reader);
	err = manifest_fits_device(why, &reader.m, job->compatible);
	if (err == KB_OK)
		err = manifest_fits_slots(why, &reader.m, job->copies);
	return err == KB_OK ? KB_OK : fail_job(job, err, "%s", why);
}

static uint64_t believed_floor(const struct apply_file_job *job)
{
	return plan_floor(job->state, job->mode, job->floor_bound);
}

/* Why the plan refuses it, and what to do. */
static enum kb_err refuse_release(struct apply_file_job *job, enum kb_err err)
{
	char text[REFUSED_TEXT_MAX + 1];

	refused_text(text,
		     refused_why(job->state, &job->release, job->mode, believed_floor(job), err),
		     "");
	return fail_job(job, err, "%s", text);
}

/* Nothing can be written to a slot that only the state knows. */
static choose_mask missing_slots(const struct apply_file_job *job)
{
	choose_mask mask = 0;

	for (unsigned i = 0; i < STATE_SLOTS_MAX; i++)
		if (job->slot[i].nparts == 0)
			mask |= (choose_mask)(1u << i);
	return mask;
}

static enum kb_err accept_to(struct apply_file_job *job, choose_mask in_use)
{
	const struct plan_terms terms = {
		.mode = job->mode,
		.mountable = job->mountable,
		.mounted = in_use,
		.floor_bound = job->floor_bound,
		.max_jump = job->max_jump,
	};

	job->back = job->mode == PLAN_RESCUE ? 0 : plan_back(job->state, job->mountable);
	return plan_accept(job->state, &job->release, &terms, &job->target);
}

static enum kb_err pick_target(struct apply_file_job *job)
{
	choose_mask in_use = job->mounted;
	enum kb_err err;

	/* A slot that is not wanted is as good as one that is in use. */
	if (job->want != STATE_NONE)
		in_use |= (choose_mask) ~(1u << job->want);
	err = accept_to(job, in_use | missing_slots(job));
	if (err == KB_ENOTARGET) /* or one whose partition is missing, which is another message */
		err = accept_to(job, in_use);
	if (err == KB_ENOTARGET && job->want != STATE_NONE)
		return fail_job(job, err, "slot %c is in use, or is the one to fall back to",
				state_slot_letter(job->want));
	if (err != KB_OK)
		return refuse_release(job, err);
	return KB_OK;
}

static enum kb_err look_at_bundle(struct apply_file_job *job)
{
	job->verified = job->partial = false;
	job->target = STATE_NONE;
	job->blame = INSTALL_BLAME_NONE;
	job->seed_changed = false;
	job->bytes_written = job->bytes_skipped = 0;
	job->made_from = STATE_NONE;
	job->why[0] = '\0';
	TRY(open_bundle(job));
	return pick_target(job);
}

enum kb_err apply_file_look(struct apply_file_job *job)
{
	enum kb_err err = look_at_bundle(job);

	reader_close(&reader);
	return err;
}

/* ---------------------------------------------------------------- installing */

static const char *helper_path(const struct apply_file_job *job)
{
	const char *env = getenv("KEELBOOT_HELPER");

	if (job->helper != NULL)
		return job->helper;
	return env != NULL && env[0] != '\0' ? env : APPLY_FILE_HELPER;
}

static enum kb_err install_bundle(struct apply_file_job *job)
{
	static struct install in;
	static struct apply_target target; /* as in, which points into both */
	static struct apply_seeds seeds;
	static struct apply_lacks lacks;
	const struct apply_seeds_place place = { job->store, job->keys, job->slot, job->target };
	enum kb_err err;

	target = (struct apply_target){ 0 };
	in = (struct install){
		.r = &reader,
		.store = job->store,
		.s = job->state,
		.target = job->target,
		.mode = job->mode,
		.back = job->back,
		.verify_first = job->verify_first,
		.tries = job->tries,
		.helper = helper_path(job),
		.progress = job->progress,
		.ctx = job->ctx,
	};
	err = apply_target_open(&target, job, &reader.m, &in);
	apply_seeds_open(&seeds, &place, &reader.m);
	in.seed = seeds.seed;
	in.nseeds = seeds.n;
	if (err == KB_OK && job->partial)
		apply_lacks_open(&lacks, job->slot, job->target, &reader.m);
	in.lack = &lacks.lack;
	if (err == KB_OK) {
		err = install_run(&in);
		job->blame = in.blame;
		job->seed_changed = in.seed_changed;
		job->bytes_written = in.bytes_written;
		job->bytes_skipped = in.bytes_skipped;
		job->made_from = in.made_from;
		job->delta_bytes = in.delta_bytes;
		job->came_whole = in.came_whole;
		if (err != KB_OK && in.why[0] == '\0')
			refuse_release(job, err);
		else if (err != KB_OK)
			fail_job(job, err, "%s", in.why);
	}
	apply_lacks_close(&lacks);
	apply_seeds_close(&seeds);
	apply_target_close(&target);
	return err;
}

/* A damaged stick that is left in fails in the same way at each boot; one line tells that. */
static bool is_in_history(struct apply_file_job *job, const struct history_event *ev)
{
	return store_history_has(job->store, RECENT_EVENTS, ev);
}

/*
 * The slot's own storage failed, and the slot stays `writing`: another boot goes on with it, but
 * not each one forever. What ended without coming here, by a power cut or because the medium was
 * pulled out, costs nothing. A record that cannot be written is one try more.
 */
static void count_failure(struct apply_file_job *job, enum kb_err err)
{
	if (job->mode != PLAN_AUTOMATIC || err != KB_EIO || job->blame != INSTALL_BLAME_TARGET ||
	    !plan_unwritable(job->state, &job->release))
		return;
	if (store_save(job->store, job->state) != KB_OK)
		log_warn("failure not counted: the state cannot be written");
	log_warn("slot %c: its storage failed: %u of %d times for this release",
		 state_slot_letter(job->target), state_unwritable(job->state, job->release.id),
		 STATE_FAILS_LIMIT);
}

static void add_history(struct apply_file_job *job, const struct history_event *ev, bool once)
{
	if (once && is_in_history(job, ev))
		return;
	if (store_history_add(job->store, ev) != KB_OK)
		log_warn("the history cannot be written");
}

/* Written for what was tried; what was refused at a look is not, so that a stick that is left in
 * costs no write at each boot. */
static void note_in_history(struct apply_file_job *job, enum kb_err err)
{
	struct history_event ev = {
		.time = os_time_s(),
		.kind = HISTORY_INSTALL,
		.slot = (int8_t)job->target,
		.sequence = job->release.sequence,
	};

	state_set_text(ev.version, job->release.version);
	history_set_text(ev.reason, err == KB_OK ? "" : job->why);
	history_set_text(ev.detail, state_source_name(job->source));
	if (err == KB_OK || !job->unreported)
		add_history(job, &ev, err != KB_OK);
}

void apply_file_report_more(struct apply_file_job *job, unsigned n)
{
	struct history_event ev = {
		.time = os_time_s(),
		.kind = HISTORY_REFUSED,
		.slot = STATE_NONE,
	};

	snprintf(ev.reason, sizeof(ev.reason), "%u more bundles failed", n);
	history_set_text(ev.detail, state_source_name(job->source));
	add_history(job, &ev, true);
}

enum kb_err apply_file_install(struct apply_file_job *job)
{
	enum kb_err err = look_at_bundle(job);

	if (err == KB_OK) {
		log_notice("%s: version %s (sequence %" PRIu64 "), signed by %s: to slot %c",
			   job->name, job->release.version, job->release.sequence, reader.signer,
			   state_slot_letter(job->target));
		job->state->floor = believed_floor(job);
		if (job->mode == PLAN_RESCUE)
			job->state->back = 0;
		err = install_bundle(job);
		count_failure(job, err);
		if (err != KB_EAPPLIED)
			note_in_history(job, err);
	}
	reader_close(&reader);
	if (err == KB_OK)
		log_notice("slot %c holds version %s on trial: %" PRIu64 " KiB written, %" PRIu64
			   " KiB already matched",
			   state_slot_letter(job->target), job->release.version,
			   job->bytes_written / 1024, job->bytes_skipped / 1024);
	return err;
}

enum apply_file_verdict apply_file_verdict(const struct apply_file_job *job, enum kb_err err)
{
	switch (err) {
	case KB_EAPPLIED:
		return APPLY_FILE_KNOWN;
	case KB_EREJECTED:
	case KB_EDOWNGRADE:
	case KB_EAHEAD:
	case KB_ECOMPAT:
		return APPLY_FILE_NEVER;
	case KB_EWAITS:
	case KB_EBUDGET:
	case KB_EREBUILT:
	case KB_EBUSY:
	case KB_EMEMBER:
	case KB_ENOTARGET:
	case KB_ENEWER:
		return APPLY_FILE_LATER;
	case KB_ESEED: /* a slot that changed does not change back */
		return job->seed_changed ? APPLY_FILE_NEVER : APPLY_FILE_LATER;
	case KB_OK:
	case KB_EIO:
	case KB_ENODEV:
	case KB_ETIMEDOUT:
	case KB_EINVAL:
	case KB_EFORMAT:
	case KB_EAMBIGUOUS:
	case KB_EBLANK:
	case KB_ESIG:
	case KB_EDIGEST:
	case KB_ENOSPC:
	case KB_ENOMEM:
	case KB_ESTALE:
	case KB_ECHILD:
	case KB_EMOUNT:
	case KB_ECHECK:
	case KB_EEXEC:
	case KB_ENOENT:
	case KB_EPERM:
	case KB_ENOCAND:
		break;
	}
	return APPLY_FILE_FAILED;
}

bool apply_file_copy_failed(const struct apply_file_job *job, enum kb_err err)
{
	bool waits = err == KB_ENEWER || (err == KB_ESEED && !job->seed_changed);

	return (waits || apply_file_verdict(job, err) == APPLY_FILE_FAILED) && err != KB_OK &&
	       job->blame == INSTALL_BLAME_BUNDLE;
}
