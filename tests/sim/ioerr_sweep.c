/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/ioerr_sweep.h"

#include "lib/util.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define FAULTS_MAX 20000
#define SHOWN	   8 /* violations of a story that are printed */
#define KINDS	   16

/* What the processes of a sweep share. */
struct shared {
	unsigned next; /* fault to take */
	unsigned runs[KINDS], violations, silent, boots;
	unsigned most_boots;
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
		__atomic_add_fetch(&sh->runs[f->kind], 1, __ATOMIC_RELAXED);
		__atomic_add_fetch(&sh->boots, w->boots, __ATOMIC_RELAXED);
		if (!w->fault.fired)
			__atomic_add_fetch(&sh->silent, 1, __ATOMIC_RELAXED);
	}
	ioerr_world_end(w);
	return ok;
}

/* ---------------------------------------------------------------- which faults */

static void add(enum ioerr_fault_target t, enum ioerr_fault_op op, unsigned n,
		enum ioerr_fault_kind kind, int errnum)
{
	if (plan.n == FAULTS_MAX) {
		fputs("ioerr_sweep: too many faults\n", stderr);
		exit(1);
	}
	plan.fault[plan.n++] = (struct ioerr_fault){ t, op, n, kind, errnum };
}

static void add_device(enum ioerr_fault_target t, enum ioerr_fault_op op, unsigned n)
{
	static const struct {
		enum ioerr_fault_op op;
		enum ioerr_fault_kind kind[8];
	} table[] = {
		{ IOERR_FAULT_READ,
		  { IOERR_FAULT_FAILS, IOERR_FAULT_SHORT, IOERR_FAULT_EVER, IOERR_FAULT_WRONG,
		    IOERR_FAULT_DIES } },
		{ IOERR_FAULT_WRITE,
		  { IOERR_FAULT_FAILS, IOERR_FAULT_LANDS, IOERR_FAULT_SHORT, IOERR_FAULT_EVER,
		    IOERR_FAULT_WRONG, IOERR_FAULT_LOST, IOERR_FAULT_DIES,
		    IOERR_FAULT_DIES_LATE } },
		{ IOERR_FAULT_FLUSH,
		  { IOERR_FAULT_FAILS, IOERR_FAULT_LANDS, IOERR_FAULT_EVER, IOERR_FAULT_LOST,
		    IOERR_FAULT_DROPS, IOERR_FAULT_DIES, IOERR_FAULT_DIES_LATE } },
		{ IOERR_FAULT_DISCARD,
		  { IOERR_FAULT_FAILS, IOERR_FAULT_LANDS, IOERR_FAULT_EVER, IOERR_FAULT_LOST,
		    IOERR_FAULT_DIES, IOERR_FAULT_DIES_LATE } },
	};

	for (unsigned i = 0; i < KB_ARRAY_LEN(table); i++) {
		for (unsigned k = 0; k < 8 && table[i].op == op; k++) {
			if (table[i].kind[k] != IOERR_FAULT_NONE)
				add(t, op, n, table[i].kind[k], 0);
		}
	}
	if (op == IOERR_FAULT_ALLOC)
		add(t, op, n, IOERR_FAULT_FAILS, 0);
	if (t == IOERR_FAULT_MEDIUM)
		add(t, op, n, IOERR_FAULT_LOST, 0);
}

static void add_call(enum ioerr_fault_target t, unsigned n)
{
	static const int errors[] = { EIO,    ENOMEM, EINTR,  EAGAIN, ETIMEDOUT,
				      ENOSPC, EPERM,  ENOENT, EINVAL };

	for (unsigned i = 0; i < KB_ARRAY_LEN(errors); i++) {
		/* Process 1 sees ENOMEM and EINTR as it sees EIO: lib/os_*.c has no other word. */
		if (t != IOERR_FAULT_INIT || (errors[i] != ENOMEM && errors[i] != EINTR))
			add(t, IOERR_FAULT_CALL, n, IOERR_FAULT_FAILS, errors[i]);
	}
	add(t, IOERR_FAULT_CALL, n, IOERR_FAULT_EVER, EIO);
	add(t, IOERR_FAULT_CALL, n, IOERR_FAULT_DIES, 0);
}

static void make_plan(const unsigned count[IOERR_FAULT_TARGETS][IOERR_FAULT_OPS])
{
	plan.n = 0;
	for (int t = 0; t < IOERR_FAULT_TARGETS; t++) {
		for (int op = 0; op < IOERR_FAULT_OPS; op++) {
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
static bool is_taken(unsigned i, unsigned every)
{
	return (i * 2654435761u >> 8) % every == 0;
}

static void work(const struct ioerr_sweep *s, const struct ioerr_story *story, struct shared *sh)
{
	for (;;) {
		unsigned i = __atomic_fetch_add(&sh->next, 1, __ATOMIC_RELAXED);

		if (i >= plan.n)
			_exit(0);
		if (is_taken(i, s->every))
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

	for (unsigned i = 0; i < KINDS; i++)
		n += sh->runs[i];
	return n;
}

static void report(FILE *f, const struct ioerr_story *story, const struct shared *sh)
{
	const char *comma = "";

	if (f == NULL)
		return;
	fprintf(f,
		"%s\n    {\"name\": \"%s\", \"faults\": %u, \"boots\": %u, \"violations\": %u, "
		"\"kinds\": {",
		story == ioerr_story_all ? "" : ",", story->name, total(sh), sh->boots,
		sh->violations);
	for (unsigned i = 1; i < KINDS; i++) {
		if (sh->runs[i] == 0)
			continue;
		fprintf(f, "%s\"%s\": %u", comma, ioerr_fault_kind_name((enum ioerr_fault_kind)i),
			sh->runs[i]);
		comma = ", ";
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
	make_plan(count);
	memset(sh, 0, sizeof(*sh));
	if (!run_jobs(s, story, sh))
		sh->violations++;
	printf("  %-10s %6u faults, %6u boots, %u violations\n", story->name, total(sh), sh->boots,
	       sh->violations);
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
			"\n  ],\n  \"faults\": %u,\n  \"violations\": %u,\n  \"every\": %u\n}\n",
			sum->faults, sum->violations, s->every);
		fclose(out);
	}
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
