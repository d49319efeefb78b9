/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/filecut_check.h"

#include "cli/output/output.h"
#include "tests/sim/check.h"
#include "tests/sim/filecut_world.h"
#include "update/apply/apply.h"

#include <stdio.h>
#include <string.h>

static bool is_staged(const struct state_staged *s, bool other)
{
	return s->source == STATE_SRC_DATA &&
	       memcmp(s->release, filecut_world_release[other].r.id, STATE_ID_LEN) == 0;
}

/* The same update is staged, or none in both; how often it failed does not matter. */
static bool same_staged(const struct state_staged *a, const struct state_staged *b)
{
	return a->source == b->source && memcmp(a->release, b->release, STATE_ID_LEN) == 0;
}

/* Nothing has happened yet. */
static bool as_before(const struct filecut_image_state *st, const struct filecut_image_state *then)
{
	return same_staged(&st->staged, &then->staged) && st->st[1] == then->st[1];
}

static bool whole(const struct filecut_image *im, bool other)
{
	const struct filecut_image_file *f =
		filecut_image_find(im, filecut_world_release[other].path);

	return f != NULL && !f->dir && f->blob == filecut_world_release[other].bundle;
}

static bool is_damaged(const struct filecut_image *im, bool other, uint32_t damaged)
{
	const struct filecut_image_file *f =
		filecut_image_find(im, filecut_world_release[other].path);

	return damaged != 0 && f != NULL && f->blob == damaged;
}

/* Whether the state now is one that the verb may have led to; `after`: what it is to become. */
static bool came_to_pass(const struct filecut_image_state *st, enum filecut_run_verb v)
{
	switch (v) {
	case FILECUT_RUN_STAGE:
		return is_staged(&st->staged, false);
	case FILECUT_RUN_STAGE_OTHER:
		return is_staged(&st->staged, true);
	case FILECUT_RUN_UNSTAGE:
		return st->staged.source == STATE_SRC_NONE;
	case FILECUT_RUN_GOOD:
		return st->st[1] == STATE_GOOD && st->staged.source == STATE_SRC_NONE;
	case FILECUT_RUN_STATUS:
	case FILECUT_RUN_APPLY:
	case FILECUT_RUN_VERBS:
		break;
	}
	return false;
}

/* "There is nothing to do" is said only where that is so. */
static bool nothing_to_do(const struct filecut_image *im, enum filecut_run_verb v)
{
	const struct filecut_image_state *st = filecut_image_state(im);
	bool other = v == FILECUT_RUN_STAGE_OTHER;

	if (v == FILECUT_RUN_UNSTAGE)
		return st->staged.source == STATE_SRC_NONE;
	return st->st[1] == STATE_TRIAL || st->st[1] == STATE_GOOD ||
	       (is_staged(&st->staged, other) && whole(im, other));
}

/*
 * Where a flush of the state was acknowledged, and was none, nobody can find that out: all reads
 * back, while there is power. So a cut may bring back what was staged before, whose file is gone by
 * then, and nothing need last. What the state says is one of the two even so.
 */
const char *filecut_check_image(const struct filecut_image *im,
				const struct filecut_check_rule *rule)
{
	const struct filecut_image_state *st = filecut_image_state(im);
	bool done = came_to_pass(st, rule->verb);

	if (check_record(st->found) != NULL)
		return check_record(st->found);
	for (unsigned other = 0; other < 2; other++)
		if (is_staged(&st->staged, other) && !whole(im, other) && !rule->lied &&
		    !is_damaged(im, other, rule->damaged))
			return "the state says that a bundle is staged, and its file is not whole";
	if (!done && !as_before(st, &rule->before) && !as_before(st, &rule->first))
		return "what was staged before is lost, and what was to come is not there";
	if (rule->ended && rule->code == OUTPUT_OK && !done && !rule->lied)
		return "the verb said that all went well, and it did not last";
	if (rule->ended && rule->code == OUTPUT_NOTHING && !nothing_to_do(im, rule->verb))
		return "the verb said that there is nothing to do, and there is";
	return NULL;
}

const char *filecut_check_said(enum filecut_run_verb v, int code, const char *said)
{
	static const char *const claims[FILECUT_RUN_VERBS] = {
		[FILECUT_RUN_STAGE] = "is staged; the next boot installs it.",
		[FILECUT_RUN_STAGE_OTHER] = "is staged; the next boot installs it.",
		[FILECUT_RUN_UNSTAGE] = "Nothing is staged any more.",
		[FILECUT_RUN_GOOD] = " is good",
	};

	if (said[0] == '\0')
		return "it said nothing";
	if ((strstr(said, claims[v]) != NULL) != (code == OUTPUT_OK))
		return "what it said is not what its exit code says";
	return NULL;
}

/* ---------------------------------------------------------------- what becomes of it */

/* Nothing of ours but the staged file is in the folder, and nothing of others is gone. */
static const char *litter(const struct filecut_image *from, const struct filecut_image *to,
			  const char *kept)
{
	for (unsigned i = 0; i < to->nfiles; i++) {
		const char *p = to->file[i].path;

		if (strstr(p, ".keel") != NULL && strcmp(p, kept) != 0)
			return "litter is left in the stage folder";
	}
	for (unsigned i = 0; i < from->nfiles; i++)
		if (strstr(from->file[i].path, ".keel") == NULL &&
		    filecut_image_find(to, from->file[i].path) == NULL)
			return "a file of somebody else is gone";
	return NULL;
}

static const char *check_stage(const struct filecut_image *from, const struct filecut_image *to,
			       bool other, int code)
{
	const struct filecut_image_state *st = filecut_image_state(to);

	/* The trial slot may hold that release, or one as new. */
	if (st->st[1] == STATE_TRIAL && (code == OUTPUT_NOTHING || code == OUTPUT_FAILURE))
		return NULL;
	if (st->st[1] == STATE_GOOD && (code == OUTPUT_NOTHING || code == OUTPUT_INCOMPATIBLE))
		return NULL;
	if (code != OUTPUT_OK && code != OUTPUT_NOTHING)
		return check_wrong("it cannot be staged (exit %d)", code);
	if (!is_staged(&st->staged, other) || !whole(to, other))
		return check_wrong("it is not staged afterwards (exit %d)", code);
	return code == OUTPUT_OK ? litter(from, to, filecut_world_release[other].path) : NULL;
}

static const char *check_unstage(const struct filecut_image *from, const struct filecut_image *to,
				 int code)
{
	struct state_staged before = filecut_image_state(from)->staged;
	const struct filecut_image_state *st = filecut_image_state(to);

	if (code != (before.source == STATE_SRC_NONE ? OUTPUT_NOTHING : OUTPUT_OK))
		return check_wrong("unstage failed (exit %d)", code);
	if (st->staged.source != STATE_SRC_NONE)
		return "it is staged still";
	for (unsigned other = 0; other < 2; other++)
		if (is_staged(&before, other) &&
		    filecut_image_find(to, filecut_world_release[other].path) != NULL)
			return "the file of what is not staged any more is left";
	return NULL;
}

static const char *check_good(const struct filecut_image *from, const struct filecut_image *to,
			      int code)
{
	struct state_staged before = filecut_image_state(from)->staged;
	const struct filecut_image_state *st = filecut_image_state(to);

	if (code != OUTPUT_OK)
		return check_wrong("the slot cannot be marked good (exit %d)", code);
	if (st->st[1] != STATE_GOOD || st->staged.source != STATE_SRC_NONE)
		return "it is not good, or still staged";
	if (is_staged(&before, false) &&
	    filecut_image_find(to, filecut_world_release[false].path) != NULL)
		return "the file of what was committed is left";
	return NULL;
}

/* The boot installs exactly what is staged, or what was damaged is not taken for whole. */
static const char *check_apply(const struct filecut_image *from, const struct filecut_image *to,
			       int code)
{
	struct filecut_image_state before = *filecut_image_state(from);
	const struct filecut_image_state *st = filecut_image_state(to);

	if (before.staged.source == STATE_SRC_NONE || before.st[1] == STATE_TRIAL)
		return code == APPLY_NOTHING ? NULL
					     : check_wrong("something was applied (exit %d)", code);
	for (unsigned other = 0; other < 2; other++) {
		if (!is_staged(&before.staged, other))
			continue;
		if (!whole(from, other))
			return code == APPLY_FAILED && st->st[1] != STATE_TRIAL
				       ? NULL
				       : check_wrong("half a bundle was applied (exit %d)", code);
		if (code != APPLY_INSTALLED || st->st[1] != STATE_TRIAL)
			return check_wrong("the staged bundle is not installed (exit %d)", code);
		if (!filecut_world_slot_b(other))
			return "the slot does not hold what was staged";
	}
	return NULL;
}

const char *filecut_check_end(const struct filecut_image *from, const struct filecut_image *to,
			      enum filecut_run_verb v, int code)
{
	if (code >= FILECUT_RUN_SIGNAL)
		return check_wrong("it crashed (exit %d)", code);
	switch (v) {
	case FILECUT_RUN_STAGE:
		return check_stage(from, to, false, code);
	case FILECUT_RUN_STAGE_OTHER:
		return check_stage(from, to, true, code);
	case FILECUT_RUN_UNSTAGE:
		return check_unstage(from, to, code);
	case FILECUT_RUN_GOOD:
		return check_good(from, to, code);
	case FILECUT_RUN_STATUS:
		return code == OUTPUT_OK ? NULL : check_wrong("status failed (exit %d)", code);
	case FILECUT_RUN_APPLY:
		return check_apply(from, to, code);
	case FILECUT_RUN_VERBS:
		break;
	}
	return "no such verb";
}
