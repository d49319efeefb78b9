/* SPDX-License-Identifier: Apache-2.0 */
/* How far a long job has come: a bar on a terminal, lines elsewhere, JSON for programs. */
#pragma once

#include "cli/output/output.h"

enum output_progress_mode {
	OUTPUT_PROGRESS_AUTO, /* a bar if standard error is a terminal, else lines */
	OUTPUT_PROGRESS_BAR,
	OUTPUT_PROGRESS_LINES, /* "plain" */
	OUTPUT_PROGRESS_JSON,  /* one object a line, on standard output */
	OUTPUT_PROGRESS_NONE,
};

struct output_progress {
	enum output_progress_mode mode;
	/* the last one shown; kept */
	const char *phase;
	/* when */
	uint64_t shown_ms;
	unsigned shown_percent;
	/* of the phase */
	uint64_t total;
	/* the cursor is behind a bar */
	bool bar_open;
	/* Where it stands for other programs to read: one line of JSON, replaced as a whole;
	 * "" none. A folder that is missing is none, too. */
	char file[256];
	/* the phase in the file; NULL: there is no file */
	const char *published;
	unsigned published_percent;
};

/* "auto", "bar", "plain", "json", "none". KB_EINVAL, which it has reported. */
enum kb_err output_progress_parse(struct output_progress *p, const char *mode) KB_MUST_CHECK;

/* phase (a literal: "check", "write") has done of total bytes behind it. Shows it, but not too
 * often. */
void output_progress_step(struct output_progress *p, const char *phase, uint64_t done,
			  uint64_t total);

/* The phase that is shown ended before it was done. */
void output_progress_cut(struct output_progress *p);

/* Ends a bar, so that other lines can follow, and removes the file. */
void output_progress_end(struct output_progress *p);

/*
 * With OUTPUT_PROGRESS_JSON: the last line, which o (output_json_new() and what the verb adds) is
 * the body of. Adds "event":"result" and the exit code, prints and releases it.
 */
void output_progress_result(json_object *o, int code);
