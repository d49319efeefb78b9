/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of keelboot-apply share; nobody else includes this. */
#pragma once

#include "lib/conf.h"
#include "update/apply.h"
#include "update/apply_file.h"
#include "update/media.h"

#define APPLY_SOURCES_MAX 32
#define APPLY_OPENED_MAX  256u /* bundles of one folder: each costs a walk through it */

struct apply_source {
	enum state_source kind; /* DATA, RAW, SD or USB */
	char dev[APPLY_FILE_PATH_MAX + 1];
};

struct apply_options {
	char state[APPLY_FILE_PATH_MAX + 1];
	struct apply_slot slot[STATE_SLOTS_MAX];
	choose_mask mountable;
	enum plan_mode mode; /* AUTOMATIC, LAST_RESORT or RESCUE */
	const char *root;    /* "" */
	unsigned nsources;
	struct apply_source source[APPLY_SOURCES_MAX];
};

/* Reads argv. False after a message: something is wrong with it. */
bool apply_options_parse(struct apply_options *o, int argc, char **argv);

/* A bundle that would be installed. */
struct apply_candidate {
	unsigned source;	       /* index */
	char name[MEDIA_NAME_MAX + 1]; /* of the file; "" for a raw medium */
	struct plan_release release;
	bool tried;
};

struct apply {
	struct apply_options o;
	struct conf conf;
	struct keyring keys;
	struct bdev_file dev;
	struct store store;
	struct state state;
	uint64_t floor_bound; /* of signed_floor_bound(); in rescue only */
	struct apply_job job;
	struct media media;
	unsigned ncandidates, nfailed; /* nfailed of them were tried, and at fault */
	struct apply_candidate candidate[APPLY_CANDIDATES_MAX];
};

/* The line of progress for process 1, on descriptor 3 if that is a pipe or socket. */
void apply_progress_init(void);
/* A medium, or a bundle on it, was looked at. */
void apply_progress_look(void);
/* From now on another bundle is worked on, or the same anew. */
void apply_progress_next(void);
void apply_progress(void *ctx, enum install_phase phase, uint64_t done, uint64_t total);

/* The staged update on the data partition. All three return an exit code. */
int apply_staged_run(struct apply *a, const struct apply_source *src);
/* A bundle on a raw stage partition. */
int apply_raw_run(struct apply *a, const struct apply_source *src);
/* Whatever lies on removable media. */
int apply_media_run(struct apply *a);

/* Whether a slot holds this release, and still has to prove it. */
bool apply_staged_on_trial(const struct state *s, const uint8_t release[STATE_ID_LEN]);

/* Fills a->job for a bundle at fd. `from` is for messages. */
void apply_job_fill(struct apply *a, int fd, const char *from, enum state_source kind, bool raw);
