/* SPDX-License-Identifier: Apache-2.0 */
/* A way through a story, in writing; and what stands on it, for people. */
#pragma once

#include "tests/sim/filecut_walk.h"

/* "stage:12:3": cut after 12 operations, image 3; "stage+kill7+unstage:2:0", "stage+eio4:9:1". */
void filecut_way_print(const struct filecut_walk_step *step, char *out, size_t size);
/* Reads one step, and goes behind it and its "/". False after a message. */
bool filecut_way_parse(const char **way, struct filecut_walk_step *step);

void filecut_way_show_op(unsigned number, const struct filecut_rec_op *op);
void filecut_way_show_image(const struct filecut_image *im);
