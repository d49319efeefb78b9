/* SPDX-License-Identifier: Apache-2.0 */
/* A verb that has verbs of its own: `keelboot bundle create`. */
#pragma once

#include <stddef.h>

struct subverb {
	const char *name;
	/* argv[0] is its name; returns the exit code */
	int (*run)(int argc, char **argv);
};

/* Runs the verb that argv[1] names; or prints the help, or says that there is no such verb. Returns
 * the exit code. */
int subverbs_run(const char *verb, const char *help, const struct subverb *list, size_t n, int argc,
		 char **argv);
