/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/filecut.h"

#include "cli/output/output.h"
#include "update/apply/apply.h"

static bool is_staged(const struct state_staged *s, bool other)
{
	return s->source == STATE_SRC_DATA &&
	       memcmp(s->release, filecut_world_release[other].r.id, STATE_ID_LEN) == 0;
}

/* Nothing has happened yet: the same update is staged, or none; how often it failed does not
 * matter.
 */
static bool as_before(const struct filecut_image_state *st, const struct filecut_image_state *then)
{
	return st->staged.source == then->staged.source && st->b == then->b &&
	       memcmp(st->staged.release, then->staged.release, STATE_ID_LEN) == 0;
}

static bool holds(const struct filecut_image *im, bool other, uint32_t blob)
{
	const struct filecut_image_file *f =
		filecut_image_find(im, filecut_world_release[other].path);

	return f != NULL && !f->dir && f->blob == blob;
}

static bool whole(const struct filecut_image *im, bool other)
{
	return holds(im, other, filecut_world_release[other].bundle);
}

/* Whether the state now is one that the verb may have led to. */
static bool came_to_pass(const struct filecut_image_state *st, enum filecut_run_verb v)
{
	if (v == FILECUT_RUN_STAGE || v == FILECUT_RUN_BY_FLEET || v == FILECUT_RUN_STAGE_OTHER)
		return is_staged(&st->staged, v == FILECUT_RUN_STAGE_OTHER);
	return st->staged.source == STATE_SRC_NONE &&
	       (v == FILECUT_RUN_UNSTAGE || st->b == STATE_GOOD);
}

/* "There is nothing to do" is said only where that is so. */
static bool nothing_to_do(const struct filecut_image *im, enum filecut_run_verb v)
{
	const struct filecut_image_state *st = filecut_image_state(im);
	bool other = v == FILECUT_RUN_STAGE_OTHER;

	if (v == FILECUT_RUN_UNSTAGE)
		return st->staged.source == STATE_SRC_NONE;
	return st->b == STATE_TRIAL || st->b == STATE_GOOD ||
	       (is_staged(&st->staged, other) && whole(im, other));
}

bool filecut_check_noted(const struct filecut_image *im)
{
	const struct filecut_image_file *f = filecut_image_find(im, FILECUT_CHECK_NOTE);
	const struct filecut_image_state *st = filecut_image_state(im);
	char id[2 * STATE_ID_LEN + 2];
	const uint8_t *text;
	size_t len, line = sizeof(id) - 1;

	if (f == NULL || st->staged.source == STATE_SRC_NONE)
		return false;
	text = filecut_image_bytes(f->blob, &len);
	bytes_hex(id, st->staged.release, STATE_ID_LEN);
	/* Lines of one id each. */
	id[line - 1] = '\n';
	for (size_t at = 0; at + line <= len; at += line)
		if (memcmp(text + at, id, line) == 0)
			return true;
	return false;
}

static bool same_staged(const struct filecut_image_state *a, const struct filecut_image_state *b)
{
	return a->staged.source == b->staged.source &&
	       memcmp(a->staged.release, b->staged.release, STATE_ID_LEN) == 0;
}

/* Whose it is that is staged stays so; and what keelboot-fleet stages is noted before. */
static const char *check_mine(const struct filecut_image *im, const struct filecut_image_state *st,
			      const struct filecut_check_rule *rule)
{
	bool noted = filecut_check_noted(im);
	bool before = same_staged(st, &rule->before), first = same_staged(st, &rule->first);

	if (rule->lied || st->staged.source == STATE_SRC_NONE)
		return NULL;
	if (!before && !first)
		return noted ? NULL : "keelboot-fleet has staged it, and that is not noted";
	if ((before && noted == rule->noted_before) || (first && noted == rule->noted_first))
		return NULL;
	return noted ? "what a person staged is noted as keelboot-fleet's"
		     : "what keelboot-fleet staged is not noted any more";
}

/* What a person stages, no server may have unstaged: the note of what keelboot-fleet staged is gone
 * before the state names it, and where the command says that it is staged. */
static const char *check_owner(const struct filecut_image *im, const struct filecut_image_state *st,
			       const struct filecut_check_rule *rule)
{
	bool other = rule->verb == FILECUT_RUN_STAGE_OTHER;

	if (rule->verb == FILECUT_RUN_BY_FLEET || rule->verb == FILECUT_RUN_UNSTAGE)
		return check_mine(im, st, rule);
	if ((rule->verb != FILECUT_RUN_STAGE && !other) || rule->lied ||
	    filecut_image_find(im, FILECUT_CHECK_NOTE) == NULL)
		return NULL;
	if (is_staged(&st->staged, other) && !is_staged(&rule->before.staged, other) &&
	    !is_staged(&rule->first.staged, other))
		return "a person has staged it, and a server may have it unstaged";
	if (rule->ended && (rule->code == OUTPUT_OK || rule->code == OUTPUT_NOTHING))
		return "the verb said that all went well, and a server may have it unstaged";
	return NULL;
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
		    !(rule->damaged != 0 && holds(im, other, rule->damaged)))
			return "the state says that a bundle is staged, and its file is not whole";
	if (!done && !as_before(st, &rule->before) && !as_before(st, &rule->first))
		return "what was staged before is lost, and what was to come is not there";
	if (rule->ended && rule->code == OUTPUT_OK && !done && !rule->lied)
		return "the verb said that all went well, and it did not last";
	if (rule->ended && rule->code == OUTPUT_NOTHING && !nothing_to_do(im, rule->verb))
		return "the verb said that there is nothing to do, and there is";
	return check_owner(im, st, rule);
}

/* ---------------------------------------------------------------- what becomes of it */

/* A run without a cut. */
struct end {
	const struct filecut_image *from, *to;
	struct filecut_image_state before, now; /* what their states say */
	bool other;				/* release */
	int code;
};

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
		    strcmp(from->file[i].path, FILECUT_CHECK_NOTE) != 0 &&
		    strcmp(from->file[i].path, FILECUT_CHECK_NOTE ".new") != 0 &&
		    filecut_image_find(to, from->file[i].path) == NULL)
			return "a file of somebody else is gone";
	return NULL;
}

static const char *check_stage(const struct end *e)
{
	/* The trial slot may hold that release, or one as new. */
	if (e->now.b == STATE_TRIAL && (e->code == OUTPUT_NOTHING || e->code == OUTPUT_FAILURE))
		return NULL;
	if (e->now.b == STATE_GOOD && (e->code == OUTPUT_NOTHING || e->code == OUTPUT_INCOMPATIBLE))
		return NULL;
	if (e->code != OUTPUT_OK && e->code != OUTPUT_NOTHING)
		return check_wrong("it cannot be staged (exit %d)", e->code);
	if (!is_staged(&e->now.staged, e->other) || !whole(e->to, e->other))
		return check_wrong("it is not staged afterwards (exit %d)", e->code);
	return e->code == OUTPUT_OK ? litter(e->from, e->to, filecut_world_release[e->other].path)
				    : NULL;
}

/* The file of what is not staged any more. */
static const char *check_gone(const struct end *e, bool other)
{
	if (is_staged(&e->before.staged, other) &&
	    filecut_image_find(e->to, filecut_world_release[other].path) != NULL)
		return "the file of what is not staged any more is left";
	return NULL;
}

/* What a person staged goes before, and stays theirs where it is the same release. */
static const char *check_by_fleet(const struct end *e)
{
	bool others = e->before.staged.source != STATE_SRC_NONE && !filecut_check_noted(e->from);
	bool same = is_staged(&e->before.staged, false) && e->code == OUTPUT_NOTHING;

	if (!others)
		return check_stage(e);
	if ((e->code != OUTPUT_FAILURE && !same) || !same_staged(&e->now, &e->before))
		return check_wrong("what a person staged is not left alone (exit %d)", e->code);
	return NULL;
}

static const char *check_unstage(const struct end *e)
{
	bool nothing = e->before.staged.source == STATE_SRC_NONE;
	const char *why = check_gone(e, false);

	if (e->code != (nothing ? OUTPUT_NOTHING : OUTPUT_OK))
		return check_wrong("unstage failed (exit %d)", e->code);
	if (e->now.staged.source != STATE_SRC_NONE)
		return "it is staged still";
	return why != NULL ? why : check_gone(e, true);
}

static const char *check_good(const struct end *e)
{
	if (e->code != OUTPUT_OK)
		return check_wrong("the slot cannot be marked good (exit %d)", e->code);
	if (!came_to_pass(&e->now, FILECUT_RUN_GOOD))
		return "it is not good, or still staged";
	return check_gone(e, false);
}

static const char *check_status(const struct end *e)
{
	return e->code == OUTPUT_OK ? NULL : check_wrong("status failed (exit %d)", e->code);
}

/* The boot installs exactly what is staged, or what was damaged is not taken for whole. */
static const char *check_apply(const struct end *e)
{
	bool other = is_staged(&e->before.staged, true), trial = e->now.b == STATE_TRIAL;

	if (e->before.staged.source == STATE_SRC_NONE || e->before.b == STATE_TRIAL)
		return e->code == APPLY_NOTHING
			       ? NULL
			       : check_wrong("something was applied (exit %d)", e->code);
	if (!whole(e->from, other))
		return e->code == APPLY_FAILED && !trial
			       ? NULL
			       : check_wrong("half a bundle was applied (exit %d)", e->code);
	if (e->code != APPLY_INSTALLED || !trial)
		return check_wrong("the staged bundle is not installed (exit %d)", e->code);
	return filecut_world_slot_b(other) ? NULL : "the slot does not hold what was staged";
}

static const struct {
	const char *(*end)(const struct end *e);
	const char *claim; /* of success */
} verbs[FILECUT_RUN_VERBS] = {
	[FILECUT_RUN_STAGE] = { check_stage, "is staged; the next boot installs it." },
	[FILECUT_RUN_STAGE_OTHER] = { check_stage, "is staged; the next boot installs it." },
	[FILECUT_RUN_BY_FLEET] = { check_by_fleet, "is staged; the next boot installs it." },
	[FILECUT_RUN_UNSTAGE] = { check_unstage, "Nothing is staged any more." },
	[FILECUT_RUN_GOOD] = { check_good, " is good" },
	[FILECUT_RUN_STATUS] = { check_status, NULL },
	[FILECUT_RUN_APPLY] = { check_apply, NULL },
};

const char *filecut_check_end(const struct filecut_image *from, const struct filecut_image *to,
			      enum filecut_run_verb v, int code)
{
	const struct end e = {
		.from = from,
		.to = to,
		.before = *filecut_image_state(from),
		.now = *filecut_image_state(to),
		.other = v == FILECUT_RUN_STAGE_OTHER,
		.code = code,
	};

	return code >= FILECUT_RUN_SIGNAL ? check_wrong("it crashed (exit %d)", code)
					  : verbs[v].end(&e);
}

const char *filecut_check_said(enum filecut_run_verb v, int code, const char *said)
{
	if (said[0] == '\0')
		return "it said nothing";
	if ((strstr(said, verbs[v].claim) != NULL) != (code == OUTPUT_OK))
		return "what it said is not what its exit code says";
	return NULL;
}
