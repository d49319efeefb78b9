/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The install engine: a verified bundle onto a slot that is not in use. The same for the boot
 * (keelboot-apply) and for the running system (`keelboot install`).
 */
#pragma once

#include "lib/bdev.h"
#include "selector/plan.h"
#include "selector/store.h"
#include "update/install/decoder.h"
#include "update/install/install_lack.h"
#include "update/bundle/reader.h"

#define INSTALL_SEAL_LEN (128u << 10) /* first bytes of a slot, zeroed first and written last */
#define INSTALL_TAIL	 (1u << 20)   /* last bytes of a partition, cleared of stale superblocks */

struct install_part {
	/* class: matches the manifest's image names */
	char cls[32];
	/* opened by the caller, O_EXCL for the target */
	struct bdev *dev;
	/*
	 * The same device opened a second time for reading, best with O_DIRECT: then what was
	 * written is flushed and read back by a thread of its own while the rest is written. NULL:
	 * read back through dev; also by that thread, if another part has one: dev takes two.
	 */
	struct bdev *readback;
	/* for messages, borrowed; NULL: the class is named */
	const char *path;
	/* a file in a FAT, which others use: that may be full, damaged or read-only, and then the
	 * storage is not to blame */
	bool is_file;
	/* the boot loader tries to start it whatever it is, and goes no further if it cannot */
	bool is_listed;
};

/* An image that this device has, and that encodings may be made from. */
struct install_seed {
	/* as a manifest has it */
	uint8_t digest[DIGEST_LEN];
	/* borrowed: open while the install runs */
	struct decoder_seed at;
	/* where it is, for messages */
	int slot;
};

/* Whose fault a failure was: it decides what it costs. */
enum install_blame {
	INSTALL_BLAME_NONE,
	INSTALL_BLAME_BUNDLE, /* the medium or the bundle: this copy of it is no good */
	INSTALL_BLAME_TARGET, /* the slot's partitions */
	INSTALL_BLAME_STATE,  /* the state partition */
	INSTALL_BLAME_SYSTEM, /* this system: the decoder cannot be started, for instance */
};

/* In this order; one that has nothing to do is left out. */
enum install_phase {
	INSTALL_COMPARE, /* until something of the bundle is wanted: then it is checked */
	INSTALL_CHECK,
	INSTALL_WRITE,
	INSTALL_READ_BACK,
	INSTALL_DONE
};

struct install {
	/* opened and verified */
	struct reader *r;
	/* the caller holds the lock */
	struct store *store;
	/* as loaded */
	struct state *s;
	int target;
	enum plan_mode mode;
	/* for plan_install_begin() */
	uint64_t back;
	/* check the whole payload before the first write */
	bool verify_first;
	/* of the trial: 1..STATE_TRIES_MAX; 0: STATE_TRIES */
	uint8_t tries;
	unsigned nparts;
	struct install_part part[MANIFEST_IMAGES_MAX];
	/* images that there are, borrowed; none of them in the target */
	unsigned nseeds;
	const struct install_seed *seed;
	/* partitions of slots, the target's among them, for what a partial bundle lacks; borrowed.
	 * NULL: there are none */
	const struct install_lack *lack;
	/* path of keelboot-helper, for the decoder */
	const char *helper;
	/* done and total are bytes of work in this phase; called at least once a second while there
	 * is progress, never without */
	void (*progress)(void *ctx, enum install_phase phase, uint64_t done, uint64_t total);
	void *ctx;
	/* results */
	/* to the slot's partitions */
	uint64_t bytes_written;
	/* were right already */
	uint64_t bytes_skipped;
	/* the slot that the images were made from, or STATE_NONE; by so many stored bytes, and how
	 * many chunks came whole all the same */
	int made_from;
	uint64_t delta_bytes;
	uint32_t came_whole;
	enum install_blame blame;
	/* KB_ESEED because a slot is not what its manifest cell says, or cannot be read: not
	 * because no slot has what is needed */
	bool seed_changed;
	/* after a failure: what is wrong, for a person */
	char why[MANIFEST_WHY];
};

/*
 * Installs onto in->target, which plan_accept() chose. docs/decisions/0020 says in which
 * order it writes. In the end the state says trial and is on disk. If every block is right and the
 * slot already has this release in a bootable state, nothing is written at all (KB_EAPPLIED).
 * Before anything is written: KB_ECOMPAT (classes differ, or an image is larger than its
 * partition), KB_ESEED (only what differs from an image that in->seed does not have, or from one
 * that has changed), KB_EDIGEST, KB_EFORMAT, KB_EIO. After: the same, and the slot stays `writing`:
 * it never boots, and the next install goes on where this one stopped.
 */
enum kb_err install_run(struct install *in) KB_MUST_CHECK;
