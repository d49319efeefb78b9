/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of a walk: to people, to programs, and the story of a violation. */
#pragma once

#include "tests/sim/powercut_walk.h"

#include <stdio.h>

/* Of one story; in memory that processes share. */
struct powercut_line {
	bool run; /* to its end, or to a violation; else its explorer died */
	char name[24], about[96];
	unsigned w, c, unit;
	uint64_t cut_points, raw, images, nodes, runs, reruns;
	unsigned cuts, boots, given_up_at;
	unsigned complete; /* without a fixpoint: every story with so many cuts was looked at */
	unsigned apart;	   /* images played apart */
	uint64_t torn;	   /* systems that the exception was made for */
	bool fixpoint, endings; /* endings: from everywhere it was seen where it comes to rest */
	double seconds;
	char violation[256];
	char way[128 << 10]; /* of the violation, for people; and the command that replays it */
};

void powercut_report_take(struct powercut_line *l, const struct powercut_walk *w, double seconds);
/* Lines without a name are of no story. seed: of what is played apart. */
void powercut_report_json(FILE *f, const char *size, uint64_t seed, const struct powercut_line *l,
			  unsigned n);
void powercut_report_table(FILE *f, const char *size, uint64_t seed, const struct powercut_line *l,
			   unsigned n);
/* What a node came about by, in words. */
void powercut_report_step(char *to, size_t size, const struct powercut_node *n);

/*
 * powercut_replay.c: goes one way through a story, node by node, and on to where it comes to rest,
 * and tells everything. keys: "1f2e,3d4c,...", as a violation prints them. 0: all is well; 1: a
 * violation; 2: there is no such way.
 */
int powercut_replay(const struct powercut_story *s, const char *keys);
