/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/report.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STORIES_MAX 64
#define SHOWN	    8	       /* violations of a story that are printed */
#define OUT_BUFFER  (1u << 18) /* what is printed together stays together */

struct report_asked report_asked = { .jobs = 1 };
static const struct report *harness;
static struct report_line *lines;
static unsigned wanted[STORIES_MAX], nwanted;

/* ---------------------------------------------------------------- processes */

void *report_share(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED) {
		perror("shared memory");
		exit(1);
	}
	return p;
}

pid_t report_fork(unsigned hang_s)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		abort();
	if (pid == 0)
		alarm(hang_s);
	return pid;
}

int report_wait(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		abort();
	return status;
}

bool report_spread(unsigned jobs, unsigned n, bool fresh, void (*fn)(void *ctx, unsigned i),
		   void *ctx)
{
	unsigned *next = report_share(sizeof(*next)), running = 0;
	bool ok = true;
	int status;

	while (__atomic_load_n(next, __ATOMIC_RELAXED) < n || running > 0) {
		if (running < jobs && __atomic_load_n(next, __ATOMIC_RELAXED) < n) {
			unsigned i = __atomic_fetch_add(next, 1, __ATOMIC_RELAXED);
			pid_t pid = report_fork(0);

			for (; pid == 0 && i < n;
			     i = __atomic_fetch_add(next, 1, __ATOMIC_RELAXED)) {
				fn(ctx, i);
				if (fresh)
					break;
			}
			if (pid == 0)
				exit(0);
			running++;
		} else if (wait(&status) > 0) {
			running--;
			ok &= WIFEXITED(status) && WEXITSTATUS(status) == 0;
		}
	}
	munmap(next, sizeof(*next));
	return ok;
}

/* ---------------------------------------------------------------- options */

static int usage(void)
{
	fprintf(stderr, "usage: %s_sim [--story NAME%s] [--jobs N] [--report FILE]%s\nstories:",
		harness->name, harness->replay != NULL ? " [--replay WAY]" : "", harness->usage);
	for (unsigned i = 0; harness->story(i) != NULL; i++)
		fprintf(stderr, " %s", harness->story(i));
	fputs("\n", stderr);
	return 3;
}

static const struct report_option *option(const struct report_option *o, const char *name)
{
	while (o->name != NULL && strcmp(o->name, name) != 0)
		o++;
	return o->name != NULL ? o : NULL;
}

static bool read_options(char **argv)
{
	static const struct report_option common[] = {
		{ "--story", .text = &report_asked.story },
		{ "--replay", .text = &report_asked.replay },
		{ "--report", .text = &report_asked.file },
		{ "--jobs", .number = &report_asked.jobs },
		{ NULL, .flag = NULL },
	};

	for (; *argv != NULL; argv++) {
		const struct report_option *o = option(common, *argv);
		char *end = NULL;

		if (o == NULL)
			o = option(harness->options, *argv);
		if (o == NULL || (o->flag == NULL && *++argv == NULL))
			return false;
		if (o->flag != NULL)
			*o->flag = true;
		else if (o->text != NULL)
			*o->text = *argv;
		else if (*o->number = strtoull(*argv, &end, 10), *end != '\0')
			return false;
	}
	return report_asked.jobs > 0;
}

/* The stories that are to run. */
static bool choose(void)
{
	const char *name, *one = report_asked.story;

	for (unsigned i = 0; (name = harness->story(i)) != NULL; i++) {
		if (one != NULL ? strcmp(one, name) == 0
				: harness->common == NULL || harness->common(i)) {
			lines[nwanted].name = name;
			wanted[nwanted++] = i;
		}
		if (nwanted == STORIES_MAX)
			abort();
	}
	return nwanted > 0;
}

/* ---------------------------------------------------------------- lines */

static int width_of(const struct report_column *c)
{
	return strlen(c->head) > 9 ? (int)strlen(c->head) : 9;
}

static void print_head(void)
{
	for (const struct report_column *c = harness->columns; c->key != NULL; c++)
		if (c->head != NULL)
			printf("%*s ", width_of(c), c->head);
	printf("%7s %10s  %s\n", "seconds", "violations", "story");
}

static void print_line(const struct report_line *l)
{
	for (unsigned i = 0; harness->columns[i].key != NULL; i++) {
		const struct report_column *c = &harness->columns[i];

		if (c->head == NULL)
			continue;
		if (l->number[i] == REPORT_FIXPOINT)
			printf("%*s ", width_of(c), "fixpoint");
		else
			printf("%*" PRIu64 " ", width_of(c), l->number[i]);
	}
	printf("%7.1f %10u  %s\n", l->seconds, l->violations, l->name);
	fflush(stdout);
}

static void add(struct report_line *all, const struct report_line *l)
{
	for (unsigned i = 0; harness->columns[i].key != NULL; i++) {
		uint64_t *to = &all->number[i], n = l->number[i];

		switch (harness->columns[i].all) {
		case REPORT_SUM:
			*to = *to > UINT64_MAX - n ? UINT64_MAX : *to + n;
			break;
		case REPORT_MOST:
			*to = n > *to ? n : *to;
			break;
		case REPORT_LEAST:
			*to = l == lines || n < *to ? n : *to;
			break;
		case REPORT_OWN:
			break;
		}
	}
	all->violations += l->violations;
	all->seconds += l->seconds;
}

bool report_violation(struct report_line *l, const char *again, const char *fmt, ...)
{
	va_list ap;

	if (__atomic_add_fetch(&l->violations, 1, __ATOMIC_RELAXED) > SHOWN)
		return false;
	printf("story %s: ", l->name);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n  again: build/tests/sim/%s_sim --story %s %s\n", harness->name, l->name, again);
	fflush(stdout);
	return true;
}

/* ---------------------------------------------------------------- JSON */

static void put_numbers(FILE *f, const struct report_line *l, bool own)
{
	for (unsigned i = 0; harness->columns[i].key != NULL; i++) {
		const struct report_column *c = &harness->columns[i];

		if (c->all == REPORT_OWN && !own)
			continue;
		fprintf(f,
			l->number[i] == REPORT_FIXPOINT ? ", \"%s\": \"fixpoint\""
							: ", \"%s\": %" PRIu64,
			c->key, l->number[i]);
	}
	fprintf(f, ", \"seconds\": %.1f, \"violations\": %u", l->seconds, l->violations);
	if (own && harness->more != NULL)
		harness->more(f, l);
}

/* Without the dashes. */
static void put_options(FILE *f)
{
	for (const struct report_option *o = harness->options; o->name != NULL; o++)
		if (o->text != NULL)
			fprintf(f, ", \"%s\": \"%s\"", o->name + 2, *o->text);
		else
			fprintf(f, ", \"%s\": %" PRIu64, o->name + 2,
				o->number != NULL ? *o->number : *o->flag);
}

static bool write_json(const struct report_line *all)
{
	FILE *f = fopen(report_asked.file, "we");

	if (f == NULL) {
		perror(report_asked.file);
		return false;
	}
	fprintf(f, "{\"stories\": %u", nwanted);
	put_options(f);
	put_numbers(f, all, false);
	for (unsigned i = 0; i < nwanted; i++) {
		fprintf(f, "%s\n  {\"story\": \"%s\", \"died\": %s",
			i > 0 ? "," : ",\n\"per_story\": [", lines[i].name,
			lines[i].ran ? "false" : "true");
		put_numbers(f, &lines[i], true);
		fputs("}", f);
	}
	fputs("\n]}\n", f);
	return fclose(f) == 0;
}

/* ---------------------------------------------------------------- all of it */

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void run_story(void *ctx, unsigned i)
{
	double begun = seconds();

	(void)ctx;
	harness->run(wanted[i], &lines[i]);
	lines[i].ran = true;
	lines[i].seconds = seconds() - begun;
	print_line(&lines[i]);
}

static int finish(unsigned passed, unsigned failed)
{
	static struct report_line all = { .name = "all" };

	for (unsigned i = 0; i < nwanted; i++) {
		if (!lines[i].ran) {
			printf("story %s: its process died\n", lines[i].name);
			lines[i].violations++;
		}
		*(lines[i].violations == 0 ? &passed : &failed) += 1;
		add(&all, &lines[i]);
	}
	if (nwanted > 1)
		print_line(&all);
	if (harness->end != NULL)
		harness->end(&all, &passed, &failed);
	if (report_asked.file != NULL && !write_json(&all))
		failed++;
	printf("%s: %u passed, %u failed\n", harness->name, passed, failed);
	return failed > 0;
}

int report_main(const struct report *r, int argc, char **argv)
{
	harness = r;
	lines = report_share(STORIES_MAX * sizeof(*lines));
	setvbuf(stdout, NULL, _IOFBF, OUT_BUFFER);
	setenv("KEELBOOT_HELPER", "build/keelboot-helper", 0); /* it is looked for beside us else */
	if (argc < 1 || !read_options(argv + 1) || !choose())
		return usage();
	if (report_asked.replay != NULL)
		return r->replay == NULL || report_asked.story == NULL ? usage()
		       : r->replay(wanted[0], report_asked.replay)     ? 0
								       : 1;
	print_head();
	for (unsigned i = 0; r->spreads && i < nwanted; i++)
		run_story(NULL, i);
	if (!r->spreads)
		report_spread((unsigned)report_asked.jobs, nwanted, true, run_story, NULL);
	return finish(0, 0);
}
