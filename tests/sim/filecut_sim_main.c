/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proof that no power cut loses a staged update, or makes half a bundle of one: the shipped code of
 * `keelboot stage`, `unstage`, `mark good` and of the boot's look, on a file system that promises
 * as little as POSIX does. docs/decisions/0041 says what is assumed, and why the walk is complete.
 * Then, what each command writes to the state partition.
 *
 *	filecut_sim [--block BYTES] [--deep] [--report FILE] [STORY…]
 *	filecut_sim --replay STORY WAY
 */
#include "tests/sim/filecut_walk.h"
#include "tests/sim/filecut_wear.h"
#include "tests/sim/filecut_world.h"

#include "lib/util.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STAGE_VERBS \
	(1u << FILECUT_RUN_STAGE | 1u << FILECUT_RUN_STAGE_OTHER | 1u << FILECUT_RUN_UNSTAGE)

static void add_folders(struct filecut_image *im)
{
	static const char foreign[] = "not ours";

	filecut_image_add_file(im, "keelboot", true, 0);
	filecut_image_add_file(im, "keelboot/stage", true, 0);
	filecut_image_add_file(im, "keelboot/stage/notes.txt", false,
			       filecut_image_blob(foreign, sizeof(foreign)));
}

static void add_garbage(struct filecut_image *im, const char *path)
{
	static uint8_t garbage[6000];

	memset(garbage, 0x77, sizeof(garbage));
	filecut_image_add_file(im, path, false, filecut_image_blob(garbage, sizeof(garbage)));
}

static void staged(struct state *s, bool other)
{
	s->staged = (struct state_staged){ .source = STATE_SRC_DATA };
	memcpy(s->staged.release, filecut_world_release(other), STATE_ID_LEN);
}

static void make_factory(struct filecut_image *im)
{
	struct state s;

	filecut_world_fresh(&s);
	filecut_world_state(im, &s);
}

static void make_replace(struct filecut_image *im)
{
	struct state s;

	filecut_world_fresh(&s);
	staged(&s, true);
	filecut_world_state(im, &s);
	add_folders(im);
	filecut_image_add_file(im, filecut_world_path(true), false, filecut_world_bundle(true));
}

static void make_litter(struct filecut_image *im)
{
	char part[FILECUT_IMAGE_PATH + 8];

	make_factory(im);
	add_folders(im);
	snprintf(part, sizeof(part), "%s.part", filecut_world_path(false));
	add_garbage(im, part);
	add_garbage(im, filecut_world_path(false));
	add_garbage(im, "keelboot/stage/0123456789abcdef.keel.part");
}

static void decayed(struct filecut_image *im, uint8_t fails)
{
	struct state s;

	filecut_world_fresh(&s);
	staged(&s, false);
	s.staged.fails = fails;
	filecut_world_state(im, &s);
	add_folders(im);
	add_garbage(im, filecut_world_path(false));
}

static void make_decayed(struct filecut_image *im)
{
	decayed(im, 0);
}

static void make_failed(struct filecut_image *im)
{
	decayed(im, 1);
}

static void make_trial(struct filecut_image *im)
{
	struct state s;

	filecut_world_fresh(&s);
	staged(&s, false);
	s.slot[1].st = STATE_TRIAL;
	s.slot[1].tries = 2;
	s.slot[1].has_release = true;
	s.slot[1].sequence = 3;
	memcpy(s.slot[1].release, filecut_world_release(false), STATE_ID_LEN);
	state_set_text(s.slot[1].version, "3.0");
	s.pref = s.open = 1;
	filecut_world_state(im, &s);
	add_folders(im);
	filecut_image_add_file(im, filecut_world_path(false), false, filecut_world_bundle(false));
}

/* Room for what is staged, what is to be, and what is not ours, but not for litter too. */
#define ROOM 12000

static const struct filecut_walk_story stories[] = {
	{ .name = "factory",
	  .what = "a data partition without our folder",
	  .make = make_factory,
	  .verbs = STAGE_VERBS },
	{ .name = "replace",
	  .what = "another update is staged",
	  .make = make_replace,
	  .verbs = STAGE_VERBS,
	  .room = ROOM },
	{ .name = "litter",
	  .what = "what was left behind, or put there, lies in the folder",
	  .make = make_litter,
	  .verbs = STAGE_VERBS,
	  .room = ROOM },
	{ .name = "decayed",
	  .what = "the staged file is damaged",
	  .make = make_decayed,
	  .verbs = STAGE_VERBS,
	  .damaged = true },
	{ .name = "failed",
	  .what = "the staged file is damaged, and failed at a boot",
	  .make = make_failed,
	  .verbs = STAGE_VERBS,
	  .damaged = true },
	{ .name = "trial",
	  .what = "the staged update is installed and on trial",
	  .make = make_trial,
	  .verbs = STAGE_VERBS | 1u << FILECUT_RUN_GOOD,
	  .token = 1 },
};

static const struct filecut_walk_story *find(const char *name)
{
	for (unsigned i = 0; i < KB_ARRAY_LEN(stories); i++)
		if (strcmp(stories[i].name, name) == 0)
			return &stories[i];
	fprintf(stderr, "filecut_sim: no story \"%s\"; there are", name);
	for (unsigned i = 0; i < KB_ARRAY_LEN(stories); i++)
		fprintf(stderr, " %s", stories[i].name);
	fputs("\n", stderr);
	return NULL;
}

/* What follows an image that is wrong was not looked at; fewest cuts come first. */
static const char *cuts(const struct filecut_walk_count *c)
{
	static char text[16];

	if (c->violations == 0)
		return "\"fixpoint\"";
	snprintf(text, sizeof(text), "%u", c->whole);
	return text;
}

static void print_story(FILE *f, const char *name, const struct filecut_walk_count *c)
{
	fprintf(f,
		"    {\"story\": \"%s\", \"cut_points\": %" PRIu64 ", \"raw_images\": %" PRIu64
		", \"distinct_images\": %" PRIu64 ", \"max_consecutive_cuts\": %s"
		", \"deepest_new_image\": %u, \"runs\": %" PRIu64 ", \"faults\": %" PRIu64
		", \"violations\": %u}",
		name, c->cut_points, c->raw_images, c->distinct_images, cuts(c), c->deepest,
		c->runs, c->faults, c->violations);
}

static void add(struct filecut_walk_count *sum, const struct filecut_walk_count *c)
{
	sum->cut_points += c->cut_points;
	sum->raw_images += c->raw_images;
	sum->distinct_images += c->distinct_images;
	sum->runs += c->runs;
	sum->faults += c->faults;
	if (c->violations > 0 && (sum->violations == 0 || c->whole < sum->whole))
		sum->whole = c->whole;
	sum->violations += c->violations;
	if (c->deepest > sum->deepest)
		sum->deepest = c->deepest;
}

static bool write_report(const char *file, size_t block, const struct filecut_walk_count *c)
{
	struct filecut_walk_count sum = { 0 };
	const char *comma = "";
	unsigned told = 0;
	FILE *f = fopen(file, "we");

	if (f == NULL) {
		perror(file);
		return false;
	}
	for (unsigned i = 0; i < KB_ARRAY_LEN(stories); i++) {
		add(&sum, &c[i]);
		told += c[i].runs > 0;
	}
	fprintf(f,
		"{\n  \"stories\": %u, \"cut_points\": %" PRIu64 ", \"raw_images\": %" PRIu64
		", \"distinct_images\": %" PRIu64 ", \"faults\": %" PRIu64
		",\n  \"max_consecutive_cuts\": %s"
		", \"violations\": %u, \"block\": %zu,\n  \"per_story\": [\n",
		told, sum.cut_points, sum.raw_images, sum.distinct_images, sum.faults, cuts(&sum),
		sum.violations, block);
	for (unsigned i = 0; i < KB_ARRAY_LEN(stories); i++) {
		if (c[i].runs == 0)
			continue;
		fputs(comma, f);
		print_story(f, stories[i].name, &c[i]);
		comma = ",\n";
	}
	fputs("\n  ]\n}\n", f);
	return fclose(f) == 0;
}

struct options {
	size_t block;
	bool deep;
	const char *report, *replay, *way;
	unsigned only; /* mask; 0: all */
};

static bool read_args(int argc, char **argv, struct options *o)
{
	*o = (struct options){ .block = 4096 };
	for (int i = 1; i < argc; i++) {
		const struct filecut_walk_story *s;

		if (strcmp(argv[i], "--block") == 0 && i + 1 < argc) {
			o->block = strtoul(argv[++i], NULL, 10);
		} else if (strcmp(argv[i], "--deep") == 0) {
			o->deep = true;
		} else if (strcmp(argv[i], "--report") == 0 && i + 1 < argc) {
			o->report = argv[++i];
		} else if (strcmp(argv[i], "--replay") == 0 && i + 2 < argc) {
			o->replay = argv[++i];
			o->way = argv[++i];
		} else if ((s = find(argv[i])) != NULL) {
			o->only |= 1u << (s - stories);
		} else {
			return false;
		}
	}
	return o->block >= 1024;
}

static int walk(const struct options *o)
{
	static struct filecut_walk_count count[KB_ARRAY_LEN(stories)];
	unsigned passed = 0, failed = 0;

	printf("%-10s %10s %10s %10s %6s %10s\n", "story", "cut points", "images", "distinct",
	       "depth", "violations");
	for (unsigned i = 0; i < KB_ARRAY_LEN(stories); i++) {
		struct filecut_walk_count *c = &count[i];

		if (o->only != 0 && !(o->only & 1u << i))
			continue;
		filecut_walk_run(&stories[i], o->block, o->deep, c);
		printf("%-10s %10" PRIu64 " %10" PRIu64 " %10" PRIu64 " %6u %10u\n",
		       stories[i].name, c->cut_points, c->raw_images, c->distinct_images,
		       c->deepest, c->violations);
		fflush(stdout);
		*(c->violations == 0 ? &passed : &failed) += 1;
	}
	if (o->only == 0)
		filecut_wear_run(&passed, &failed);
	if (o->report != NULL && !write_report(o->report, o->block, count))
		failed++;
	printf("filecut: %u passed, %u failed\n", passed, failed);
	return failed == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
	struct options o;
	int rc = 1;

	setenv("KEELBOOT_HELPER", "build/keelboot-helper", 0); /* it is looked for beside us else */
	if (!read_args(argc, argv, &o))
		return 2;
	filecut_world_begin();
	if (o.replay == NULL)
		rc = walk(&o);
	else if (find(o.replay) != NULL)
		rc = filecut_walk_replay(find(o.replay), o.block, o.way) ? 0 : 1;
	bundles_end();
	return rc;
}
