/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model of GRUB with kernel-cmdline/loaders/grub.cfg, written apart from what ships: the block in
 * its FAT, and which pair is started. And the device around it, where each slot has a kernel of its
 * own. What must hold of them is in check.h.
 */
#pragma once

#include "tests/sim/board.h"

/* Its partition: a FAT with one file, the block. */
#define GRUB_SIZE      (2 * BDEV_ALIGN)
#define GRUB_BLOCK     BDEV_ALIGN /* where that lies: in the first cluster */
#define GRUB_BLOCK_LEN 1024u

/* What the block says. Slots, or STATE_NONE: none, or no slot. */
struct grub_choice {
	int preset, once;
	unsigned starts;
};

/* What the partition holds in the beginning. */
void grub_make(uint8_t out[GRUB_SIZE], int preset);
/* As GRUB reads it. False: there is no block. */
bool grub_read(const uint8_t block[GRUB_BLOCK_LEN], struct grub_choice *is);

/* What comes of the pair of a slot. */
enum grub_pair {
	GRUB_NOT_LOADED, /* GRUB goes on */
	GRUB_DEAD,	 /* it is started, and its init never runs */
	GRUB_UP,
};

/* What GRUB runs on. */
struct grub {
	bool counts; /* how often it starts its preset */
	/* The medium; false: it says that this failed. What was written is durable then. */
	bool (*read)(void *ctx, uint8_t block[GRUB_BLOCK_LEN]);
	bool (*write)(void *ctx, const uint8_t block[GRUB_BLOCK_LEN]);
	bool (*is_off)(void *ctx); /* the power is gone; NULL: it never is */
	enum grub_pair (*start)(void *ctx, int slot);
	void *ctx;
};

/* Clears and counts on the disk, and starts a pair: whose; how is what it puts behind
 * keelboot.pair=. STATE_NONE: what it started does not come up, none can be loaded, or the power is
 * gone. */
int grub_start(const struct grub *g, const char **how);

/* ---------------------------------------------------------------- grub_board.c */
/* Of system.conf: which partitions the pairs have, and who starts them. */
extern const char grub_board_conf[];

/* The partitions of that, behind those that d has; and the command line. */
void grub_board_parts(struct board *d, int pair, const char *how);
/* What keelboot-loader is, once process 1 starts it. run calls fn in a process of its own: its
 * status, as from waitpid(). */
void grub_board_child(int (*run)(int (*fn)(int argc, char **argv), const char *const *argv));
