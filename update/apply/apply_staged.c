/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The staged update. The state says what is staged, by its release id; the file has a name that
 * follows from it, so nothing else on the data partition is even looked at.
 */
#include "update/apply/apply_progress.h"
#include "update/apply/apply_sources.h"
#include "lib/bytes.h"
#include "lib/log.h"
#include "lib/os.h"
#include "lib/os_file.h"
#include "lib/util.h"

#include <stdio.h>
#include <string.h>

static void save_refusal(struct apply *a, const char *reason, const char *detail)
{
	struct history_event ev = {
		.time = os_time_s(),
		.kind = HISTORY_REFUSED,
		.slot = STATE_NONE,
		.sequence = a->job.verified ? a->job.release.sequence : 0,
	};
	enum kb_err err = store_save(&a->store, &a->state);

	if (err != KB_OK)
		log_err("staged update: the state cannot be written: %s", err_text(err));
	if (a->job.verified)
		state_set_text(ev.version, a->job.release.version);
	history_set_text(ev.reason, reason);
	history_set_text(ev.detail, detail);
	if (store_history_add(&a->store, &ev) != KB_OK)
		log_warn("the history cannot be written");
}

/* This copy did not verify, or could not be read: that costs it, not the release. A rescue looks
 * many times in one boot, so it does not count. */
static enum apply_end count_staged_failure(struct apply *a, const char *why, const char *if_dropped)
{
	const char *data = state_source_name(STATE_SRC_DATA);
	bool dropped;

	if (plan_is_rescue(a->o.mode)) {
		log_err("staged update: %s", why);
		return APPLY_FAILED;
	}
	plan_staged_failed(&a->state, &dropped);
	if (dropped)
		log_err("staged update: %s; dropped after %d boots; stage it again", why,
			STATE_FAILS_LIMIT);
	else
		log_err("staged update: %s; failure %u of %d of this copy", why,
			(unsigned)a->state.staged.fails, STATE_FAILS_LIMIT);
	save_refusal(a, why, dropped ? if_dropped : data);
	return APPLY_FAILED;
}

static enum apply_end count_copy_failure(struct apply *a, const char *why)
{
	return count_staged_failure(a, why, state_source_name(STATE_SRC_DATA));
}

/* It will never be acceptable: looking at it at each boot would be for nothing. */
static enum apply_end drop_staged(struct apply *a, const char *detail)
{
	log_notice("staged update: version %s is not installed: %s; no longer staged",
		   a->job.release.version, a->job.why);
	a->state.staged = (struct state_staged){ .source = STATE_SRC_NONE };
	save_refusal(a, a->job.why, detail);
	return APPLY_NOTHING;
}

/* What becomes of it when it was not installed. */
static enum apply_end unstage_or_keep(struct apply *a, enum kb_err err)
{
	const char *data = state_source_name(STATE_SRC_DATA), *lacks = PARTIAL_FORM_DROPPED;

	/* A slot that changed does not change back: what is missing must be fetched. */
	if (err == KB_ESEED && a->job.partial)
		return a->job.seed_changed ? drop_staged(a, lacks)
					   : count_staged_failure(a, a->job.why, lacks);
	if (apply_file_copy_failed(&a->job, err))
		return count_copy_failure(a, a->job.why);
	switch (apply_file_verdict(&a->job, err)) {
	case APPLY_FILE_KNOWN:
		if (state_on_trial(&a->state, a->state.staged.release) != STATE_NONE)
			return APPLY_NOTHING; /* mark good unstages it, and removes the file */
		return drop_staged(a, data);
	case APPLY_FILE_NEVER:
		return drop_staged(a, data);
	case APPLY_FILE_LATER:
		log_notice("staged update: not installed yet: %s", a->job.why);
		return APPLY_NOTHING;
	case APPLY_FILE_FAILED:
		break;
	}
	log_err("staged update: %s", a->job.why);
	return APPLY_FAILED;
}

/* It, or what it is made from, may have been read wrong. */
static enum kb_err install_copy(struct apply *a, int fd)
{
	enum kb_err err = KB_OK;

	for (unsigned round = 0; round < 2; round++) {
		apply_progress_next();
		err = apply_file_install(&a->job);
		if (!a->job.seed_changed || a->job.partial)
			break;
		os_file_forget(fd);
	}
	return err;
}

static enum apply_end install_staged(struct apply *a, const char *name)
{
	KB_CLEANUP_FD int fd = -1;
	enum kb_err err = media_file(&a->media, name, &fd);

	if (err != KB_OK)
		return count_copy_failure(a, err == KB_ENOENT ? "its file is missing"
							      : "it cannot be opened");
	apply_shared_fill(a, fd, name, STATE_SRC_DATA, false);
	err = apply_file_look(&a->job);
	if (a->job.verified &&
	    memcmp(a->job.release.id, a->state.staged.release, STATE_ID_LEN) != 0)
		return count_copy_failure(a, "its file holds another release");
	if (err != KB_OK)
		return unstage_or_keep(a, err);
	err = install_copy(a, fd);
	return err == KB_OK ? APPLY_INSTALLED : unstage_or_keep(a, err);
}

/* For people, and for the history. */
static const char *why_unopened(enum kb_err err)
{
	static char text[HISTORY_TEXT_MAX];

	if (err == KB_EMOUNT)
		return "the data partition cannot be mounted";
	if (err == KB_ENOENT)
		return "the stage folder is missing";
	snprintf(text, sizeof(text), "the data partition cannot be read: %s", err_text(err));
	return text;
}

enum apply_end apply_staged_run(struct apply *a, const struct apply_source *src)
{
	const char *const fstypes[] = { a->conf.data_fstype, NULL };
	char name[8 * 2 + sizeof(MEDIA_SUFFIX)];
	enum kb_err err;
	enum apply_end end;

	if (a->state.staged.source != STATE_SRC_DATA)
		return APPLY_NOTHING;
	bytes_hex(name, a->state.staged.release, 8);
	memcpy(name + 16, MEDIA_SUFFIX, sizeof(MEDIA_SUFFIX));
	err = media_open(&a->media, src->dev, false, fstypes, a->conf.data_stage);
	if (err == KB_ENODEV) {
		log_err("staged update: %s cannot be opened: %s", src->dev, err_text(err));
		return APPLY_FAILED;
	}
	if (err != KB_OK) /* else each boot would come here, and write the state twice for it */
		return count_copy_failure(a, why_unopened(err));
	end = install_staged(a, name);
	media_close(&a->media);
	return end;
}
