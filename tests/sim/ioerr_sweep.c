/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/ioerr.h"

#define FAULTS_MAX 60000

enum { FAULTS, OF_FAULTS, NOT_REACHED, BOOTS };

static const struct report_column columns[] = {
	[FAULTS] = { "faults", "faults", REPORT_SUM },
	[OF_FAULTS] = { "of_faults", "of", REPORT_SUM },
	[NOT_REACHED] = { "not_reached", "not reached", REPORT_SUM },
	[BOOTS] = { "boots", "boots", REPORT_SUM },
	{ NULL, NULL, REPORT_OWN },
};

typedef unsigned counts[IOERR_FAULT_TARGETS][IOERR_FAULT_OPS];

/* Of one story: how many of each kind are played, and of each operation. Processes share it. */
static struct tally {
	unsigned kinds[2][IOERR_FAULT_KINDS];
	counts where;
} * tallies;

/* The faults of one story, and those of them that are played. */
static struct {
	const struct ioerr_story *story;
	struct report_line *line;
	unsigned all, n;
	struct ioerr_fault fault[FAULTS_MAX];
} plan;

/* Only one of so many faults; always the same ones, by the seed. */
static uint64_t every = 1, seed;

/* ---------------------------------------------------------------- one run */

/* Plays it; the numbers of operations that there were are in ops. */
static bool play(const struct ioerr_story *story, const struct ioerr_fault *f,
		 struct report_line *l, counts ops)
{
	struct ioerr_world *w = ioerr_world_begin(f);
	char text[96], again[128];
	bool ok;

	w->show = l == NULL;
	ioerr_story_play(story, w);
	ok = w->violation[0] == '\0';
	if (ops != NULL)
		memcpy(ops, w->fault.count, sizeof(w->fault.count));
	ioerr_fault_text(f, text, sizeof(text));
	snprintf(again, sizeof(again), "--replay \"%s\"", text);
	if (w->show)
		printf("%s; the fault came: %s\n", ok ? "nothing is violated" : w->violation,
		       w->fault.fired ? "yes" : "no");
	else if (!ok)
		report_violation(l, again, "%s (%s): %s", text, w->fault.call, w->violation);
	if (f->kind != IOERR_FAULT_NONE && !w->show) {
		__atomic_add_fetch(&l->number[BOOTS], w->boots, __ATOMIC_RELAXED);
		__atomic_add_fetch(&l->number[NOT_REACHED], !w->fault.fired, __ATOMIC_RELAXED);
	}
	ioerr_world_end(w);
	return ok;
}

/* ---------------------------------------------------------------- which faults */

/* The kinds of faults follow each other in a fixed order, so these are not evenly spaced. */
static bool is_taken(unsigned i)
{
	unsigned thin = every > 1 && plan.story->thin > 1 ? plan.story->thin : 1;

	return ((i + (unsigned)seed * 40503u) * 2654435761u >> 8) %
		       (unsigned)((every + !every) * thin) ==
	       0;
}

static void add(struct ioerr_fault f, struct tally *t)
{
	if (!is_taken(plan.all++))
		return;
	if (plan.n == FAULTS_MAX) {
		fputs("ioerr_sweep: too many faults\n", stderr);
		exit(1);
	}
	plan.fault[plan.n++] = f;
	t->kinds[f.again][f.kind]++;
	t->where[f.target][f.op]++;
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

/* f is of some operation. */
static void add_device(struct ioerr_fault f, struct tally *t)
{
	unsigned once = kinds[f.op].once, again = kinds[f.op].again;

	/* Only of the state it matters whether nothing at all is there, or something damaged. */
	if (f.target == IOERR_FAULT_STATE && f.op == IOERR_FAULT_READ) {
		once |= BIT(ONES);
		again |= BIT(ZEROES) | BIT(ONES);
	}
	if (f.op == IOERR_FAULT_READ && f.target >= IOERR_FAULT_DATA && f.target <= IOERR_FAULT_RAW)
		once |= BIT(LOST); /* the end of the file, where there is none */
	for (unsigned k = 1; k < IOERR_FAULT_KINDS; k++) {
		f.kind = (enum ioerr_fault_kind)k;
		f.again = false;
		if (once >> k & 1)
			add(f, t);
		f.again = true;
		if (again >> k & 1)
			add(f, t);
	}
}

static void add_call(struct ioerr_fault f, struct tally *t)
{
	/* Process 1 sees ENOMEM and EINTR as it sees EIO: lib/os_*.c has no other word. */
	static const int init[] = { EIO, EAGAIN, ETIMEDOUT, ENOSPC, EPERM, ENOENT, EINVAL },
			 others[] = { EIO, EAGAIN, ETIMEDOUT, ENOSPC, ENOENT, ENOMEM, EINTR };
	const int *errors = f.target == IOERR_FAULT_INIT ? init : others;

	f.kind = IOERR_FAULT_DIES;
	add(f, t);
	f.kind = IOERR_FAULT_FAILS;
	for (unsigned i = 0; i < KB_ARRAY_LEN(init); i++) {
		f.errnum = errors[i];
		add(f, t);
	}
	f.kind = IOERR_FAULT_EVER;
	f.errnum = EIO;
	add(f, t);
	f.errnum = ETIMEDOUT;
	add(f, t);
}

static bool is_narrow(enum ioerr_fault_target t)
{
	return t == IOERR_FAULT_STATE || (t >= IOERR_FAULT_BOOT_A && t <= IOERR_FAULT_GRUBENV) ||
	       t >= IOERR_FAULT_LOADER;
}

static void make_plan(const struct ioerr_story *story, counts ops)
{
	plan.all = plan.n = 0;
	for (unsigned i = 0; i < IOERR_FAULT_TARGETS * IOERR_FAULT_OPS; i++) {
		unsigned target = i / IOERR_FAULT_OPS, op = i % IOERR_FAULT_OPS;
		struct ioerr_fault f = { .target = (enum ioerr_fault_target)target,
					 .op = (enum ioerr_fault_op)op };

		/* Of some stories the rest is another one's. */
		if (story->narrow && !is_narrow(f.target))
			continue;
		if (story->delta && (target == IOERR_FAULT_STATE || target == IOERR_FAULT_INIT))
			continue;
		for (f.n = 1; f.n <= ops[target][op]; f.n++)
			(op == IOERR_FAULT_CALL ? add_call
						: add_device)(f, &tallies[story - ioerr_story_all]);
	}
}

/* ---------------------------------------------------------------- all of them */

static void play_fault(void *ctx, unsigned i)
{
	(void)ctx;
	play(plan.story, &plan.fault[i], plan.line, NULL);
}

/* One story with all its faults. */
static void sweep(unsigned i, struct report_line *l)
{
	const struct ioerr_fault none = { .kind = IOERR_FAULT_NONE };
	counts ops;

	plan.story = &ioerr_story_all[i];
	plan.line = l;
	if (!play(plan.story, &none, l, ops))
		return;
	make_plan(plan.story, ops);
	l->number[FAULTS] = plan.n;
	l->number[OF_FAULTS] = plan.all;
	if (!report_spread((unsigned)report_asked.jobs, plan.n, false, play_fault, NULL))
		report_violation(l, "", "a process that plays faults died");
}

/* ---------------------------------------------------------------- the report */

static const char *story(unsigned i)
{
	return i < ioerr_story_count ? ioerr_story_all[i].name : NULL;
}

/* With a fault: one run, whose boots are printed. */
static bool replay(unsigned i, const char *text)
{
	struct ioerr_fault f;

	return ioerr_fault_parse(&f, text) && play(&ioerr_story_all[i], &f, NULL, NULL);
}

/* The next member, if there is a number. */
static void put_number(FILE *f, const char **comma, const char *name, unsigned n)
{
	if (n == 0)
		return;
	fprintf(f, "%s\"%s\": %u", *comma, name, n);
	*comma = ", ";
}

static void more(FILE *f, const struct report_line *l)
{
	const struct tally *t = tallies;
	const char *comma = "";
	char name[48];

	for (unsigned i = 0; strcmp(story(i), l->name) != 0; i++)
		t++;
	fputs(",\n     \"kinds\": {", f);
	for (unsigned i = 1; i < 2 * IOERR_FAULT_KINDS; i++) {
		snprintf(name, sizeof(name), "%s%s", i % 2 ? "ever-" : "",
			 ioerr_fault_kinds[i / 2]);
		put_number(f, &comma, name, t->kinds[i % 2][i / 2]);
	}
	comma = "";
	fputs("},\n     \"where\": {", f);
	for (unsigned i = 0; i < IOERR_FAULT_TARGETS * IOERR_FAULT_OPS; i++) {
		unsigned target = i / IOERR_FAULT_OPS, op = i % IOERR_FAULT_OPS;

		snprintf(name, sizeof(name), "%s %s", ioerr_fault_targets[target],
			 ioerr_fault_ops[op]);
		put_number(f, &comma, name, t->where[target][op]);
	}
	fputs("}", f);
}

static void end(const struct report_line *all, unsigned *passed, unsigned *failed)
{
	(void)all;
	if (report_asked.story == NULL)
		ioerr_wear_run(passed, failed);
	if (every > 1)
		printf("one in %" PRIu64 ", --seed %" PRIu64 "\n", every, seed);
}

int ioerr_sweep_main(int argc, char **argv)
{
	static const struct report_option options[] = {
		{ "--every", .number = &every },
		{ "--seed", .number = &seed },
		{ NULL, .flag = NULL },
	};
	static const struct report r = {
		.name = "ioerr",
		.usage = " [--every N [--seed N]]\n       WAY: \"TARGET OP N KIND ERRNO\"",
		.options = options,
		.columns = columns,
		.story = story,
		.run = sweep,
		.replay = replay,
		.more = more,
		.end = end,
		.spreads = true,
	};

	tallies = report_share(ioerr_story_count * sizeof(*tallies));
	report_asked.jobs = 2;
	return report_main(&r, argc, argv);
}
