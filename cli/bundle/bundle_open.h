/* SPDX-License-Identifier: Apache-2.0 */
/* Arguments of the verbs that read one bundle, and opening it. */
#pragma once

#include "cli/key/key_options.h"
#include "cli/output/args.h"
#include "update/bundle/reader.h"

#define BUNDLE_OPEN_FROM 12

struct bundle_open {
	/* as inspect */
	const char *verb;
	/* for --help */
	const char *help;
	const char *path;
	/* a partial bundle will do, too */
	bool partial;
	int fd;
	/* what the signature was checked with, if any were given */
	struct key_options keys;
	/* older versions that were named, for bundle_seeds.h */
	unsigned nfrom;
	const char *from[BUNDLE_OPEN_FROM];
	struct reader r;
};

/* Nothing is open, no key is there. */
void bundle_open_init(struct bundle_open *b, const char *verb, const char *help);

/* --help, --key, --keys, --signatures-required, --from: a table of the verb, beside its own. */
extern const struct args_option bundle_open_options[];

/*
 * args_next() for the verb: its own options come back, a->value with them. Keys go to the keyring,
 * the operand is path; ARGS_END is only reached with a path. BUNDLE_OPEN_DONE: there is nothing to
 * do but to end with *code; what is wrong was reported.
 */
enum { BUNDLE_OPEN_DONE = 1000 };
int bundle_open_next(struct bundle_open *b, struct args *a, int *code);

/* All arguments of a verb whose only option of its own is --json. -1: go on; else the exit code. */
int bundle_open_args(struct bundle_open *b, int argc, char **argv, bool *json);

/* Tells where the usage stands. The exit code for it. */
int bundle_open_usage(const struct bundle_open *b);

/*
 * Opens path: a file, or a device that begins with a bundle. Without keys the signature is not
 * checked. Errors as of reader_open() and open(), which it has reported. bundle_open_close() is due
 * even then.
 */
enum kb_err bundle_open_file(struct bundle_open *b) KB_MUST_CHECK;

void bundle_open_close(struct bundle_open *b);
