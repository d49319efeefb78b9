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
#include "tests/sim/filecut_story.h"
#include "tests/sim/filecut_wear.h"
#include "tests/sim/filecut_world.h"

#include "lib/util.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
	for (unsigned i = 0; i < FILECUT_STORIES; i++) {
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
	for (unsigned i = 0; i < FILECUT_STORIES; i++) {
		if (c[i].runs == 0)
			continue;
		fputs(comma, f);
		print_story(f, filecut_story[i].name, &c[i]);
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
		} else if ((s = filecut_story_find(argv[i])) != NULL) {
			o->only |= 1u << (s - filecut_story);
		} else {
			return false;
		}
	}
	return o->block >= 1024;
}

static int walk(const struct options *o)
{
	static struct filecut_walk_count count[FILECUT_STORIES];
	unsigned passed = 0, failed = 0;

	printf("%-10s %10s %10s %10s %6s %10s\n", "story", "cut points", "images", "distinct",
	       "depth", "violations");
	for (unsigned i = 0; i < FILECUT_STORIES; i++) {
		struct filecut_walk_count *c = &count[i];

		if (o->only != 0 && !(o->only & 1u << i))
			continue;
		filecut_walk_run(&filecut_story[i], o->block, o->deep, c);
		printf("%-10s %10" PRIu64 " %10" PRIu64 " %10" PRIu64 " %6u %10u\n",
		       filecut_story[i].name, c->cut_points, c->raw_images, c->distinct_images,
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
	else if (filecut_story_find(o.replay) != NULL)
		rc = filecut_walk_replay(filecut_story_find(o.replay), o.block, o.way) ? 0 : 1;
	bundles_end();
	return rc;
}
