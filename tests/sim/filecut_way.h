/* SPDX-License-Identifier: Apache-2.0 */
/* A way through a story, in writing; and what stands on it, for people. */
#pragma once

#include "tests/sim/filecut_walk.h"

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
