/* SPDX-License-Identifier: Apache-2.0 */
/* What is reported of a walk: its numbers, and the way to a violation. */
#pragma once

#include "tests/sim/powercut_walk.h"
#include "tests/sim/report.h"

/* Of its columns, those that are asked for. */
enum { POWERCUT_REPORT_CUT_POINTS = 3, POWERCUT_REPORT_RAW = 4 };
extern const struct report_column powercut_report_columns[];
void powercut_report_take(struct report_line *l, const struct powercut_walk *w);
/* What a node came about by, in words. */
void powercut_report_step(char *to, size_t size, const struct powercut_node *n);

/*
 * powercut_replay.c: goes one way through a story, node by node, and on to where it comes to rest,
 * and prints everything. keys: "1f2e,3d4c,...", as a violation prints them. True: all is well.
 */
bool powercut_replay(const struct powercut_story *s, const char *keys);
