/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the harnesses put onto their disks and media: releases with their bundles, a key, and files,
 * all in a folder that bundles_end() removes.
 */
#pragma once

#include "tests/unit/install_fixture.h"

/* One release: its image, and the bundle that brings it. */
struct bundles_release {
	/* given */
	char version[16];
	uint64_t sequence;
	uint8_t *data; /* the image `root` */
	uint64_t size;
	uint8_t *boot; /* the image `boot`; NULL: there is none */
	uint64_t boot_size;
	/* made */
	int bundle; /* a file in memory */
	uint8_t id[STATE_ID_LEN];
	char file[24]; /* as the stage folder names it */
	uint8_t *blob; /* header, signature and manifest, as the manifest cell has them */
	size_t blob_len;
};

/*
 * Makes the folder, those below it, and in the last of them a keyring with one key: always the
 * same, so that all images are, and a replay finds them again; or a new one. One that is loaded
 * leaves so much in OpenSSL's caches that fewer allocations are left to fail.
 */
void bundles_begin(const char *who, bool same_key, const char *const *folders, unsigned n);
void bundles_end(void);
/* Of something in the folder; good for the next dozen calls. */
const char *bundles_path(const char *name);
extern struct key_file bundles_key;

/* Reads out what the device knows of the bundle that r has. */
void bundles_take(struct bundles_release *r);
/* Compresses nothing if raw; else frames of several chunks, among which some are not compressed. */
void bundles_make(struct bundles_release *r, uint32_t chunk, bool raw);
/* The slot holds it: st, no tries, and of a good one all the grace. */
void bundles_slot(struct state_slot *t, const struct bundles_release *r, enum state_st st);

/* Ends the process with the reason of the C library if not. */
void bundles_must(bool ok, const char *what);
/* Writes a file in the folder anew. */
void bundles_put(const char *name, const void *data, size_t len);
void bundles_copy(int from, const char *name);
/* All of a file behind what the other has. */
void bundles_append(int from, int to);
