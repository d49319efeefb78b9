/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The staged update. The state says what is staged, by its release id; the file has a name that
 * follows from it, so nothing else on the data partition is even looked at.
 */
#include "update/apply_job.h"
#include "lib/bytes.h"
#include "lib/log.h"
#include "lib/util.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static void save(struct apply *a, const char *reason)
{
	struct history_event ev = {
		.time = (uint64_t)time(NULL),
		.kind = HISTORY_REFUSED,
		.slot = STATE_NONE,
		.sequence = a->job.known ? a->job.release.sequence : 0,
	};
	enum kb_err err = store_save(&a->store, &a->state);

	if (err != KB_OK)
		log_err("staged update: the state cannot be written: %s", err_text(err));
	if (a->job.known)
		state_set_text(ev.version, a->job.release.version);
	history_set_text(ev.reason, reason);
	history_set_text(ev.detail, state_source_name(STATE_SRC_DATA));
	if (store_history_add(&a->store, &ev) != KB_OK)
		log_warn("the history cannot be written");
}

/* This copy did not verify, or could not be read: that costs it, not the release. */
static int copy_failed(struct apply *a, const char *why)
{
	bool dropped;

	plan_staged_failed(&a->state, &dropped);
	if (dropped)
		log_err("staged update: %s; given up after %d boots: stage it again", why,
			STATE_FAILS_LIMIT);
	else
		log_err("staged update: %s; failure %u of %d of this copy", why,
			(unsigned)a->state.staged.fails, STATE_FAILS_LIMIT);
	save(a, why);
	return APPLY_FAILED;
}

/* It will never be acceptable: looking at it at each boot would be for nothing. */
static int unstage(struct apply *a)
{
	log_notice("staged update: version %s is not taken: %s; unstaged", a->job.release.version,
		   a->job.why);
	a->state.staged = (struct state_staged){ .source = STATE_SRC_NONE };
	save(a, a->job.why);
	return APPLY_NOTHING;
}

bool apply_staged_on_trial(const struct state *s, const uint8_t release[STATE_ID_LEN])
{
	for (unsigned i = 0; i < s->nslots; i++)
		if (s->slot[i].st == STATE_TRIAL && s->slot[i].tries > 0 &&
		    s->slot[i].has_release &&
		    memcmp(s->slot[i].release, release, STATE_ID_LEN) == 0)
			return true;
	return false;
}

/* What becomes of it when it was not installed. */
static int settle(struct apply *a, enum kb_err err)
{
	if (apply_file_copy_failed(&a->job, err))
		return copy_failed(a, a->job.why);
	switch ((int)err) {
	case KB_EAPPLIED:
		if (apply_staged_on_trial(&a->state, a->state.staged.release))
			return APPLY_NOTHING; /* mark good unstages it, and removes the file */
		return unstage(a);
	case KB_EREJECTED:
	case KB_EDOWNGRADE:
	case KB_EAHEAD:
	case KB_ECOMPAT:
		return unstage(a);
	case KB_EWAITS:
	case KB_EBUDGET:
	case KB_EBUSY:
	case KB_ENOTARGET:
	case KB_ENEWER:
		log_notice("staged update: not now: %s", a->job.why);
		return APPLY_NOTHING;
	default:
		log_err("staged update: %s", a->job.why);
		return APPLY_FAILED;
	}
}

static int install(struct apply *a, const char *name)
{
	KB_CLEANUP_FD int fd = -1;
	enum kb_err err = media_file(&a->media, name, &fd);

	if (err != KB_OK)
		return copy_failed(a,
				   err == KB_ENOENT ? "its file is gone" : "it cannot be opened");
	apply_job_fill(a, fd, name, STATE_SRC_DATA, false);
	err = apply_file_look(&a->job);
	if (a->job.known && memcmp(a->job.release.id, a->state.staged.release, STATE_ID_LEN) != 0)
		return copy_failed(a, "its file holds another release");
	if (err != KB_OK)
		return settle(a, err);
	apply_progress_next();
	err = apply_file(&a->job);
	return err == KB_OK ? APPLY_INSTALLED : settle(a, err);
}

int apply_staged_run(struct apply *a, const struct apply_source *src)
{
	const char *const fstypes[] = { a->conf.data_fstype, NULL };
	char name[8 * 2 + sizeof(MEDIA_SUFFIX)];
	enum kb_err err;
	int rc;

	if (a->state.staged.source != STATE_SRC_DATA)
		return APPLY_NOTHING;
	bytes_hex(name, a->state.staged.release, 8);
	memcpy(name + 16, MEDIA_SUFFIX, sizeof(MEDIA_SUFFIX));
	err = media_open(&a->media, src->dev, false, fstypes, a->conf.data_stage);
	if (err == KB_EMOUNT)
		return copy_failed(a, "the data partition cannot be mounted");
	if (err == KB_ENOENT)
		return copy_failed(a, "the stage folder is gone");
	if (err != KB_OK) {
		log_err("staged update: %s cannot be opened: %s", src->dev, err_text(err));
		return APPLY_FAILED;
	}
	rc = install(a, name);
	media_close(&a->media);
	return rc;
}
