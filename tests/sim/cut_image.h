/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The image generator: every image that a cut may leave of some disks. Each dirty sector holds, by
 * itself, its durable value or any version that was written since: writes are lost, reordered and
 * torn. At most one sector of them all is garbage, as bad data or as a read error. A discarded
 *range reads as before, as zeroes or as garbage. On a disk that is `atomic`, no sector is garbage.
 * With 4 KiB physical sectors (cut_disk.unit = 8), a
 * sector is one of those.
 *
 *	cut_image_take(&im, disks, 2);
 *	cut_image_choose(&im, CUT_IMAGE_ALL, 0);
 *	cut_image_put(&im, 0, &content);           what disks[0] holds then
 *	cut_image_free(&im);
 *
 * The disks stay as they are; they must not change as long as the image is used.
 */
#pragma once

#include "tests/sim/cut_disk.h"

#define CUT_IMAGE_DISKS 8u

enum cut_garbage { CUT_GARBAGE_NONE, CUT_GARBAGE_DATA, CUT_GARBAGE_BAD };

/* Something that may hold one of several values. */
struct cut_place {
	unsigned disk; /* index */
	uint64_t off, len;
	bool trim;  /* a discarded range; its values are before, zeroes, garbage */
	bool clean; /* never `garbage_at`, as a range that is discarded */
	unsigned n; /* different values; 0 is the durable one. 1: only garbage makes a difference */
	const uint8_t **value; /* [0] is NULL; another that is NULL: zeroes. NULL for a trim */
};

struct cut_image {
	unsigned ndisks;
	const struct cut_disk *disk[CUT_IMAGE_DISKS];
	unsigned n, room;
	struct cut_place *place; /* in the order of the first write */
	struct cut_chunk *chunks;
	/* the image that is chosen */
	unsigned *pick; /* of each place */
	enum cut_garbage garbage;
	unsigned garbage_at; /* place */
};

/* The image chosen first is that in which nothing that is pending has landed. */
void cut_image_take(struct cut_image *im, struct cut_disk *const *disks, unsigned ndisks);
void cut_image_free(struct cut_image *im);

/* How many there are; UINT64_MAX: that or more. */
uint64_t cut_image_count(const struct cut_image *im);

/* Some that stand for many. `which` is a place, modulo their number, or a seed. */
enum cut_image_sort {
	CUT_IMAGE_NONE,	       /* nothing landed */
	CUT_IMAGE_ALL,	       /* the newest of everything */
	CUT_IMAGE_ONE_MISSING, /* all but one */
	CUT_IMAGE_ONE_LANDED,  /* only one */
	CUT_IMAGE_ONE_GARBAGE, /* all, and one of them is bad data */
	CUT_IMAGE_ONE_BAD,     /* all, and one of them cannot be read */
	CUT_IMAGE_RANDOM,      /* any */
};
void cut_image_choose(struct cut_image *im, enum cut_image_sort sort, uint64_t which);

/* The next number after a seed, by which it is chosen. */
uint64_t cut_image_random(uint64_t *seed);

/* What a disk (by index) holds in the chosen image. out is initialised, of any size. */
void cut_image_put(const struct cut_image *im, unsigned disk, struct cut_content *out);
