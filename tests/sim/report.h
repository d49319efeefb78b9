/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the simulations have in common around their search: options, stories that run in processes
 *of their own, a line of numbers for each story, what was violated with the command that plays it
 * again, a JSON report, and the last line "NAME: N passed, N failed".
 *
 *	NAME_sim [--story NAME [--replay WAY]] [--jobs N] [--report FILE] and options of its own
 */
#pragma once

#include "lib/util.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/types.h>

#define REPORT_NUMBERS	16
#define REPORT_FIXPOINT UINT64_MAX /* as a number: more than any */

/* Of one story; in memory that processes share. */
struct report_line {
	const char *name;
	bool ran; /* to its end; else its process died */
	unsigned violations;
	double seconds;
	uint64_t number[REPORT_NUMBERS]; /* as the columns have them */
};

/* What the number of all stories together is. */
enum report_all { REPORT_SUM, REPORT_MOST, REPORT_LEAST, REPORT_OWN };

struct report_column {
	const char *key;  /* in JSON; the last column has none */
	const char *head; /* of the table; NULL: it is not there */
	enum report_all all;
};

/* One of these is set. */
struct report_option {
	const char *name; /* "--seed"; the last option has none */
	uint64_t *number;
	const char **text;
	bool *flag;
};

struct report {
	const char *name;
	const char *usage; /* of its own options */
	const struct report_option *options;
	const struct report_column *columns;
	/* The name of a story; NULL: there are no more. */
	const char *(*story)(unsigned i);
	/* Is it one of those that run when none is named? NULL: all are. */
	bool (*common)(unsigned i);
	void (*run)(unsigned i, struct report_line *l);
	/* True: nothing is violated. NULL: there is none. */
	bool (*replay)(unsigned i, const char *way);
	/* More members of a story in JSON, each with a comma before it. */
	void (*more)(FILE *f, const struct report_line *l);
	/* What is asked when all stories have run; adds to both. NULL: nothing. */
	void (*end)(const struct report_line *all, unsigned *passed, unsigned *failed);
	bool spreads; /* a story takes all jobs itself */
};

/* What was asked for. */
struct report_asked {
	const char *story, *replay, *file;
	uint64_t jobs;
};
extern struct report_asked report_asked;

/* From main(), which returns this. */
int report_main(const struct report *r, int argc, char **argv);

/* Prints a violation of the story, if not too many were printed; true if so. again: the options
 * that play it once more. May be called by several processes. */
bool report_violation(struct report_line *l, const char *again, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Calls fn for each number below n in processes, so many at a time, and waits for them. Each takes
 * the next number as long as there is one; or, with fresh, ends after one. False: one of them died.
 */
bool report_spread(unsigned jobs, unsigned n, bool fresh, void (*fn)(void *ctx, unsigned i),
		   void *ctx);

/* fork() with nothing left to print. 0: the new process, which dies after that many seconds; with 0
 * it does not. Ends the process when there is none. */
pid_t report_fork(unsigned hang_s);
/* Waits for it: its status, as from waitpid(). */
int report_wait(pid_t pid);

/* Memory that processes share, all zero; it stays. Ends the process when there is none. */
void *report_share(size_t size);
