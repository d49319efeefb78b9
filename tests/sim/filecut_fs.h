/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file system that loses power, and the state partition beside it. It promises what POSIX does
 * and no more (docs/decisions/0041): nothing is durable before the fsync() of the file for its
 * content, of the folder for the names in it; until then
 *
 *	- a file has any length up to what was written, and each block of it is what it was, what
 *	  was written, zeroes or garbage;
 *	- each name in a folder, for itself, is any of the files that it was: a rename may be there
 *	  with both names, with one, or with none;
 *	- of a cell of the state partition each sector is old or new, and at most one is garbage.
 *
 * It is fed with what filecut_rec recorded.
 */
#pragma once

#include "tests/sim/filecut_image.h"
#include "tests/sim/filecut_rec.h"

#define FILECUT_FS_NODES    40
#define FILECUT_FS_NAMES    40
#define FILECUT_FS_VERSIONS 8
#define FILECUT_FS_PENDING  8
#define FILECUT_FS_FILE	    (64u << 10) /* bytes of a file */

/* A file or folder, whatever its name. */
struct filecut_fs_node {
	bool dir;
	size_t len, durable_len, most; /* most: the greatest length since the last fsync */
	bool dirty;
	uint8_t now[FILECUT_FS_FILE], durable[FILECUT_FS_FILE];
};

struct filecut_fs_name {
	char path[FILECUT_IMAGE_PATH];
	unsigned up; /* the name of the folder that it is in */
	unsigned n;
	int node[FILECUT_FS_VERSIONS]; /* oldest (durable) first; -1: not there */
};

struct filecut_fs {
	size_t block;	  /* of a file's content, as the model tears it */
	unsigned nloaded; /* nodes of the image */
	unsigned nnodes, nnames;
	struct filecut_fs_node node[FILECUT_FS_NODES]; /* 0: the top */
	struct filecut_fs_name name[FILECUT_FS_NAMES]; /* 0: the top; a folder before what it has */
	struct filecut_image cells;		       /* durable; its files are not used */
	unsigned npending;
	struct filecut_image_cell pending[FILECUT_FS_PENDING]; /* oldest first */
};

/* Starts with an image. */
void filecut_fs_load(struct filecut_fs *fs, const struct filecut_image *im, size_t block);

/* Which file of the image that was loaded has this path; -1: none, it was made since. */
int filecut_fs_loaded(struct filecut_fs *fs, const char *path);

/* Carries out one operation. False: it does not fit what the model knows, which is a bug here. */
bool filecut_fs_do(struct filecut_fs *fs, const struct filecut_rec *r,
		   const struct filecut_rec_op *op) KB_MUST_CHECK;

/* Makes the cells durable: what O_DSYNC promises of a write that returned. A cut does not take that
 * for granted; a process that is killed has no other way to leave a write behind. */
void filecut_fs_flush_state(struct filecut_fs *fs);

/* Everything as it is while there is power. */
void filecut_fs_now(const struct filecut_fs *fs, struct filecut_image *im);

/* Called for each image; ordinal counts from 0, in an order that is always the same. */
typedef void (*filecut_fs_fn)(const struct filecut_image *im, uint64_t ordinal);

/* All images that a cut may leave now, and how many those are. */
uint64_t filecut_fs_cut(const struct filecut_fs *fs, filecut_fs_fn fn);
