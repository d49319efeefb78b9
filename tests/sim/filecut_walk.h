/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All that cuts, also several in a row, may make of a story: breadth first over images that differ,
 * each verb run on each of them and cut after each of its operations, until nothing new comes.
 */
#pragma once

#include "tests/sim/filecut_check.h"
#include "tests/sim/filecut_fs.h"
#include "tests/sim/report.h"

/* What lies on the data partition in the beginning, and what the state says of it. */
struct filecut_walk_story {
	const char *name, *what;
	enum filecut_walk_staged {
		FILECUT_WALK_NOTHING,
		FILECUT_WALK_NEW,
		FILECUT_WALK_OTHER
	} staged;
	unsigned fails; /* how often that failed at a boot */
	bool folder;	/* ours is there, with a file of somebody else */
	bool litter;
	bool damaged; /* the staged file is not whole */
	bool trial;   /* slot b runs on trial with the new release; it may be marked good */
	size_t room;  /* bytes in the stage folder; 0: enough */
};

#define FILECUT_STORIES 6
extern const struct filecut_walk_story filecut_story[FILECUT_STORIES];
void filecut_story_make(const struct filecut_walk_story *story, struct filecut_image *im);

/* One step of the way to an image. */
struct filecut_walk_step {
	enum filecut_run_verb verb;
	struct filecut_fault fault; /* .kind NONE: nothing goes wrong */
	unsigned at;		    /* its turn */
	enum filecut_run_verb then; /* if the fault killed the first; this one is cut */
	unsigned cut;		    /* after so many changes; 0: the power did not fail */
	uint64_t ordinal;	    /* of the images that this cut may leave */
};

/*
 * Walks a story. deep: each operation is made to fail, and each process is killed, on all images,
 * not only on the one that the story begins with. Violations are printed, with the command that
 * replays the shortest way to each. */
void filecut_walk_run(const struct filecut_walk_story *s, size_t block, bool deep,
		      struct report_line *line);
extern const struct report_column filecut_walk_columns[];

/* Goes one way, "stage:12:3/unstage:4:0", and shows each step, and what is violated by it. False:
 * there is no such way, or something is. */
bool filecut_walk_replay(const struct filecut_walk_story *s, size_t block, const char *way);

/* ---------------------------------------------------------------- filecut_way.c */
/* A way through a story, in writing; and what stands on it, for people. */

/* Everything that can go wrong. The last has no name. */
extern const struct filecut_fault filecut_way_faults[];

/* "stage:12:3": cut after 12 changes, image 3; "stage+kill7+unstage:2:0", "stage+eio4:9:1". Until
 * the next. */
const char *filecut_way_print(const struct filecut_walk_step *step);
/* Reads one step, and goes behind it and its "/". False after a message. */
bool filecut_way_parse(const char **way, struct filecut_walk_step *step);

void filecut_way_show_op(unsigned number, const struct filecut_rec_op *op);
void filecut_way_show_image(const struct filecut_image *im);
