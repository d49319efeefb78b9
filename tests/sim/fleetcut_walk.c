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

/* What goes wrong with a change; the first is nothing. */
static const struct filecut_fault faults[] = {
	{ "ok", FILECUT_FAULT_NONE, FILECUT_TURN_CHANGE, FILECUT_FAULT_ONCE, 0 },
	{ "kill", FILECUT_FAULT_KILLS, FILECUT_TURN_CHANGE, FILECUT_FAULT_ONCE, 0 },
	{ "eio", FILECUT_FAULT_FAILS, FILECUT_TURN_CHANGE, FILECUT_FAULT_ONCE, EIO },
	{ "enospc", FILECUT_FAULT_FAILS, FILECUT_TURN_CHANGE, FILECUT_FAULT_ONCE, ENOSPC },
	{ "ever-eio", FILECUT_FAULT_FAILS, FILECUT_TURN_CHANGE, FILECUT_FAULT_ALIKE, EIO },
	{ "ever-enospc", FILECUT_FAULT_FAILS, FILECUT_TURN_CHANGE, FILECUT_FAULT_ALIKE, ENOSPC },
	{ "readonly", FILECUT_FAULT_FAILS, FILECUT_TURN_CHANGE, FILECUT_FAULT_MEDIUM, EROFS },
};

/* One contact, what goes wrong in it, and the next one if it was killed; and where it is cut. */
struct step {
	enum fleetcut_verb verb, then;
	unsigned fault, at, cut;
	uint64_t ordinal;
};

struct found {
	struct filecut_image im;
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
	struct step step, asked;
	struct fleetcut_check_rule rule;
	const struct fleetcut_walk_story *story;
	bool saved; /* it has put a record in its place */
	bool newer; /* ... behind the removal of the bundle; durable with the folder's names */
	struct filecut_fs fs;
} w;

/* ---------------------------------------------------------------- ways */

static const char *print(const struct step *s)
{
	static char text[96];

	snprintf(text, sizeof(text), "%s+%s%u+%s:%u:%" PRIu64, fleetcut_run_name(s->verb),
		 faults[s->fault].name, s->at, fleetcut_run_name(s->then), s->cut, s->ordinal);
	return text;
}

static bool find_verb(const char *name, enum fleetcut_verb *v)
{
	for (*v = 0; *v < FLEETCUT_VERBS && strcmp(fleetcut_run_name(*v), name) != 0;)
		++*v;
	return strcmp(fleetcut_run_name(*v), name) == 0;
}

static bool parse(const char **way, struct step *s)
{
	char verb[16], fault[16], then[16];
	int n = 0;

	*s = (struct step){ .at = 0 };
	if (sscanf(*way, "%15[a-z]+%15[a-z-]%u+%15[a-z]:%u:%" SCNu64 "%n", verb, fault, &s->at,
		   then, &s->cut, &s->ordinal, &n) != 6 ||
	    !find_verb(verb, &s->verb) || !find_verb(then, &s->then))
		return false;
	while (strcmp(faults[s->fault].name, fault) != 0)
		if (++s->fault == KB_ARRAY_LEN(faults))
			return false;
	*way += n + ((*way)[n] == '/');
	return true;
}

static void violation(const char *why)
{
	char *again;

	bundles_must(asprintf(&again, "--replay %s%s", w.found[w.from].way, print(&w.step)) > 0,
		     "memory");
	if (report_violation(w.line, again, "%s", why))
		printf("%s", fleetcut_run_said);
	free(again);
}

static void push(const struct filecut_image *im, bool begins)
{
	struct found f = { .im = *im };
	int n = begins ? asprintf(&f.way, "%s", "")
		       : asprintf(&f.way, "%s%s/", w.found[w.from].way, print(&w.step));

	bundles_must(n >= 0, "memory");
	w.found = cut_content_room(w.found, w.nfound, &w.room, sizeof(*w.found));
	w.found[w.nfound] = f;
	set_add(&w.known, fleetcut_check_key(im), w.nfound++);
}

/* ---------------------------------------------------------------- cutting a run */

static void on_image(const struct filecut_image *im, uint64_t ordinal)
{
	const char *why = fleetcut_check_image(im, &w.rule);

	w.step.ordinal = ordinal;
	if (why != NULL)
		violation(why);
	if (w.shows ? w.step.cut == w.asked.cut && ordinal == w.asked.ordinal
		    : why == NULL && set_find(&w.known, fleetcut_check_key(im)) == SET_NONE)
		push(im, false);
}

static void cut(unsigned changes)
{
	w.step.cut = changes;
	w.line->number[RAW_IMAGES] += filecut_fs_cut(&w.fs, on_image);
	w.line->number[CUT_POINTS]++;
}

static bool is_record(const char *path)
{
	return strcmp(path, FLEETCUT_RECORD) == 0 || strcmp(path, FLEETCUT_FEED) == 0 ||
	       strcmp(path, FLEETCUT_QUEUE) == 0;
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

/* Feeds the model with the operations of the last run, and cuts after each of them; and once more
 * behind its end, where what it said holds. */
static void follow(bool cuts, int code)
{
	const struct filecut_rec *r = fleetcut_run_rec;
	static struct filecut_image now, is;
	unsigned changes = 0;
	bool changed = true;

	for (unsigned i = 0; i < r->nops; i++) {
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
	filecut_fs_now(&w.fs, &now);
	filecut_world_get(&is);
	if (is.nfiles != now.nfiles ||
	    memcmp(is.file, now.file, is.nfiles * sizeof(is.file[0])) != 0)
		violation("the model and the folder differ");
	if (code == 0 && w.saved) {
		memset(w.rule.nrecords, 0, sizeof(w.rule.nrecords));
		w.rule.lasts = fleetcut_check_lasts(&now);
		fleetcut_check_allow(&w.rule, &now);
	}
	if (cuts)
		cut(changes + 1);
}

static int run(enum fleetcut_verb v, const struct filecut_rec_plan *plan)
{
	w.line->number[RUNS]++;
	return fleetcut_run_do(v, plan);
}

/* Behind what failed, and with nothing that does, the contact is as good as any. */
static void run_again(enum fleetcut_verb v)
{
	const struct filecut_rec_plan plan = { .block = BLOCK };

	if (run(v, &plan) != 0)
		violation("behind it, with nothing that fails, the contact fails");
}

static void run_step(uint32_t from, const struct step *step)
{
	struct filecut_rec_plan plan = { .fault = faults[step->fault],
					 .at = step->at,
					 .block = BLOCK };
	bool kills = plan.fault.kind == FILECUT_FAULT_KILLS;
	const struct filecut_image *im = &w.found[from].im;
	enum fleetcut_verb last = kills ? step->then : step->verb;
	int code;

	w.from = from;
	w.step = w.asked = *step;
	w.newer = false;
	w.rule = (struct fleetcut_check_rule){ .lasts = fleetcut_check_lasts(im) };
	fleetcut_check_allow(&w.rule, im);
	filecut_world_put(im);
	filecut_fs_load(&w.fs, im, BLOCK);
	if (kills) {
		run(step->verb, &plan);
		follow(false, 1);
		plan.fault.kind = FILECUT_FAULT_NONE;
	}
	w.saved = false;
	code = run(last, &plan);
	follow(true, code);
	if (code > 1)
		violation("it crashed, or hung");
	if (code != 0 && plan.fault.kind == FILECUT_FAULT_NONE)
		violation("the contact fails");
	w.line->number[FAULTS] += step->fault > 0;
	if (plan.fault.kind == FILECUT_FAULT_FAILS)
		run_again(last);
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

	for (unsigned fault = 1; fault < KB_ARRAY_LEN(faults); fault++)
		for (unsigned at = 1; at <= turns && w.line->violations < VIOLATIONS_MAX; at++) {
			struct step step = { .verb = v, .fault = fault, .at = at };
			bool kills = faults[fault].kind == FILECUT_FAULT_KILLS;

			if (!kills)
				step.then = FLEETCUT_NONE;
			do
				if (may_come(step.then))
					run_step(from, &step);
			while (++step.then < FLEETCUT_VERBS);
		}
}

static void begin(unsigned i, struct report_line *line)
{
	const struct filecut_rec_plan plan = { .block = BLOCK };
	const struct fleetcut_walk_story *story = &fleetcut_story[i];
	static struct filecut_image im;

	filecut_world_begin();
	filecut_world_put(&im);
	w.line = line;
	w.story = story;
	for (unsigned k = 0; k < KB_ARRAY_LEN(story->first); k++)
		if (story->first[k] != FLEETCUT_NONE)
			bundles_must(fleetcut_run_do(story->first[k], &plan) == 0, story->name);
	filecut_world_get(&im);
	push(&im, true);
}

void fleetcut_walk_run(unsigned i, struct report_line *line)
{
	begin(i, line);
	for (uint32_t n = 0; n < w.nfound && line->violations < VIOLATIONS_MAX; n++)
		for (enum fleetcut_verb v = 0; v < FLEETCUT_VERBS; v++) {
			if (!may_come(v))
				continue;
			run_step(n, &(struct step){ .verb = v, .then = FLEETCUT_NONE });
			if (n == 0)
				disturb(n, v);
		}
	line->number[DISTINCT] = w.nfound;
}

static void show(const struct filecut_image *im)
{
	const struct action *a = fleetcut_check_read(im);
	size_t len = 0;

	for (unsigned i = 0; i < im->nfiles; i++) {
		if (!im->file[i].dir)
			filecut_image_bytes(im->file[i].blob, &len);
		printf("    %-32s %zu\n", im->file[i].path, im->file[i].dir ? 0 : len);
	}
	printf("    record: action \"%s\", %s, durable %" PRIu64 ", %" PRIu64 " are gone on from\n",
	       a->id, action_phase_name(a->phase), a->durable, fleetcut_check_kept(im));
}

bool fleetcut_walk_replay(unsigned i, const char *way)
{
	static struct report_line line;
	struct step step;

	line.name = fleetcut_story[i].name;
	begin(i, &line);
	w.shows = true;
	printf("%s: %s\n", line.name, fleetcut_story[i].what);
	show(&w.found[0].im);
	for (uint32_t from = 0; *way != '\0'; from++) {
		if (!parse(&way, &step))
			return false;
		run_step(from, &step);
		if (w.nfound == from + 1)
			return false;
		show(&w.found[from + 1].im);
	}
	return line.violations == 0;
}
