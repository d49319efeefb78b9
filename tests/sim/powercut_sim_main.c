/* SPDX-License-Identifier: Apache-2.0 */
/* The program of `make powercut`. */
#include "tests/sim/powercut_libc.h"
#include "tests/sim/powercut_report.h"
#include "tests/sim/powercut_story.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define STORIES_MAX 48

static const char *const sizes[] = { "small", "middle", "long" };
static const unsigned apart[] = { 20, 100, POWERCUT_APART_MAX }; /* images that are played apart */

static struct options {
	enum powercut_size size;
	const char *story, *replay, *report;
	unsigned w, c, jobs, apart;
	uint64_t limit, seed;
} opt = { .jobs = 1, .apart = UINT32_MAX, .seed = 1 };

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void run_story(const struct powercut_story *s, struct powercut_line *l)
{
	static struct powercut_walk w;
	double begun = seconds();

	powercut_walk_begin(&w, s);
	w.limit = opt.limit != 0 ? opt.limit : s->limit;
	w.apart.most = opt.apart < POWERCUT_APART_MAX ? opt.apart : apart[opt.size];
	w.apart.seed = opt.seed;
	powercut_walk_run(&w);
	powercut_report_take(l, &w, seconds() - begun);
	powercut_walk_end(&w);
	printf("%-14s %s: %llu cut points, %llu images, %.0f s\n", l->name,
	       l->violation[0] != '\0' ? "VIOLATION"
	       : l->fixpoint	       ? "fixpoint"
				       : "bounded",
	       (unsigned long long)l->cut_points, (unsigned long long)l->images, l->seconds);
	fflush(stdout);
}

static const struct powercut_story *story(unsigned i, struct powercut_story *s)
{
	if (powercut_story_get(i, opt.size, s) == NULL)
		return NULL;
	s->w = opt.w != 0 ? opt.w : s->w;
	s->c = opt.c != 0 ? opt.c : s->c;
	return s;
}

static bool wanted(const struct powercut_story *s)
{
	if (opt.story == NULL)
		return opt.size != POWERCUT_SMALL || !s->heavy;
	return strcmp(opt.story, s->name) == 0;
}

/* Each story in a process of its own, some at once. How many there are. */
static unsigned run_all(struct powercut_line *line)
{
	struct powercut_story s;
	unsigned i, running = 0;

	for (i = 0; i < STORIES_MAX && story(i, &s) != NULL; i++) {
		if (!wanted(&s))
			continue;
		if (running == opt.jobs) {
			wait(NULL);
			running--;
		}
		fflush(stdout);
		running++;
		if (fork() == 0) {
			run_story(&s, &line[i]);
			exit(0);
		}
		snprintf(line[i].name, sizeof(line[i].name), "%s", s.name);
	}
	while (wait(NULL) > 0)
		;
	return i;
}

static unsigned tell_violations(const struct powercut_line *line, unsigned n, unsigned *good)
{
	unsigned bad = 0;

	for (unsigned i = 0; i < n; i++) {
		if (line[i].name[0] == '\0')
			continue;
		if (line[i].run && line[i].violation[0] == '\0') {
			++*good;
			continue;
		}
		bad++;
		printf("\nstory %s: %s\n%s", line[i].name,
		       line[i].run ? line[i].violation : "its explorer died", line[i].way);
	}
	return bad;
}

/* What `make powercut` is for: a story that is lost, or a geometry that shrinks, is noticed. */
#define LEAST_CUT_POINTS 200000u
#define LEAST_IMAGES	 2000000u

static bool is_enough(const struct powercut_line *line, unsigned n)
{
	uint64_t cut_points = 0, raw = 0;

	if (opt.size == POWERCUT_SMALL || opt.story != NULL || opt.limit + opt.w + opt.c > 0)
		return true;
	for (unsigned i = 0; i < n; i++) {
		cut_points += line[i].cut_points;
		raw = raw > UINT64_MAX - line[i].raw ? UINT64_MAX : raw + line[i].raw;
	}
	if (cut_points >= LEAST_CUT_POINTS && raw >= LEAST_IMAGES)
		return true;
	printf("\nall stories: %" PRIu64 " cut points and %" PRIu64
	       " raw images; there have to be %u and %u\n",
	       cut_points, raw, LEAST_CUT_POINTS, LEAST_IMAGES);
	return false;
}

static void write_reports(const struct powercut_line *line, unsigned n)
{
	char path[256];
	FILE *f;

	for (unsigned table = 0; opt.report != NULL && table < 2; table++) {
		snprintf(path, sizeof(path), "%s.%s", opt.report, table ? "txt" : "json");
		f = fopen(path, "we");
		if (f == NULL) {
			perror(path);
			continue;
		}
		(table ? powercut_report_table : powercut_report_json)(f, sizes[opt.size], opt.seed,
								       line, n);
		fclose(f);
	}
}

static int replay(void)
{
	struct powercut_story s;

	for (unsigned i = 0; opt.story != NULL && story(i, &s) != NULL; i++)
		if (wanted(&s))
			return powercut_replay(&s, opt.replay);
	fprintf(stderr, "powercut: --replay needs --story NAME\n");
	return 3;
}

static bool take(int c)
{
	switch (c) {
	case 'z':
		for (unsigned i = 0; i < 3; i++)
			if (strcmp(optarg, sizes[i]) == 0)
				opt.size = (enum powercut_size)i;
		return true;
	case 's':
		opt.story = optarg;
		return true;
	case 'r':
		opt.replay = optarg;
		return true;
	case 'o':
		opt.report = optarg;
		return true;
	case 'w':
		opt.w = (unsigned)strtoul(optarg, NULL, 10);
		return true;
	case 'c':
		opt.c = (unsigned)strtoul(optarg, NULL, 10);
		return true;
	case 'j':
		opt.jobs = (unsigned)strtoul(optarg, NULL, 10);
		return opt.jobs > 0;
	case 'a':
		opt.apart = (unsigned)strtoul(optarg, NULL, 10);
		return true;
	case 'e':
		opt.seed = strtoull(optarg, NULL, 10);
		return true;
	case 'l':
		opt.limit = strtoull(optarg, NULL, 10);
		return true;
	default:
		return false;
	}
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "size", 1, NULL, 'z' },   { "story", 1, NULL, 's' }, { "replay", 1, NULL, 'r' },
		{ "report", 1, NULL, 'o' }, { "w", 1, NULL, 'w' },     { "c", 1, NULL, 'c' },
		{ "jobs", 1, NULL, 'j' },   { "limit", 1, NULL, 'l' }, { "apart", 1, NULL, 'a' },
		{ "seed", 1, NULL, 'e' },   { NULL, 0, NULL, 0 },
	};
	struct powercut_line *line;
	unsigned n, good = 0, bad;
	int c;

	setenv("KEELBOOT_HELPER", "build/keelboot-helper", 0); /* it is looked for beside us else */
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (take(c))
			continue;
		fprintf(stderr,
			"usage: powercut_sim [--size small|middle|long] [--story NAME] [--w N] "
			"[--c N] [--jobs N]\n                    [--limit IMAGES] [--apart IMAGES] "
			"[--seed N] [--report PATH] [--replay KEYS]\n");
		return 3;
	}
	if (opt.replay != NULL)
		return replay();
	line = mmap(NULL, STORIES_MAX * sizeof(*line), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (line == MAP_FAILED)
		return 1;
	n = run_all(line);
	write_reports(line, n);
	printf("\n");
	powercut_report_table(stdout, sizes[opt.size], opt.seed, line, n);
	bad = tell_violations(line, n, &good) + !is_enough(line, n);
	printf("powercut: %u passed, %u failed\n", good, bad);
	return bad > 0;
}
