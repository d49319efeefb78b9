/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The graph of a story. A node is a device without power, or one whose system runs, with all that
 * matters for what comes; each is looked at once. Nodes are found breadth first, so the first way
 * to one is a shortest.
 */
#pragma once

#include "tests/sim/powercut_cut.h"

#define POWERCUT_WALK_NONE UINT32_MAX

enum powercut_act {
	POWERCUT_ACT_NOTHING, /* and one day it is restarted */
	POWERCUT_ACT_GOOD,
	POWERCUT_ACT_BAD,
	POWERCUT_ACT_INSTALL,
	POWERCUT_ACT_SWITCH,
	POWERCUT_ACT_REBOOT,
	POWERCUT_ACT_CRASH,
	POWERCUT_ACT_HANG
};

/* Where the device stands with the update, when its system runs. */
enum powercut_standing {
	POWERCUT_UNDECIDED,
	POWERCUT_COMMITTED, /* it runs, and is good */
	POWERCUT_REFUSED,   /* the old release runs and is good, and the state says why */
	POWERCUT_WENT_BACK, /* somebody wanted the old one, or the other slot */
};

struct powercut_node {
	uint64_t key;	 /* of all that follows, and the image's canonical hash */
	uint32_t parent; /* POWERCUT_WALK_NONE: the beginning */
	uint32_t next;	 /* what comes of it when nothing happens; POWERCUT_WALK_NONE: not known */
	bool up;	 /* its system runs; else it is without power */
	enum powercut_reset reset; /* that the next boot sees */
	bool lost;		   /* the state was lost on the way: once */
	bool marked;		   /* the running system has marked itself good, or tried */
	bool switched;		   /* somebody went back: once */
	uint8_t trials;		   /* boots of a trial that was not marked good, in a row */
	uint16_t cuts;		   /* on the way that was found first */
	/* how it came about */
	enum powercut_program program;
	bool program_ended; /* else: */
	uint16_t cut_at;    /* power went after so many operations of it */
	uint8_t worker;	    /* that the boot from here has been given to; 0: none */
	unsigned nops;	    /* of the boot from here, once it was looked at */
	int8_t runs;	    /* release that runs; POWERCUT_NONE */
	bool wants_nothing; /* the running system has nothing left to do */
	enum powercut_standing standing;
	/* of the record, once the node is there */
	uint8_t floor;
	bool rejected; /* the update */
	bool tried;    /* a slot holds the update on trial */
	/* NULL once it was looked at */
	struct powercut_image *im;
	struct powercut_run *run;
};

struct powercut_walk {
	const struct powercut_story *story;
	struct powercut_node *node;
	uint32_t n, room, done;
	uint32_t *index, index_size; /* hash table of keys, + 1 */
	struct powercut_cut cut;
	struct cut_power power;
	struct cut_disk disk[POWERCUT_DISKS];
	bool busy[POWERCUT_WORKERS];
	uint64_t cut_points, runs, images; /* different ones, without power */
	uint64_t torn;	 /* systems entered that docs/PROOF.md makes an exception for */
	uint64_t reruns; /* with a cut in the middle, for the clean-up */
	unsigned max_cuts, max_boots;
	unsigned given_up_at; /* cuts after which a good update was given up, at least; 0: never */
	/* a violation: what is wrong, and where it was found */
	char violation[256];
	uint32_t violation_at;
	/* a replay: prints everything */
	bool loud;
	uint64_t seek; /* key of the node that is being looked for; 0: none */
	uint64_t limit;
};

void powercut_walk_begin(struct powercut_walk *w, const struct powercut_story *s);
void powercut_walk_end(struct powercut_walk *w);
/* To the fixpoint, or to the first violation. */
void powercut_walk_run(struct powercut_walk *w);
/* Looks at one node: its children are there afterwards. */
void powercut_walk_expand(struct powercut_walk *w, uint32_t i);
/* The node with that key, or POWERCUT_WALK_NONE. */
uint32_t powercut_walk_find(const struct powercut_walk *w, uint64_t key);
/* Notes what is wrong; the first stays. */
void powercut_walk_fail(struct powercut_walk *w, uint32_t at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* powercut_check.c: the invariants. */
/* Of an image that a cut has left. */
void powercut_check_image(struct powercut_walk *w, uint32_t i);
/* The boots of a trial so far, with this one. */
uint8_t powercut_check_trials(struct powercut_walk *w, uint32_t from, const struct powercut_run *r);
/* What a running system does first; and what it may do as well: how many. */
unsigned powercut_check_acts(struct powercut_walk *w, uint32_t i, enum powercut_act *first,
			     enum powercut_act also[3]);
/* Of the system that is entered: fills what the node says of that. */
void powercut_check_entered(struct powercut_walk *w, uint32_t from, uint32_t to);
/* Before the operation op is done to the disks: may it be? */
void powercut_check_op(struct powercut_walk *w, uint32_t i, const struct powercut_op *op);
/* From each node on, left alone: where it ends, and after how many boots. */
void powercut_check_endings(struct powercut_walk *w);
