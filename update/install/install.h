/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The install engine: a verified bundle onto a slot that is not in use. The same for the boot
 * (keelboot-apply) and for the running system (`keelboot install`).
 */
#pragma once

#include "lib/bdev.h"
#include "selector/plan.h"
#include "selector/store.h"
#include "update/decoder/decoder.h"
#include "update/bundle/reader.h"

#define INSTALL_SEAL_LEN (128u << 10) /* first bytes of a slot, zeroed first and written last */
#define INSTALL_TAIL	 (1u << 20)   /* last bytes of a partition, cleared of stale superblocks */

struct install_part {
	char cls[32];	  /* class: matches the manifest's image names */
	struct bdev *dev; /* opened by the caller, O_EXCL for the target */
	/*
	 * The same device opened a second time for reading, best with O_DIRECT: then what was
	 * written is flushed and read back by a thread of its own while the rest is written. NULL:
	 * read back through dev, by the caller's thread.
	 */
	struct bdev *readback;
	const char *path; /* for messages, borrowed; NULL: the class is named */
};

/* Whose fault a failure was: it decides what it costs. */
enum install_blame {
	INSTALL_BLAME_NONE,
	INSTALL_BLAME_BUNDLE, /* the medium or the bundle: this copy of it is no good */
	INSTALL_BLAME_TARGET, /* the slot's partitions */
	INSTALL_BLAME_STATE,  /* the state partition */
	INSTALL_BLAME_SYSTEM, /* this system: the decoder cannot be started, for instance */
};

enum install_phase { INSTALL_CHECK, INSTALL_WRITE, INSTALL_READ_BACK, INSTALL_DONE };

struct install {
	struct reader *r;    /* opened and verified */
	struct store *store; /* the caller holds the lock */
	struct state *s;     /* as loaded */
	int target;
	enum plan_mode mode;
	uint64_t back;	   /* for plan_begin() */
	bool verify_first; /* check the whole payload before the first write */
	uint8_t tries;	   /* of the trial: 1..STATE_TRIES_MAX; 0: STATE_TRIES */
	unsigned nparts;
	struct install_part part[MANIFEST_IMAGES_MAX];
	const char *helper; /* path of keelboot-helper, for the decoder */
	/* done and total are bytes of work in this phase; called at least once a second while there
	 * is progress, never without */
	void (*progress)(void *ctx, enum install_phase phase, uint64_t done, uint64_t total);
	void *ctx;
	/* results */
	uint64_t bytes_written; /* to the slot's partitions */
	uint64_t bytes_skipped; /* were right already */
	enum install_blame blame;
	char why[160]; /* after a failure: what is wrong, for a person */
};

/*
 * Installs onto in->target, which plan_accept() chose. docs/decisions/0020 says in which
 * order it writes. In the end the state says trial and is on disk. If every block is right and the
 * slot already has this release in a bootable state, nothing is written at all (KB_EAPPLIED).
 * Before anything is written: KB_ECOMPAT (classes differ, or an image is larger than its
 * partition), KB_EDIGEST, KB_EFORMAT, KB_EIO. After: the same, and the slot stays `writing`: it
 * never boots, and the next install goes on where this one stopped.
 */
enum kb_err install_run(struct install *in) KB_MUST_CHECK;
