/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/ioerr_sweep.h"

#include "lib/util.h"
#include "tests/sim/ioerr_wear.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define FAULTS_MAX 60000
#define SHOWN	   8  /* violations of a story that are printed */
#define STEPS	   20 /* of progress, in a story */

/* What the processes of a sweep share. */
struct shared {
	unsigned next; /* fault to take */
	unsigned runs[2][IOERR_FAULT_KINDS], where[IOERR_FAULT_TARGETS][IOERR_FAULT_OPS];
	unsigned violations, silent, boots;
};

struct plan {
	unsigned n;
	struct ioerr_fault fault[FAULTS_MAX];
};

static struct plan plan;

/* ---------------------------------------------------------------- one run */

static void print_violation(const struct ioerr_story *story, const struct ioerr_fault *f,
			    const struct ioerr_world *w)
{
	char text[96];

	ioerr_fault_text(f, text, sizeof(text));
	printf("%s: %s (%s): %s\n  again: ioerr_sim --story %s --fault \"%s\"\n", story->name, text,
	       w->fault.call, w->violation, story->name, text);
	fflush(stdout);
}

/* Plays it; the numbers of operations that there were are in count. */
static bool play(const struct ioerr_story *story, const struct ioerr_fault *f, struct shared *sh,
		 unsigned count[IOERR_FAULT_TARGETS][IOERR_FAULT_OPS], bool show)
{
	struct ioerr_world *w = ioerr_world_begin(f);
	bool ok;

	w->show = show;
	ioerr_story_play(story, w);
	ok = w->violation[0] == '\0';
	if (count != NULL)
		memcpy(count, w->fault.count, sizeof(w->fault.count));
	if (!ok && show)
		print_violation(story, f, w);
	else if (!ok && __atomic_add_fetch(&sh->violations, 1, __ATOMIC_RELAXED) <= SHOWN)
		print_violation(story, f, w);
	if (ok && show)
		printf("nothing is violated; the fault came: %s\n", w->fault.fired ? "yes" : "no");
	if (sh != NULL) {
		__atomic_add_fetch(&sh->runs[f->again][f->kind], 1, __ATOMIC_RELAXED);
		__atomic_add_fetch(&sh->where[f->target][f->op], 1, __ATOMIC_RELAXED);
		__atomic_add_fetch(&sh->boots, w->boots, __ATOMIC_RELAXED);
		if (!w->fault.fired)
			__atomic_add_fetch(&sh->silent, 1, __ATOMIC_RELAXED);
	}
	ioerr_world_end(w);
	return ok;
}

/* ---------------------------------------------------------------- which faults */

static void add(const struct ioerr_fault *f)
{
	if (plan.n == FAULTS_MAX) {
		fputs("ioerr_sweep: too many faults\n", stderr);
		exit(1);
	}
	plan.fault[plan.n++] = *f;
}

#define BIT(kind) (1u << IOERR_FAULT_##kind)

/* What can go wrong with an operation of a device; and what from then on with each such one. A
 * device that is gone fails all of them: IOERR_FAULT_EVER. */
static const struct {
	unsigned once, again;
} kinds[IOERR_FAULT_OPS] = {
	[IOERR_FAULT_READ] = { BIT(FAILS) | BIT(SHORT) | BIT(EVER) | BIT(WRONG) | BIT(ZEROES) |
				       BIT(DIES),
			       BIT(FAILS) | BIT(WRONG) },
	[IOERR_FAULT_WRITE] = { BIT(FAILS) | BIT(LANDS) | BIT(SHORT) | BIT(EVER) | BIT(WRONG) |
					BIT(LOST) | BIT(DIES) | BIT(DIES_LATE),
				BIT(FAILS) | BIT(SHORT) | BIT(WRONG) | BIT(LOST) },
	[IOERR_FAULT_FLUSH] = { BIT(FAILS) | BIT(LANDS) | BIT(EVER) | BIT(LOST) | BIT(DROPS) |
					BIT(DIES) | BIT(DIES_LATE),
				BIT(FAILS) | BIT(LOST) | BIT(DROPS) },
	[IOERR_FAULT_DISCARD] = { BIT(FAILS) | BIT(LANDS) | BIT(EVER) | BIT(LOST) | BIT(DIES) |
					  BIT(DIES_LATE),
				  BIT(FAILS) | BIT(LOST) },
	[IOERR_FAULT_ALLOC] = { BIT(FAILS), BIT(FAILS) },
};

static bool is_file(enum ioerr_fault_target t)
{
	return t == IOERR_FAULT_DATA || t == IOERR_FAULT_STICK || t == IOERR_FAULT_RAW;
}

static void add_device(enum ioerr_fault_target t, enum ioerr_fault_op op, unsigned n)
{
	unsigned once = kinds[op].once, again = kinds[op].again;

	/* Only of the state it matters whether nothing at all is there, or something damaged. */
	if (t == IOERR_FAULT_STATE && op == IOERR_FAULT_READ) {
		once |= BIT(ONES);
		again |= BIT(ZEROES) | BIT(ONES);
	}
	if (is_file(t) && op == IOERR_FAULT_READ)
		once |= BIT(LOST); /* the end of the file, where there is none */
	for (unsigned k = 1; k < IOERR_FAULT_KINDS; k++) {
		struct ioerr_fault f = { t, op, n, (enum ioerr_fault_kind)k, 0, false };

		if (once >> k & 1)
			add(&f);
		f.again = true;
		if (again >> k & 1)
			add(&f);
	}
}

static void add_call(enum ioerr_fault_target t, unsigned n)
{
	/* Process 1 sees ENOMEM and EINTR as it sees EIO: lib/os_*.c has no other word. */
	static const int init[] = { EIO, EAGAIN, ETIMEDOUT, ENOSPC, EPERM, ENOENT, EINVAL },
			 others[] = { EIO, EAGAIN, ETIMEDOUT, ENOSPC, ENOENT, ENOMEM, EINTR };
	static const int stay[] = { EIO, ETIMEDOUT };
	const int *errors = t == IOERR_FAULT_INIT ? init : others;
	struct ioerr_fault f = { t, IOERR_FAULT_CALL, n, IOERR_FAULT_DIES, 0, false };

	add(&f);
	f.kind = IOERR_FAULT_FAILS;
	for (unsigned i = 0; i < KB_ARRAY_LEN(init); i++) {
		f.errnum = errors[i];
		add(&f);
	}
	f.kind = IOERR_FAULT_EVER;
	for (unsigned i = 0; i < KB_ARRAY_LEN(stay); i++) {
		f.errnum = stay[i];
		add(&f);
	}
}

/* Of some stories the rest is another one's. */
static bool is_part(const struct ioerr_story *story, int t)
{
	return !story->narrow || t == IOERR_FAULT_STATE || t == IOERR_FAULT_COMMAND ||
	       t == IOERR_FAULT_GUARDIAN;
}

static void make_plan(const struct ioerr_story *story,
		      const unsigned count[IOERR_FAULT_TARGETS][IOERR_FAULT_OPS])
{
	plan.n = 0;
	for (int t = 0; t < IOERR_FAULT_TARGETS; t++) {
		for (int op = 0; op < IOERR_FAULT_OPS && is_part(story, t); op++) {
			for (unsigned n = 1; n <= count[t][op]; n++) {
				if (op == IOERR_FAULT_CALL)
					add_call((enum ioerr_fault_target)t, n);
				else
					add_device((enum ioerr_fault_target)t,
						   (enum ioerr_fault_op)op, n);
			}
		}
	}
}

/* ---------------------------------------------------------------- all of them */

/* The kinds of faults follow each other in a fixed order, so these are not evenly spaced. */
static bool is_taken(const struct ioerr_sweep *s, unsigned i)
{
	return ((i + s->seed * 40503u) * 2654435761u >> 8) % s->every == 0;
}

static void show_progress(const struct ioerr_story *story, unsigned i, const struct shared *sh)
{
	if (plan.n < STEPS || i % (plan.n / STEPS) != 0 || !isatty(2))
		return;
	fprintf(stderr, "\r  %-10s %3u %% of %u faults, %u violations ", story->name,
		i * 100 / plan.n, plan.n, sh->violations);
}

static void work(const struct ioerr_sweep *s, const struct ioerr_story *story, struct shared *sh)
{
	for (;;) {
		unsigned i = __atomic_fetch_add(&sh->next, 1, __ATOMIC_RELAXED);

		if (i >= plan.n)
			_exit(0);
		show_progress(story, i, sh);
		if (is_taken(s, i))
			play(story, &plan.fault[i], sh, NULL, false);
	}
}

static bool run_jobs(const struct ioerr_sweep *s, const struct ioerr_story *story,
		     struct shared *sh)
{
	bool ok = true;
	int status;

	fflush(NULL);
	for (unsigned i = 0; i < s->jobs; i++) {
		pid_t pid = fork();

		if (pid == 0)
			work(s, story, sh);
		if (pid < 0)
			abort();
	}
	while (wait(&status) > 0)
		ok = ok && WIFEXITED(status) && WEXITSTATUS(status) == 0;
	return ok;
}

static unsigned total(const struct shared *sh)
{
	unsigned n = 0;

	for (unsigned i = 0; i < IOERR_FAULT_KINDS; i++)
		n += sh->runs[0][i] + sh->runs[1][i];
	return n;
}

static void report_number(FILE *f, const char **comma, const char *a, const char *b, unsigned n)
{
	if (n == 0)
		return;
	fprintf(f, "%s\"%s%s\": %u", *comma, a, b, n);
	*comma = ", ";
}

static void report(FILE *f, const struct ioerr_story *story, const struct shared *sh)
{
	const char *comma = "";
	char op[16];

	if (f == NULL)
		return;
	fprintf(f,
		"%s\n    {\"name\": \"%s\", \"faults\": %u, \"not_reached\": %u, "
		"\"boots\": %u, \"violations\": %u,\n     \"kinds\": {",
		story == ioerr_story_all ? "" : ",", story->name, total(sh), sh->silent, sh->boots,
		sh->violations);
	for (unsigned i = 1; i < 2 * IOERR_FAULT_KINDS; i++)
		report_number(f, &comma, i % 2 ? "ever-" : "",
			      ioerr_fault_kind_name((enum ioerr_fault_kind)(i / 2)),
			      sh->runs[i % 2][i / 2]);
	comma = "";
	fputs("},\n     \"where\": {", f);
	for (unsigned i = 0; i < IOERR_FAULT_TARGETS * IOERR_FAULT_OPS; i++) {
		unsigned t = i / IOERR_FAULT_OPS, o = i % IOERR_FAULT_OPS;

		snprintf(op, sizeof(op), " %s", ioerr_fault_op_name((enum ioerr_fault_op)o));
		report_number(f, &comma, ioerr_fault_target_name((enum ioerr_fault_target)t), op,
			      sh->where[t][o]);
	}
	fputs("}}", f);
}

/* One story with all its faults. True: nothing is violated. */
static bool sweep(const struct ioerr_sweep *s, const struct ioerr_story *story, struct shared *sh,
		  FILE *out)
{
	const struct ioerr_fault none = { .kind = IOERR_FAULT_NONE };
	unsigned count[IOERR_FAULT_TARGETS][IOERR_FAULT_OPS];

	memset(sh, 0, sizeof(*sh));
	if (!play(story, &none, sh, count, false))
		return false;
	make_plan(story, count);
	memset(sh, 0, sizeof(*sh));
	if (!run_jobs(s, story, sh))
		sh->violations++;
	if (isatty(2))
		fputs("\r", stderr);
	printf("  %-10s %6u of %6u faults, %6u boots, %u violations\n", story->name, total(sh),
	       plan.n, sh->boots, sh->violations);
	fflush(stdout);
	report(out, story, sh);
	return sh->violations == 0;
}

struct sum {
	unsigned passed, failed, faults, violations;
};

static int finish(FILE *out, const struct ioerr_sweep *s, const struct sum *sum)
{
	if (out != NULL) {
		fprintf(out,
			"\n  ],\n  \"faults\": %u,\n  \"violations\": %u,\n  \"every\": %u,\n  "
			"\"seed\": %u\n}\n",
			sum->faults, sum->violations, s->every, s->seed);
		fclose(out);
	}
	if (s->every > 1)
		printf("one in %u, --seed %u\n", s->every, s->seed);
	printf("ioerr: %u faults; %u passed, %u failed\n", sum->faults, sum->passed, sum->failed);
	return sum->failed > 0;
}

/* NULL: none is wanted. */
static FILE *open_report(const char *path)
{
	const char *slash = path != NULL ? strrchr(path, '/') : NULL;
	char folder[256];
	FILE *f;

	if (path == NULL)
		return NULL;
	if (slash != NULL) {
		snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path), path);
		if (mkdir(folder, 0755) < 0 && errno != EEXIST)
			perror(folder);
	}
	f = fopen(path, "w");
	if (f == NULL) {
		perror(path);
		exit(1);
	}
	fputs("{\n  \"stories\": [", f);
	return f;
}

int ioerr_sweep_run(const struct ioerr_sweep *s)
{
	struct shared *sh =
		mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct sum sum = { 0 };
	FILE *out;

	if (sh == MAP_FAILED)
		return 1;
	if (s->one)
		return play(s->only, &s->fault, sh, NULL, true) ? 0 : 1;
	out = open_report(s->report);
	if (s->only == NULL)
		ioerr_wear_run(&sum.passed, &sum.failed);
	for (unsigned i = 0; i < ioerr_story_count; i++) {
		if (s->only != NULL && s->only != &ioerr_story_all[i])
			continue;
		if (sweep(s, &ioerr_story_all[i], sh, out))
			sum.passed++;
		else
			sum.failed++;
		sum.faults += total(sh);
		sum.violations += sh->violations;
	}
	return finish(out, s, &sum);
}
