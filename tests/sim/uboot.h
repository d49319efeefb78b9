/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model of U-Boot with kernel-cmdline/loaders/boot.cmd, written apart from what ships: the two
 * copies of its environment, and which pair is started. The words of its choice are those of
 * grub.h, and so is what comes of a pair. Keelboot's half is libubootenv itself (uboot_lib.c).
 */
#pragma once

#include "tests/sim/grub.h"

/* Its partition: two copies, each a page. */
#define UBOOT_COPIES 2u
#define UBOOT_SIZE   (UBOOT_COPIES * BDEV_ALIGN)

/* What the partition holds in the beginning. */
void uboot_make(uint8_t out[UBOOT_SIZE], int preset);
/* As U-Boot reads it. False: no copy is sound, and it takes its own variables. */
bool uboot_read(const uint8_t store[UBOOT_SIZE], struct grub_choice *is);
/* What counts of a copy: of its count, whether it is the next of the other copy's. */
uint64_t uboot_class(const uint8_t page[BDEV_ALIGN]);

/* What U-Boot runs on. */
struct uboot {
	bool counts; /* how often it starts its preset */
	/* The medium; false: it says that this failed. What was written is durable then. */
	bool (*read)(void *ctx, uint8_t store[UBOOT_SIZE]);
	bool (*write)(void *ctx, unsigned number, const uint8_t page[BDEV_ALIGN]);
	bool (*is_off)(void *ctx); /* the power is gone */
	enum grub_pair (*start)(void *ctx, int slot);
	void *ctx;
};

/* Clears and counts in its environment, and starts a pair, as grub_start() does. */
int uboot_start(const struct uboot *u, const char **how);

/* Of system.conf, with the partitions of grub_board_parts(). */
extern const char uboot_conf[];
/* Where dev has the copies, as fw_env.config says it. */
void uboot_config(const char *dev);
