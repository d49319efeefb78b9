/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "tests/sim/powercut_walk.h"

/* The key of a node with this image, whose canonical hash is given. */
uint64_t powercut_node_key_of(const struct powercut_node *n, uint64_t hash);
/* The node itself, which is copied, when it is new; else the one that is there. Takes its image and
 * run over. */
uint32_t powercut_node_add(struct powercut_walk *w, struct powercut_node *n);
/* Makes room for one more. */
void powercut_node_grow(struct powercut_walk *w);
struct powercut_image *powercut_node_copy_image(const struct cut_disk *disk);
void powercut_node_free_image(struct powercut_image *im);

/* powercut_follow.c: a device without power that comes of a node. */
struct powercut_node powercut_follow_dark(const struct powercut_walk *w, uint32_t from,
					  enum powercut_reset r);
/* The disks hold that, durably. */
void powercut_follow_start(struct powercut_walk *w, const struct powercut_image *im);
/* Does what a program has done to the disks, and cuts before and after each of it. */
void powercut_follow(struct powercut_walk *w, uint32_t from, enum powercut_program program,
		     unsigned nops);
