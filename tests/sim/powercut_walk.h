/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The graph of a story. A node is a device without power, or one whose system runs, with all that
 * matters for what comes; each is looked at once. Nodes are found breadth first over the cuts, so
 * the way to one has as few as can be.
 */
#pragma once

#include "tests/sim/powercut_cut.h"
#include "tests/sim/set.h"

#define POWERCUT_WALK_NONE SET_NONE
#define POWERCUT_NO_TRIAL  UINT8_MAX

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
	bool lost;		   /* of the state, something was lost on the way: once */
	bool lost_all;		   /* and that was both regions, or all of it */
	bool marked;		   /* the running system has marked itself good, or tried */
	bool switched;		   /* somebody went back: once */
	/* slots in whose first block something could not be read, as bits; what comes of it
	 * inherits */
	uint8_t hurt, passes_hurt;
	uint8_t trials; /* boots of a trial that was not marked good, in a row */
	uint16_t cuts;	/* on the way that was found first */
	/* how it came about */
	enum powercut_program program;
	bool program_ended; /* else: */
	uint16_t cut_at;    /* power went after so many operations of it */
	bool looked;	    /* at it: what follows is known */
	unsigned nops;	    /* of what leads to `next` */
	bool touches;	    /* one of them is on a slot */
	int8_t slot, runs;  /* that runs, and its release; POWERCUT_NONE */
	bool wants_nothing; /* the running system has nothing left to do */
	enum powercut_standing standing;
	/* of the record, once the node is there */
	bool found; /* there is one */
	uint8_t floor;
	bool rejected;		       /* the update */
	bool tried;		       /* a slot holds the update on trial */
	unsigned distance;	       /* in boots, to the next chances of slots that used one */
	int8_t open;		       /* slot of the attempt under way, or STATE_NONE */
	uint8_t tries[POWERCUT_SLOTS]; /* of a trial; POWERCUT_NO_TRIAL */
	int8_t holds[POWERCUT_SLOTS];  /* the release of such a slot, as the record has it */
	/* NULL once it was looked at */
	struct powercut_image *im;
};

/* The nodes that so many cuts lead to, as far as they are known. */
#define POWERCUT_LEVELS 256u
struct powercut_level {
	uint32_t *node, n, room, done;
};

/* Images that are played apart from the node that they are taken for. */
#define POWERCUT_APART_MAX 1000u
struct powercut_apart {
	unsigned most;		     /* of them; 0: none */
	uint64_t seed, random, seen; /* random: begins as the seed */
	bool playing;		     /* then nothing may be new */
	unsigned n, played;
	struct powercut_node one[POWERCUT_APART_MAX];
	const struct powercut_node *wrong; /* that a violation is of, or NULL */
};

struct powercut_walk {
	const struct powercut_story *story;
	struct powercut_node *node;
	uint32_t n, room, done;
	struct powercut_level level[POWERCUT_LEVELS];
	unsigned at;	  /* the level that is being looked at: all before it are done */
	struct set known; /* nodes by their keys */
	struct powercut_cut cut;
	struct cut_power power;
	struct cut_disk disk[POWERCUT_DISKS];
	uint64_t cut_points, runs, images; /* different ones, without power */
	uint64_t torn;	 /* systems entered that decision 0042 makes an exception for */
	uint64_t reruns; /* with a cut in the middle, for the clean-up */
	unsigned max_boots;
	/* a violation: what is wrong, and where it was found */
	char violation[256];
	uint32_t violation_at;
	struct powercut_apart apart;
	bool uncut;    /* only what comes of a node when nothing happens is looked at */
	bool fixpoint; /* nothing new was found any more */
	bool endings;  /* were looked at, from everywhere */
	/* a replay: prints everything */
	bool loud;
	uint64_t limit;
};

void powercut_walk_begin(struct powercut_walk *w, const struct powercut_story *s);
/* To the fixpoint, or to the first violation. */
void powercut_walk_run(struct powercut_walk *w);
/* Looks at one node: its children are there afterwards. */
void powercut_walk_expand(struct powercut_walk *w, uint32_t i);
/* Once it was looked at and is not asked for any more: its image is not needed. */
void powercut_walk_leave(struct powercut_walk *w, uint32_t i);
/* The node with that key, or POWERCUT_WALK_NONE. */
uint32_t powercut_walk_find(const struct powercut_walk *w, uint64_t key);
/* Notes what is wrong; the first stays. */
void powercut_walk_fail(struct powercut_walk *w, uint32_t at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* powercut_node.c: in which order nodes are looked at. */
void powercut_queue_put(struct powercut_walk *w, uint32_t i);
uint32_t powercut_queue_next(struct powercut_walk *w); /* POWERCUT_WALK_NONE: all were */

/* powercut_apart.c: offer a cut, whose classes are all there; play those that were kept. */
void powercut_apart_offer(struct powercut_walk *w, const struct powercut_node *proto);
void powercut_apart_play(struct powercut_walk *w);

/* powercut_check.c: the invariants. */
/* Of an image that a cut has left. */
void powercut_check_image(struct powercut_walk *w, uint32_t i);
/* Slots whose first block shows a superblock, and in which something cannot be read, or could not
 * before: what a node inherits. Only where the state may be lost. */
uint8_t powercut_check_hurt(const struct powercut_walk *w, uint32_t i);
/* powercut_edge.c: fills what a node knows of its record; v is what its image says. */
void powercut_check_record(struct powercut_walk *w, uint32_t i, const struct powercut_view *v);
/* From one image to what has come of it, by a cut in that program or by its end: each time that it
 * is found, also when it is known. */
void powercut_check_edge(struct powercut_walk *w, uint32_t from, uint32_t to,
			 enum powercut_program program);
/* The boots of a trial so far, with this one. */
uint8_t powercut_check_trials(struct powercut_walk *w, uint32_t from, const struct powercut_run *r);
/* What a running system does first; and what it may do as well: how many. */
unsigned powercut_check_acts(struct powercut_walk *w, uint32_t i, enum powercut_program *first,
			     enum powercut_program also[3]);
/* Of the system that is entered: fills what the node says of that. */
void powercut_check_entered(struct powercut_walk *w, uint32_t from, uint32_t to);
/* Before the operation op is done to the disks: may it be? */
void powercut_check_op(struct powercut_walk *w, uint32_t i, enum powercut_program program,
		       const struct powercut_op *op);
/* powercut_end.c: goes on from what was looked at, left alone, as far as that is not known. */
void powercut_end_settle(struct powercut_walk *w);
/* From each node on, left alone: where it ends, and after how many boots. */
void powercut_end_check(struct powercut_walk *w);

/* ---------------------------------------------------------------- powercut_node.c */
/* The key of a node with this image, whose canonical hash is given. */
uint64_t powercut_node_key_of(const struct powercut_node *n, uint64_t hash);
/* The node itself, which is copied, when it is new; else the one that is there. Takes its image
 * over. */
uint32_t powercut_node_add(struct powercut_walk *w, struct powercut_node *n);
/* Makes room for one more. */
void powercut_node_grow(struct powercut_walk *w);
/* run: NULL: no system runs. */
struct powercut_image *powercut_node_copy_image(const struct cut_disk *disk,
						const struct powercut_run *run);
void powercut_node_free_image(struct powercut_image *im);

/* powercut_follow.c: a device without power that comes of a node. */
struct powercut_node powercut_follow_dark(const struct powercut_walk *w, uint32_t from,
					  enum powercut_reset r);
/* The disks hold that, durably. */
void powercut_follow_start(struct powercut_walk *w, const struct powercut_image *im);
/* Does what a program has done to the disks, and cuts before and after each of it. */
void powercut_follow(struct powercut_walk *w, uint32_t from, enum powercut_program program,
		     unsigned nops);
