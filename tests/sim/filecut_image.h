/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a power cut leaves of the data partition's files and of the state partition: small values,
 * of which hundreds of thousands are looked at. Contents are numbers of blobs, each kept once.
 */
#pragma once

#include "selector/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FILECUT_IMAGE_FILES 10
#define FILECUT_IMAGE_CELLS 48
#define FILECUT_IMAGE_PATH  64

struct filecut_image_file {
	char path[FILECUT_IMAGE_PATH]; /* below the data partition's top, "keelboot/stage" */
	bool dir;
	uint32_t blob;
};

struct filecut_image_cell {
	uint64_t off;
	uint32_t blob;
};

struct filecut_image {
	unsigned nfiles, ncells;
	struct filecut_image_file file[FILECUT_IMAGE_FILES]; /* sorted by path */
	struct filecut_image_cell cell[FILECUT_IMAGE_CELLS]; /* sorted by offset; the rest is 0 */
};

/* The number of these bytes; equal bytes have one number. Ends the process when memory is out. */
uint32_t filecut_image_blob(const void *p, size_t len);
/* The bytes. They stay where they are. */
const uint8_t *filecut_image_bytes(uint32_t blob, size_t *len);

void filecut_image_add_file(struct filecut_image *im, const char *path, bool dir, uint32_t blob);
/* Makes that the cell at off, whether or not there was one. */
void filecut_image_put_cell(struct filecut_image *im, uint64_t off, uint32_t blob);
/* What the cell at off holds; zeroes if there is none. */
void filecut_image_get_cell(const struct filecut_image *im, uint64_t off, uint8_t out[STORE_CELL]);

/* NULL: it is not there. */
const struct filecut_image_file *filecut_image_find(const struct filecut_image *im,
						    const char *path);

/* What the state says, as the shipped store reads it. */
struct filecut_image_state {
	enum store_finding found; /* STORE_LOST also if nothing can be read */
	struct state_staged staged;
	enum state_st b; /* of slot b */
	uint64_t key;	 /* of the whole text */
};

/* Kept until the next call. */
const struct filecut_image_state *filecut_image_state(const struct filecut_image *im);

/* Whether the state names this file as the staged bundle. */
bool filecut_image_is_named(const struct filecut_image_state *st, const char *path);

/*
 * A number for all that decides what happens next: which files there are, what the one holds that
 * the state names, and what the state says. Left out is what stands in other files, because nothing
 * reads it (the walk sees to that), and where in the rings the record stands, and its sequence
 * (docs/decisions/0041).
 */
uint64_t filecut_image_key(const struct filecut_image *im);
