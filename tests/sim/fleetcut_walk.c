/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/fleetcut.h"

#define VIOLATIONS_MAX 5
#define BLOCK	       4096u

enum { CUT_POINTS, RAW_IMAGES, DISTINCT, RUNS, FAULTS };

const struct report_column fleetcut_walk_columns[] = {
	[CUT_POINTS] = { "cut_points", "cut points", REPORT_SUM },
	[RAW_IMAGES] = { "raw_images", "images", REPORT_SUM },
	[DISTINCT] = { "distinct_images", "distinct", REPORT_SUM },
	[RUNS] = { "runs", "runs", REPORT_SUM },
	[FAULTS] = { "faults", "faults", REPORT_SUM },
	{ NULL, NULL, REPORT_OWN },
};

struct found {
	struct filecut_image im;
	struct fleetcut_around around;
	char *way; /* to it: steps, each with a "/" behind it */
};

static struct {
	struct report_line *line;
	struct found *found;
	uint32_t nfound, room;
	struct set known;
	bool shows; /* a replay: only what its step picks is gone on from */
	/* the run that is being cut */
	uint32_t from;
	struct fleetcut_way_step step, asked;
	struct fleetcut_check_rule rule;
	struct fleetcut_around around; /* with the images that come now */
	uint64_t before;	       /* images of this cut, with what was around before */
	const struct fleetcut_walk_story *story;
	bool saved; /* it has put a record in its place */
	bool newer; /* ... behind the removal of the bundle; durable with the folder's names */
	struct filecut_fs fs;
} w;

static void violation(const char *why)
{
	char *again;

	bundles_must(asprintf(&again, "--replay %s%s", w.found[w.from].way,
			      fleetcut_way_print(&w.step)) > 0,
		     "memory");
	if (report_violation(w.line, again, "%s", why))
		printf("%s", fleetcut_run_said);
	free(again);
}

static void push(const struct filecut_image *im, bool begins)
{
	struct found f = { .im = *im, .around = w.around };
	int n = begins ? asprintf(&f.way, "%s", "")
		       : asprintf(&f.way, "%s%s/", w.found[w.from].way,
				  fleetcut_way_print(&w.step));

	bundles_must(n >= 0, "memory");
	w.found = cut_content_room(w.found, w.nfound, &w.room, sizeof(*w.found));
	w.found[w.nfound] = f;
	set_add(&w.known, fleetcut_check_key(im, &w.around), w.nfound++);
}

/* ---------------------------------------------------------------- cutting a run */

static void on_image(const struct filecut_image *im, uint64_t ordinal)
{
	const char *why = fleetcut_check_image(im, &w.around, &w.rule);

	w.step.ordinal = w.before + ordinal;
	if (why != NULL)
		violation(why);
	if (w.shows ? w.step.cut == w.asked.cut && w.step.ordinal == w.asked.ordinal
		    : why == NULL &&
			      set_find(&w.known, fleetcut_check_key(im, &w.around)) == SET_NONE)
		push(im, false);
}

static void cut(unsigned changes)
{
	uint64_t n;

	if (w.step.cut != changes)
		w.before = 0;
	w.step.cut = changes;
	n = filecut_fs_cut(&w.fs, on_image);
	w.before += n;
	w.line->number[RAW_IMAGES] += n;
	w.line->number[CUT_POINTS]++;
}

static bool is_record(const char *path)
{
	return strcmp(path, FLEETCUT_RECORD) == 0 || strcmp(path, FLEETCUT_FEED) == 0 ||
	       strcmp(path, FLEETCUT_QUEUE) == 0 || strcmp(path, FLEETCUT_ENDS) == 0;
}

/* What a record was, is, and is about to be. */
static void promise(const struct filecut_rec_op *op)
{
	static struct filecut_image now;

	filecut_fs_now(&w.fs, &now);
	fleetcut_check_allow(&w.rule, &now);
	w.saved = w.saved || is_record(op->to);
	if (op->failed != 0)
		return;
	if (op->kind == FILECUT_REC_UNLINK && strcmp(op->path, FLEETCUT_BUNDLE) == 0)
		w.rule.lasts = w.newer = false;
	else if (strcmp(op->to, FLEETCUT_RECORD) == 0)
		w.newer = true;
	else if (w.newer && op->kind == FILECUT_REC_FSYNC && strcmp(op->path, FLEETCUT_FOLDER) == 0)
		w.rule.lasts = fleetcut_check_lasts(&now);
}

/* A sync costs a device writes and time: there is none where no name has changed since the last
 * one, or may have. */
static void check_sync(const struct filecut_rec_op *op, bool *changed)
{
	bool syncs = op->kind == FILECUT_REC_FSYNC && strcmp(op->path, FLEETCUT_FOLDER) == 0;
	bool names = op->kind == FILECUT_REC_CREATE || op->kind == FILECUT_REC_UNLINK ||
		     op->kind == FILECUT_REC_RENAME || op->kind == FILECUT_REC_SWAP ||
		     strcmp(op->path, FLEETCUT_BUNDLE) == 0;

	if (syncs && !*changed)
		violation("the folder is synced, and no name in it has changed");
	*changed = op->failed != 0 || names || (*changed && !syncs);
}

/* What changed around the disk, behind so many operations. The power may fail before each, too. */
static void follow_around(unsigned nops, unsigned *n, unsigned changes, bool cuts)
{
	const struct fleetcut_around_log *log = fleetcut_around_log;

	for (; *n < log->n && log->change[*n].nops == nops; ++*n) {
		w.around = log->change[*n].is;
		if (cuts)
			cut(changes);
	}
}

static void check_left(const struct filecut_image *now, int code)
{
	const char *why = fleetcut_ends_left(now, &fleetcut_around_log->now, code);

	if (why != NULL)
		violation(why);
}

/* Feeds the model with the operations of the last run, and cuts after each of them; and once more
 * behind its end, where what it said holds. */
static void follow(bool cuts, int code)
{
	const struct filecut_rec *r = fleetcut_run_rec;
	static struct filecut_image now, is;
	unsigned changes = 0, news = 0;
	bool changed = true;

	w.around = fleetcut_around_log->before;
	for (unsigned i = 0; i < r->nops; i++) {
		follow_around(i, &news, changes, cuts);
		check_sync(&r->op[i], &changed);
		if (!filecut_fs_do(&w.fs, r, &r->op[i])) {
			violation("the model cannot follow what was done");
			return;
		}
		if (r->op[i].kind == FILECUT_REC_OPEN)
			continue;
		changes++;
		if (w.shows)
			filecut_show_op(changes, &r->op[i]);
		promise(&r->op[i]);
		if (cuts)
			cut(changes);
	}
	if (w.shows)
		printf("%s%s: exit %d\n", fleetcut_run_said, fleetcut_run_name(w.step.verb), code);
	follow_around(r->nops, &news, changes, cuts);
	filecut_fs_now(&w.fs, &now);
	filecut_world_get(&is);
	if (is.nfiles != now.nfiles ||
	    memcmp(is.file, now.file, is.nfiles * sizeof(is.file[0])) != 0)
		violation("the model and the folder differ");
	if (code != 1)
		check_left(&now, code);
	if (code == 0 && w.saved) {
		memset(w.rule.nrecords, 0, sizeof(w.rule.nrecords));
		w.rule.lasts = fleetcut_check_lasts(&now);
		fleetcut_check_allow(&w.rule, &now);
	}
	if (cuts)
		cut(changes + 1);
}

/* On this disk. */
static int run(enum fleetcut_verb v, const struct filecut_rec_plan *plan,
	       const struct filecut_image *im)
{
	int code;

	w.line->number[RUNS]++;
	fleetcut_around_begin(im);
	code = fleetcut_run_do(v, plan);
	if (fleetcut_around_log->wrong != NULL)
		violation(fleetcut_around_log->wrong);
	return code;
}

/* Behind what failed, and with nothing that does, the contact is as good as any. */
static void run_again(enum fleetcut_verb v)
{
	const struct filecut_rec_plan plan = { .block = BLOCK };
	static struct filecut_image is;

	filecut_world_get(&is);
	if (run(fleetcut_run_is_cycle(v) ? FLEETCUT_TAKES : v, &plan, &is) != 0)
		violation("behind it, with nothing that fails, the contact fails");
	filecut_world_get(&is);
	check_left(&is, 0);
}

static void run_step(uint32_t from, const struct fleetcut_way_step *step)
{
	struct filecut_rec_plan plan = { .fault = fleetcut_way_faults[step->fault],
					 .at = step->at,
					 .block = BLOCK };
	bool kills = plan.fault.kind == FILECUT_FAULT_KILLS;
	struct filecut_image im = w.found[from].im;
	enum fleetcut_verb last = kills ? step->then : step->verb;
	int code;

	w.from = from;
	w.step = w.asked = *step;
	w.newer = false;
	w.rule = (struct fleetcut_check_rule){
		.lasts = fleetcut_check_lasts(&im),
		.owed = fleetcut_ends_owed(&im, &w.found[from].around),
	};
	fleetcut_check_allow(&w.rule, &im);
	filecut_world_put(&im);
	fleetcut_around_log->now = w.found[from].around;
	filecut_fs_load(&w.fs, &im, BLOCK);
	if (kills) {
		run(step->verb, &plan, &im);
		follow(false, 1);
		filecut_fs_now(&w.fs, &im);
		plan.fault.kind = FILECUT_FAULT_NONE;
	}
	w.saved = false;
	code = run(last, &plan, &im);
	follow(true, code);
	if (code > FLEETCUT_RUN_DEAF)
		violation("it crashed, or hung");
	if (code == 1 && plan.fault.kind == FILECUT_FAULT_NONE)
		violation("the contact fails");
	w.line->number[FAULTS] += step->fault > 0;
	if (plan.fault.kind == FILECUT_FAULT_FAILS)
		run_again(last);
}

/* No contact: the disk stays as it is. */
static void happen(uint32_t from, const struct fleetcut_way_step *step)
{
	const struct filecut_image im = w.found[from].im;

	w.from = from;
	w.step = *step;
	w.around = w.found[from].around;
	if (fleetcut_around_happens(&w.around, step->verb) &&
	    (w.shows || set_find(&w.known, fleetcut_check_key(&im, &w.around)) == SET_NONE))
		push(&im, false);
}

static void take_step(uint32_t from, const struct fleetcut_way_step *step)
{
	if (step->verb >= FLEETCUT_ASSIGN)
		happen(from, step);
	else
		run_step(from, step);
}

/* ---------------------------------------------------------------- the walk */

static bool may_come(enum fleetcut_verb v)
{
	return v == FLEETCUT_NONE || (w.story->verbs >> v & 1) != 0;
}

/* Each change of the contact that ran last goes wrong. */
static void disturb(uint32_t from, enum fleetcut_verb v)
{
	unsigned turns = fleetcut_run_rec->turns[FILECUT_TURN_CHANGE];

	for (unsigned fault = 1; fault < FLEETCUT_WAY_FAULTS; fault++)
		for (unsigned at = 1; at <= turns && w.line->violations < VIOLATIONS_MAX; at++) {
			struct fleetcut_way_step step = { .verb = v, .fault = fault, .at = at };
			bool kills = fleetcut_way_faults[fault].kind == FILECUT_FAULT_KILLS;

			if (!kills)
				step.then = FLEETCUT_NONE;
			do
				if (may_come(step.then))
					run_step(from, &step);
			while (++step.then < FLEETCUT_ASSIGN);
		}
}

static bool begin_with(enum fleetcut_verb v, const struct filecut_rec_plan *plan)
{
	return v >= FLEETCUT_ASSIGN ? fleetcut_around_happens(&fleetcut_around_log->now, v)
				    : fleetcut_run_do(v, plan) == 0;
}

static void begin(unsigned i, struct report_line *line)
{
	const struct filecut_rec_plan plan = { .block = BLOCK };
	const struct fleetcut_walk_story *story = &fleetcut_story[i];
	static struct filecut_image im;
	enum fleetcut_verb v;
	char name[16];
	int n;

	filecut_world_begin();
	filecut_world_put(&im);
	fleetcut_run_begin();
	fleetcut_around_begin(&im);
	w.line = line;
	w.story = story;
	for (const char *at = story->first; sscanf(at, "%15[a-z]/%n", name, &n) == 1; at += n)
		bundles_must(fleetcut_way_verb(name, &v) && begin_with(v, &plan), story->name);
	filecut_world_get(&im);
	w.around = fleetcut_around_log->now;
	push(&im, true);
}

void fleetcut_walk_run(unsigned i, struct report_line *line)
{
	begin(i, line);
	for (uint32_t n = 0; n < w.nfound && line->violations < VIOLATIONS_MAX; n++)
		for (enum fleetcut_verb v = 0; v < FLEETCUT_VERBS; v++) {
			if (!may_come(v))
				continue;
			take_step(n,
				  &(struct fleetcut_way_step){ .verb = v, .then = FLEETCUT_NONE });
			if (n == 0 && v < FLEETCUT_ASSIGN)
				disturb(n, v);
		}
	line->number[DISTINCT] = w.nfound;
}

bool fleetcut_walk_replay(unsigned i, const char *way)
{
	static struct report_line line;
	struct fleetcut_way_step step;

	line.name = fleetcut_story[i].name;
	begin(i, &line);
	w.shows = true;
	printf("%s: %s\n", line.name, fleetcut_story[i].what);
	fleetcut_way_show(&w.found[0].im);
	for (uint32_t from = 0; *way != '\0'; from++) {
		if (!fleetcut_way_parse(&way, &step))
			return false;
		take_step(from, &step);
		if (w.nfound == from + 1)
			return false;
		fleetcut_way_show(&w.found[from + 1].im);
	}
	return line.violations == 0;
}
