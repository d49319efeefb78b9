/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/filecut_walk.h"

#include "lib/util.h"
#include "tests/sim/cut_content.h"
#include "tests/sim/filecut_world.h"
#include "tests/sim/set.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VIOLATIONS_MAX 5

enum { CUT_POINTS, RAW_IMAGES, DISTINCT, CONSECUTIVE, DEEPEST, RUNS, FAULTS };

const struct report_column filecut_walk_columns[] = {
	[CUT_POINTS] = { "cut_points", "cut points", REPORT_SUM },
	[RAW_IMAGES] = { "raw_images", "images", REPORT_SUM },
	[DISTINCT] = { "distinct_images", "distinct", REPORT_SUM },
	[CONSECUTIVE] = { "max_consecutive_cuts", "cuts", REPORT_LEAST },
	[DEEPEST] = { "deepest_new_image", "depth", REPORT_MOST },
	[RUNS] = { "runs", "runs", REPORT_SUM },
	[FAULTS] = { "faults", "faults", REPORT_SUM },
	{ NULL, NULL, REPORT_OWN },
};

struct found {
	struct filecut_image im;
	int parent; /* -1: the story begins there */
	struct filecut_walk_step step;
	unsigned depth;
	uint64_t key;
};

struct walk {
	const struct filecut_walk_story *story;
	size_t block;
	struct report_line *line;
	struct found *found;
	uint32_t nfound, room;
	struct set known;
	/* the run that is being cut */
	int from; /* index */
	struct filecut_walk_step step;
	struct filecut_check_rule rule;
	struct filecut_fs fs;
};

static struct walk w;

/* ---------------------------------------------------------------- what was found */

static void put_way(FILE *f, int at)
{
	char text[128];

	if (at < 0 || w.found[at].parent < 0)
		return;
	put_way(f, w.found[at].parent);
	filecut_way_print(&w.found[at].step, text, sizeof(text));
	fprintf(f, "%s/", text);
}

static void violation(int at, const struct filecut_walk_step *last, const char *why)
{
	char text[128], *way = NULL;
	size_t len;
	FILE *f = open_memstream(&way, &len);

	if (f == NULL)
		abort();
	/* What follows an image that is wrong was not looked at; fewest cuts come first. */
	if (w.line->violations == 0)
		w.line->number[CONSECUTIVE] = at < 0 ? 0 : w.found[at].depth;
	filecut_way_print(last, text, sizeof(text));
	fprintf(f, "--block %zu --replay ", w.block);
	put_way(f, at);
	fputs(text, f);
	fclose(f);
	if (report_violation(w.line, way, "%s", why))
		printf("%s", filecut_run_said());
	free(way);
}

static void push(const struct filecut_image *im, uint64_t key, int parent)
{
	struct found *f;

	w.found = cut_content_room(w.found, w.nfound, &w.room, sizeof(*w.found));
	f = &w.found[w.nfound];
	f->im = *im;
	f->parent = parent;
	f->step = w.step;
	f->depth = parent < 0 ? 0 : w.found[parent].depth + 1;
	f->key = key;
	set_add(&w.known, key, w.nfound++);
	if (f->depth > w.line->number[DEEPEST])
		w.line->number[DEEPEST] = f->depth;
}

/* ---------------------------------------------------------------- cutting a run */

static void on_image(void *ctx, const struct filecut_image *im, uint64_t ordinal)
{
	const char *why = filecut_check_image(im, &w.rule);
	uint64_t key;

	(void)ctx;
	w.step.ordinal = ordinal;
	/* What a cut makes of a lie is not gone on from: see filecut_check_image(). */
	if (why != NULL)
		violation(w.from, &w.step, why);
	key = filecut_image_key(im);
	if (why == NULL && !w.rule.lied && set_find(&w.known, key) == SET_NONE)
		push(im, key, w.from);
}

/* Opened, and never read nor written: it is empty. */
static bool is_lock(const char *path)
{
	const char *name = strrchr(path, '/');

	return strcmp(name != NULL ? name + 1 : path, ".lock") == 0;
}

/* What the state does not name is never read: its content cannot matter, so images that differ in
 * that alone are one. */
static bool may_open(const struct filecut_rec_op *op)
{
	const struct filecut_image *im = &w.found[w.from].im;
	int i = op->kind == FILECUT_REC_OPEN ? filecut_fs_loaded(&w.fs, op->ino) : -1;

	return i < 0 || is_lock(im->file[i].path) ||
	       filecut_image_is_named(filecut_image_state(im), im->file[i].path);
}

/* Feeds the model with the operations of the last run, and cuts after each of them. The last cut is
 * after the verb has returned. */
static unsigned cut_run(const struct filecut_rec *r, bool count, int code)
{
	unsigned points = 0;

	for (unsigned i = 0; i < r->nops; i++) {
		if (!may_open(&r->op[i]))
			violation(w.from, &w.step, "a file is read that the state does not name");
		if (!filecut_fs_do(&w.fs, r, &r->op[i])) {
			violation(w.from, &w.step, "the model cannot follow what was done");
			return points;
		}
		if (r->op[i].kind == FILECUT_REC_OPEN)
			continue;
		w.step.cut = ++points;
		w.rule.ended = false;
		if (!count)
			continue;
		w.line->number[RAW_IMAGES] += filecut_fs_cut(&w.fs, on_image, NULL);
		w.line->number[CUT_POINTS]++;
	}
	w.step.cut = points + 1;
	w.rule.ended = true;
	w.rule.code = code;
	if (count) {
		w.line->number[RAW_IMAGES] += filecut_fs_cut(&w.fs, on_image, NULL);
		w.line->number[CUT_POINTS]++;
	}
	return points;
}

/* What the model believes is what the folder holds: nothing was done unseen. */
static void same_as_folder(struct filecut_image *now)
{
	static struct filecut_image is;

	filecut_fs_now(&w.fs, now);
	filecut_world_get(&is);
	if (is.nfiles != now->nfiles ||
	    memcmp(is.file, now->file, is.nfiles * sizeof(is.file[0])) != 0)
		violation(w.from, &w.step, "the model and the folder differ");
}

static void begin_run(int from, const struct filecut_walk_step *step)
{
	const struct filecut_image *im = &w.found[from].im;

	w.from = from;
	w.step = *step;
	w.rule = (struct filecut_check_rule){
		.before = *filecut_image_state(im),
		.verb = step->how == FILECUT_WALK_KILLED ? step->then : step->verb,
	};
	w.rule.first = w.rule.before;
	w.rule.lied = step->fault.op == FILECUT_FAULT_STATE_FLUSH;
	if (w.story->damaged)
		w.rule.damaged =
			filecut_image_find(&w.found[0].im, filecut_world_release[false].path)->blob;
	filecut_world_put(im, &w.fs, w.block);
	filecut_world_booted(w.story->token);
}

/* What a step asks of the process. */
static struct filecut_rec_plan plan_of(const struct filecut_walk_step *step)
{
	struct filecut_rec_plan plan = filecut_way_plan(step);

	plan.block = w.block;
	plan.room = w.story->room;
	return plan;
}

/* Nothing fails any more, and the update is staged once more. */
static void run_again(int from, const struct filecut_walk_step *step)
{
	const struct filecut_rec_plan plan = { .block = w.block, .room = w.story->room };
	static struct filecut_image start, end;
	const char *why;
	int code;

	filecut_world_get(&start);
	filecut_world_cells(&start);
	code = filecut_run_do(FILECUT_RUN_STAGE, &plan);
	w.line->number[RUNS]++;
	filecut_world_get(&end);
	filecut_world_cells(&end);
	why = filecut_check_end(&start, &end, FILECUT_RUN_STAGE, code);
	if (why == NULL)
		return;
	violation(from, step, "behind it, with nothing that fails:");
	printf("  %s\n", why);
}

/* What went wrong is none, since the rest is asked for; or the state is asked for once more, or
 * written in the other region. */
static bool is_overcome(const struct filecut_fault *f)
{
	return f->kind == FILECUT_FAULT_SHORT ||
	       (f->op >= FILECUT_FAULT_STATE_READ && f->kind != FILECUT_FAULT_NONE && !f->again);
}

/* The process is killed before its operation; nothing of it is more durable than it was. What is
 * there then is where the next one begins. */
static void run_killed(enum filecut_run_verb v, const struct filecut_rec_plan *plan,
		       struct filecut_image *start)
{
	filecut_run_do(v, plan);
	w.line->number[RUNS]++;
	cut_run(filecut_run_rec(), false, 0);
	filecut_fs_flush_state(&w.fs);
	same_as_folder(start);
	w.rule.before = *filecut_image_state(start);
}

/* What is wrong with the end of a run. */
static const char *check_run(const struct filecut_walk_step *step, enum filecut_run_verb v,
			     const struct filecut_image *start, const struct filecut_image *end,
			     int code)
{
	const char *why = NULL;

	if (step->how <= FILECUT_WALK_KILLED || is_overcome(&step->fault))
		why = filecut_check_end(start, end, v, code);
	else if (code >= FILECUT_RUN_SIGNAL)
		why = "it crashed, or hung";
	return why != NULL || step->how <= FILECUT_WALK_KILLED
		       ? why
		       : filecut_check_said(v, code, filecut_run_said());
}

/* One verb on one image, with what goes wrong in it: its end, and all its cuts. How many. */
static unsigned run_step(int from, const struct filecut_walk_step *step)
{
	enum filecut_run_verb v = step->verb;
	struct filecut_rec_plan plan = plan_of(step);
	static struct filecut_image start, end;
	const char *why;
	unsigned points;
	int code;

	begin_run(from, step);
	start = w.found[from].im;
	if (step->how == FILECUT_WALK_KILLED) {
		run_killed(v, &plan, &start);
		v = step->then;
		plan.kill_at = 0;
	}
	code = filecut_run_do(v, &plan);
	w.line->number[RUNS]++;
	w.line->number[FAULTS] += step->how > FILECUT_WALK_KILLED;
	points = cut_run(filecut_run_rec(), true, code);
	same_as_folder(&end);
	why = check_run(step, v, &start, &end, code);
	if (why != NULL)
		violation(from, step, why);
	/* What was read wrong once is as it was. */
	if (step->how > FILECUT_WALK_KILLED &&
	    (step->fault.op != FILECUT_FAULT_STATE_READ || step->fault.again))
		run_again(from, step);
	return points;
}

/* A verb that is not cut: it tells, or boots. */
static void run_look(int from, enum filecut_run_verb v)
{
	const struct filecut_walk_step step = { .verb = v };
	const struct filecut_rec_plan plan = plan_of(&step);
	static struct filecut_image end;
	const char *why;
	int code;

	begin_run(from, &step);
	end = w.found[from].im;
	code = filecut_run_do(v, &plan);
	w.line->number[RUNS]++;
	for (unsigned i = 0; i < filecut_run_rec()->nops; i++)
		if (!may_open(&filecut_run_rec()->op[i]))
			violation(from, &step, "a file is read that the state does not name");
	filecut_world_cells(&end);
	why = filecut_check_end(&w.found[from].im, &end, v, code);
	if (why != NULL)
		violation(from, &step, why);
}

/* ---------------------------------------------------------------- the walk */

static bool seen_enough(void)
{
	return w.line->violations >= VIOLATIONS_MAX;
}

static bool has(enum filecut_run_verb v)
{
	return w.story->verbs & 1u << v;
}

static void disturb(int from, enum filecut_run_verb v, unsigned points)
{
	for (unsigned at = 1; at <= points && !seen_enough(); at++) {
		for (enum filecut_walk_how how = FILECUT_WALK_EIO; how < FILECUT_WALK_FAULT; how++)
			run_step(from,
				 &(struct filecut_walk_step){ .verb = v, .how = how, .at = at });
		for (enum filecut_run_verb then = 0; then < FILECUT_RUN_STATUS; then++)
			if (has(then))
				run_step(from,
					 &(struct filecut_walk_step){ .verb = v,
								      .then = then,
								      .how = FILECUT_WALK_KILLED,
								      .at = at });
	}
}

/* Each read and write of what a bundle holds, and of the state, goes wrong, once and from then on.
 * turns: how many there were of them. */
static void spoil(int from, enum filecut_run_verb v, const unsigned turns[FILECUT_FAULT_OPS])
{
	struct filecut_walk_step step = { .verb = v, .how = FILECUT_WALK_FAULT };

	while (filecut_way_next_fault(&step.fault)) {
		for (unsigned at = 1; at <= turns[step.fault.op] && !seen_enough(); at++) {
			step.fault.at = at;
			run_step(from, &step);
		}
	}
}

void filecut_walk_run(const struct filecut_walk_story *s, size_t block, bool deep,
		      struct report_line *line)
{
	static struct filecut_image im;

	w.story = s;
	w.block = block;
	w.line = line;
	line->number[CONSECUTIVE] = REPORT_FIXPOINT;
	s->make(&im);
	push(&im, filecut_image_key(&im), -1);
	for (unsigned i = 0; i < w.nfound && !seen_enough(); i++) {
		run_look((int)i, FILECUT_RUN_STATUS);
		run_look((int)i, FILECUT_RUN_APPLY);
		for (enum filecut_run_verb v = 0; v < FILECUT_RUN_STATUS; v++) {
			const struct filecut_walk_step plain = { .verb = v };
			unsigned points = has(v) ? run_step((int)i, &plain) : 0;
			unsigned turns[FILECUT_FAULT_OPS];

			if (points == 0 || (i > 0 && !deep))
				continue;
			memcpy(turns, filecut_run_rec()->turns, sizeof(turns));
			disturb((int)i, v, points);
			spoil((int)i, v, turns);
		}
	}
	line->number[DISTINCT] = w.nfound;
}

/* ---------------------------------------------------------------- replay */

struct pick {
	uint64_t want;
	bool found;
	struct filecut_image im;
};

static void on_pick(void *ctx, const struct filecut_image *im, uint64_t ordinal)
{
	struct pick *p = ctx;

	if (ordinal != p->want)
		return;
	p->im = *im;
	p->found = true;
}

/* Shows and follows what was recorded, up to the cut. */
static void follow(unsigned cut)
{
	const struct filecut_rec *r = filecut_run_rec();
	unsigned points = 0;

	for (unsigned i = 0; i < r->nops; i++) {
		if (r->op[i].kind != FILECUT_REC_OPEN && ++points > cut)
			break;
		filecut_way_show_op(points, &r->op[i]);
		if (!filecut_fs_do(&w.fs, r, &r->op[i]))
			printf("    the model cannot follow this\n");
	}
	printf("%s", filecut_run_said());
}

static bool replay_step(struct filecut_image *im, const struct filecut_walk_step *step)
{
	struct filecut_rec_plan plan = plan_of(step);
	static struct pick pick;
	int code;

	filecut_world_put(im, &w.fs, w.block);
	filecut_world_booted(w.story->token);
	code = filecut_run_do(step->verb, &plan);
	printf("%s: exit %d\n", filecut_run_name(step->verb), code);
	if (step->how == FILECUT_WALK_KILLED) {
		follow(UINT32_MAX);
		filecut_fs_flush_state(&w.fs);
		plan.kill_at = 0;
		code = filecut_run_do(step->then, &plan);
		printf("%s: exit %d\n", filecut_run_name(step->then), code);
	}
	follow(step->cut == 0 ? UINT32_MAX : step->cut);
	if (step->cut == 0) {
		filecut_fs_now(&w.fs, im);
		filecut_way_show_image(im);
		return true;
	}
	pick.want = step->ordinal;
	pick.found = false;
	printf("  power fails: image %llu of %llu\n", (unsigned long long)step->ordinal,
	       (unsigned long long)filecut_fs_cut(&w.fs, on_pick, &pick));
	*im = pick.im;
	filecut_way_show_image(im);
	return pick.found;
}

bool filecut_walk_replay(const struct filecut_walk_story *s, size_t block, const char *way)
{
	static struct filecut_image im;
	struct filecut_walk_step step;

	w.story = s;
	w.block = block;
	memset(&im, 0, sizeof(im));
	s->make(&im);
	printf("%s: %s\n", s->name, s->what);
	filecut_way_show_image(&im);
	while (*way != '\0') {
		if (!filecut_way_parse(&way, &step) || !replay_step(&im, &step))
			return false;
	}
	return true;
}
