/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the command's arguments: options by a table, in any order with the operands, "--" ends
 * them. What is wrong is said on standard error, with the nearest thing that would have been right.
 */
#pragma once

#include "lib/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct args_option {
	/* without "--"; NULL ends a table */
	const char *name;
	/* without "-"; 0: none */
	char letter;
	/* takes one: --name=V, --name V, -n V, -nV */
	bool value;
	/* what args_next() returns; above 0 */
	int id;
};

enum {
	ARGS_END = 0,	   /* nothing is left */
	ARGS_OPERAND = -1, /* args->value is an operand */
	ARGS_ERROR = -2,   /* said what is wrong */
};

struct args {
	int argc;
	char **argv;
	/* next one to look at */
	int at;
	/* of the option or operand just returned */
	const char *value;
	/* the option just returned, as the table names it, for messages */
	const char *option;
	/* "--" was seen */
	bool only_operands;
	/* searched in this order; NULL: none */
	const struct args_option *tables[3];
};

/* The next option's id, or one of the above. */
int args_next(struct args *a);

/* After an operand or option that the verb does not take: says so, unless it was said. Returns the
 * exit code for that. */
int args_wrong(const struct args *a, int id, const char *verb);

/* The verb wants one argument more: says which. Returns the exit code for that. */
int args_missing(const char *verb, const char *what);

/*
 * The one of n names nearest to word: one that begins with it, else the one with the fewest wrong
 * letters if those are few. NULL: none is near.
 */
const char *args_nearest(const char *word, const char *const *names, size_t n);
