/* SPDX-License-Identifier: Apache-2.0 */
/* The options of the verbs that sign: with private keys, or by what was signed elsewhere. */
#pragma once

#include "lib/err.h"

#define SIGN_OPTIONS_KEYS 8u

/* For the help of such a verb. */
#define SIGN_OPTIONS_ELSEWHERE                                                                    \
	"Where the key is on a machine without Keelboot: --emit-digest writes what must be\n"     \
	"signed (531 bytes, and prints their SHA-256), openssl signs it there, --attach checks\n" \
	"the signature and adds it.\n"

struct sign_options {
	/* the verb, "bundle sign"; what it signs, for messages; its help */
	const char *verb, *what, *help;
	/* of the command line; NULL: not given */
	const char *input, *output, *emit, *attach;
	unsigned nkeys;
	const char *key[SIGN_OPTIONS_KEYS];
};

/* Reads them into s, whose first three members are set. -1: go on; else the exit code: the help was
 * printed, or what is wrong was. */
int sign_options_read(struct sign_options *s, int argc, char **argv);
