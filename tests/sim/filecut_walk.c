/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/filecut.h"

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
	char *way; /* to it: "" or steps, each with a "/" behind it */
	unsigned depth;
};

struct walk {
	const struct filecut_walk_story *story;
	struct report_line *line;
	struct found *found;
	uint32_t nfound, room;
	struct set known;
	bool shows; /* a replay: nothing is gone on from but what its step picks */
	/* the run that is being cut */
	int from; /* index */
	struct filecut_walk_step step, asked;
	struct filecut_check_rule rule;
	struct filecut_fs fs;
};

static struct walk w;
uint64_t filecut_walk_block = 4096;
bool filecut_walk_deep;

/* ---------------------------------------------------------------- what was found */

/* Of what a step makes of an image. */
static void violation(int from, const struct filecut_walk_step *step, const char *why)
{
	char *again;

	/* What follows an image that is wrong was not looked at; fewest cuts come first. */
	if (w.line->violations == 0)
		w.line->number[CONSECUTIVE] = w.found[from].depth;
	bundles_must(asprintf(&again, "--block %" PRIu64 " --replay %s%s", filecut_walk_block,
			      w.found[from].way, filecut_way_print(step)) > 0,
		     "memory");
	if (report_violation(w.line, again, "%s", why))
		printf("%s", filecut_run_said);
	free(again);
}

/* step: from that image to this one; NULL: the story begins with it. */
static void push(const struct filecut_image *im, int from, const struct filecut_walk_step *step)
{
	struct found f = { .im = *im };
	int n = step == NULL
			? asprintf(&f.way, "%s", "")
			: asprintf(&f.way, "%s%s/", w.found[from].way, filecut_way_print(step));

	bundles_must(n >= 0, "memory");
	f.depth = step == NULL ? 0 : w.found[from].depth + 1;
	w.found = cut_content_room(w.found, w.nfound, &w.room, sizeof(*w.found));
	w.found[w.nfound] = f;
	set_add(&w.known, filecut_image_key(im), w.nfound++);
	if (f.depth > w.line->number[DEEPEST])
		w.line->number[DEEPEST] = f.depth;
}

/* ---------------------------------------------------------------- cutting a run */

static void on_image(const struct filecut_image *im, uint64_t ordinal)
{
	const char *why = filecut_check_image(im, &w.rule);

	w.step.ordinal = ordinal;
	if (why != NULL)
		violation(w.from, &w.step, why);
	/* What a cut makes of a lie is not gone on from: see filecut_check_image(). */
	if (w.shows ? w.step.cut == w.asked.cut && ordinal == w.asked.ordinal
		    : why == NULL && !w.rule.lied &&
			      set_find(&w.known, filecut_image_key(im)) == SET_NONE)
		push(im, w.from, &w.step);
}

/* What the state does not name is never read: its content cannot matter, so images that differ in
 * that alone are one. A lock is empty. */
static bool may_open(const struct filecut_rec_op *op)
{
	const struct filecut_image *im = &w.found[w.from].im;
	int i = op->kind == FILECUT_REC_OPEN ? filecut_fs_loaded(&w.fs, op->path) : -1;

	return i < 0 || strcmp(im->file[i].path, "keelboot/stage/.lock") == 0 ||
	       strcmp(im->file[i].path, FILECUT_CHECK_NOTE) == 0 ||
	       filecut_image_is_named(filecut_image_state(im), im->file[i].path);
}

/* The power fails behind that many changes. */
static void cut(unsigned changes)
{
	uint64_t images;

	w.step.cut = changes;
	images = filecut_fs_cut(&w.fs, on_image);
	w.line->number[RAW_IMAGES] += images;
	w.line->number[CUT_POINTS]++;
	if (w.shows && changes == w.asked.cut)
		printf("  power fails: image %" PRIu64 " of %" PRIu64 "\n", w.asked.ordinal,
		       images);
}

/* Feeds the model with the operations of the last run, and cuts after each of them. The last cut is
 * after the verb has returned. */
static void follow(bool cuts, int code)
{
	const struct filecut_rec *r = filecut_run_rec;
	unsigned changes = 0;

	w.rule.ended = false;
	for (unsigned i = 0; i < r->nops; i++) {
		bool opens = r->op[i].kind == FILECUT_REC_OPEN;

		if (!may_open(&r->op[i]))
			violation(w.from, &w.step, "a file is read that the state does not name");
		changes += !opens;
		if (w.shows)
			filecut_show_op(changes, &r->op[i]);
		if (!filecut_fs_do(&w.fs, r, &r->op[i])) {
			violation(w.from, &w.step, "the model cannot follow what was done");
			return;
		}
		if (cuts && !opens)
			cut(changes);
	}
	if (w.shows)
		printf("%s", filecut_run_said);
	w.rule.ended = true;
	w.rule.code = code;
	if (cuts)
		cut(changes + 1);
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

static int run(enum filecut_run_verb v, const struct filecut_rec_plan *plan)
{
	int code = filecut_run_do(v, plan);

	w.line->number[RUNS]++;
	if (w.shows)
		printf("%s: exit %d\n", filecut_run_name(v), code);
	return code;
}

static void begin_run(int from, const struct filecut_walk_step *step)
{
	const struct filecut_image *im = &w.found[from].im;

	w.from = from;
	w.step = w.asked = *step;
	w.rule = (struct filecut_check_rule){
		.before = *filecut_image_state(im),
		.verb = step->fault.kind == FILECUT_FAULT_KILLS ? step->then : step->verb,
	};
	w.rule.first = w.rule.before;
	w.rule.noted_first = w.rule.noted_before = filecut_check_noted(im);
	w.rule.lied = step->fault.turn == FILECUT_TURN_STATE_FLUSH;
	if (w.story->damaged)
		w.rule.damaged =
			filecut_image_find(&w.found[0].im, filecut_world_release[false].path)->blob;
	filecut_world_put(im);
	filecut_fs_load(&w.fs, im, filecut_walk_block);
	filecut_world_booted(w.story->trial ? 1 : 0);
}

/* Nothing fails any more, and the update is staged once more. */
static void run_again(int from, const struct filecut_walk_step *step)
{
	const struct filecut_rec_plan plan = { .block = filecut_walk_block, .room = w.story->room };
	static struct filecut_image start, end;
	const char *why;
	int code;

	filecut_world_get(&start);
	code = run(FILECUT_RUN_STAGE, &plan);
	filecut_world_get(&end);
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
	       (f->turn >= FILECUT_TURN_STATE_READ && f->ever == FILECUT_FAULT_ONCE);
}

/* The process is killed before its change; nothing of it is more durable than it was. What is there
 * then is where the next one begins. */
static void run_killed(enum filecut_run_verb v, const struct filecut_rec_plan *plan,
		       struct filecut_image *start)
{
	run(v, plan);
	follow(false, 0);
	filecut_fs_flush_state(&w.fs);
	same_as_folder(start);
	w.rule.before = *filecut_image_state(start);
	w.rule.noted_before = filecut_check_noted(start);
}

/* One verb on one image, with what goes wrong in it: its end, and all its cuts; but one that is to
 * say something, or boots, is not cut. */
static void run_step(int from, const struct filecut_walk_step *step)
{
	const struct filecut_fault *f = &step->fault;
	struct filecut_rec_plan plan = {
		.fault = *f, .at = step->at, .room = w.story->room, .block = filecut_walk_block
	};
	bool fails = f->kind > FILECUT_FAULT_KILLS;
	static struct filecut_image start, end;
	const char *why = NULL;
	int code;

	begin_run(from, step);
	start = w.found[from].im;
	if (f->kind == FILECUT_FAULT_KILLS) {
		run_killed(step->verb, &plan, &start);
		plan.fault.kind = FILECUT_FAULT_NONE;
	}
	code = run(w.rule.verb, &plan);
	w.line->number[FAULTS] += fails;
	follow(w.rule.verb < FILECUT_RUN_STATUS, code);
	same_as_folder(&end);
	if (!fails || is_overcome(f))
		why = filecut_check_end(&start, &end, w.rule.verb, code);
	else if (code >= FILECUT_RUN_SIGNAL)
		why = "it crashed, or hung";
	if (why == NULL && fails)
		why = filecut_check_said(w.rule.verb, code, filecut_run_said);
	if (why != NULL)
		violation(from, step, why);
	if (w.shows && step->cut == 0)
		push(&end, from, step);
	/* What was read wrong once is as it was. */
	if (fails && (f->turn != FILECUT_TURN_STATE_READ || f->ever != FILECUT_FAULT_ONCE))
		run_again(from, step);
}

/* ---------------------------------------------------------------- the walk */

static bool has(enum filecut_run_verb v)
{
	return v < FILECUT_RUN_BY_FLEET || (v == FILECUT_RUN_BY_FLEET && w.story->noted) ||
	       (v == FILECUT_RUN_GOOD && w.story->trial);
}

/* Everything goes wrong in the verb that ran last without: each at each of its turns. */
static void disturb(int from, enum filecut_run_verb v)
{
	struct filecut_walk_step step = { .verb = v };
	unsigned turns[FILECUT_TURNS];

	memcpy(turns, filecut_run_rec->turns, sizeof(turns));
	if (turns[FILECUT_TURN_CHANGE] == 0)
		return;
	for (const struct filecut_fault *f = filecut_way_faults; f->name != NULL; f++) {
		unsigned thens = f->kind == FILECUT_FAULT_KILLS ? FILECUT_RUN_STATUS : 1;

		step.fault = *f;
		for (step.at = 1; step.at <= turns[f->turn] && w.line->violations < VIOLATIONS_MAX;
		     step.at++)
			for (step.then = 0; step.then < thens; step.then++)
				if (has(step.then))
					run_step(from, &step);
	}
}

static void begin(unsigned story, struct report_line *line)
{
	static struct filecut_image im;

	filecut_world_begin();
	w.story = &filecut_story[story];
	w.line = line;
	line->number[CONSECUTIVE] = REPORT_FIXPOINT;
	filecut_story_make(w.story, &im);
	push(&im, 0, NULL);
}

void filecut_walk_run(unsigned story, struct report_line *line)
{
	begin(story, line);
	for (unsigned i = 0; i < w.nfound && line->violations < VIOLATIONS_MAX; i++) {
		run_step((int)i, &(struct filecut_walk_step){ .verb = FILECUT_RUN_STATUS });
		run_step((int)i, &(struct filecut_walk_step){ .verb = FILECUT_RUN_APPLY });
		for (enum filecut_run_verb v = 0; v < FILECUT_RUN_STATUS; v++) {
			if (!has(v))
				continue;
			run_step((int)i, &(struct filecut_walk_step){ .verb = v });
			if (i == 0 || filecut_walk_deep)
				disturb((int)i, v);
		}
	}
	line->number[DISTINCT] = w.nfound;
}

bool filecut_walk_replay(unsigned story, const char *way)
{
	static struct report_line line;
	struct filecut_walk_step step;

	line.name = filecut_story[story].name;
	w.shows = true;
	begin(story, &line);
	printf("%s: %s\n", line.name, w.story->what);
	filecut_way_show_image(&w.found[0].im);
	for (uint32_t from = 0; *way != '\0'; from++) {
		if (!filecut_way_parse(&way, &step))
			return false;
		run_step((int)from, &step);
		if (w.nfound == from + 1)
			return false;
		filecut_way_show_image(&w.found[from + 1].im);
	}
	return line.violations == 0;
}
