/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All that cuts, also several in a row, may make of a story: breadth first over images that differ,
 * each verb run on each of them and cut after each of its operations, until nothing new comes.
 */
#pragma once

#include "tests/sim/filecut_check.h"
#include "tests/sim/filecut_fs.h"
#include "tests/sim/report.h"

struct filecut_walk_story {
	const char *name, *what;
	void (*make)(struct filecut_image *im); /* what there is to begin with */
	unsigned verbs; /* mask of those that are run, 1 << FILECUT_RUN_… */
	uint64_t token; /* of filecut_world_booted() */
	size_t room;	/* bytes in the stage folder; 0: enough */
	bool damaged;	/* the staged file is not whole to begin with */
};

/* What lies on the data partition in the beginning, and what the state says of it. */
#define FILECUT_STORIES 6
extern const struct filecut_walk_story filecut_story[FILECUT_STORIES];

/* How a verb ran before the cut. */
enum filecut_walk_how {
	FILECUT_WALK_PLAIN,
	FILECUT_WALK_KILLED, /* before operation `at`; then the verb `then` ran, and was cut */
	FILECUT_WALK_EIO,    /* operation `at` failed so; it went on, and was cut */
	FILECUT_WALK_ENOSPC,
	FILECUT_WALK_EVER_EIO, /* operation `at`, and each of its kind from then on */
	FILECUT_WALK_EVER_ENOSPC,
	FILECUT_WALK_READONLY, /* and each on its medium from then on, with EROFS */
	FILECUT_WALK_LANDS, /* from `at` on, each write of the state fails with EIO, and happens */
	FILECUT_WALK_LANDS_LATE, /* or with ETIMEDOUT */
	FILECUT_WALK_FAULT,	 /* `fault` came to pass; it went on, and was cut */
};

/* One step of the way to an image. */
struct filecut_walk_step {
	enum filecut_run_verb verb, then;
	enum filecut_walk_how how;
	unsigned at;
	struct filecut_fault fault;
	unsigned cut;	  /* after so many operations */
	uint64_t ordinal; /* of the images that this cut may leave */
};

/*
 * Walks a story. deep: each operation is made to fail, and each process is killed, on all images,
 * not only on the one that the story begins with. Violations are printed, with the command that
 * replays the shortest way to each. */
void filecut_walk_run(const struct filecut_walk_story *s, size_t block, bool deep,
		      struct report_line *line);
extern const struct report_column filecut_walk_columns[];

/* Goes one way, "stage:12:3/unstage:4:0", and shows each step. False: there is no such way. */
bool filecut_walk_replay(const struct filecut_walk_story *s, size_t block, const char *way);

/* ---------------------------------------------------------------- filecut_way.c */
/* A way through a story, in writing; and what stands on it, for people. */
/* "stage:12:3": cut after 12 operations, image 3; "stage+kill7+unstage:2:0", "stage+eio4:9:1". */
void filecut_way_print(const struct filecut_walk_step *step, char *out, size_t size);
/* Reads one step, and goes behind it and its "/". False after a message. */
bool filecut_way_parse(const char **way, struct filecut_walk_step *step);

/* What a step asks of the process. */
struct filecut_rec_plan filecut_way_plan(const struct filecut_walk_step *step);
/* Everything that can go wrong once or from then on, in a fixed order: the next one, with `at` left
 * as it is. False behind the last. Begins with .kind NONE. */
bool filecut_way_next_fault(struct filecut_fault *f);

void filecut_way_show_op(unsigned number, const struct filecut_rec_op *op);
void filecut_way_show_image(const struct filecut_image *im);
