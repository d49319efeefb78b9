/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is kept of the data partition while a release is on trial: a snapshot of the paths that
 * [data] names, as they were before its first boot. It lies on that partition:
 *
 * - keelboot/kept: whole, and durable. A file `list`, and for its paths 0, 1, …: "0", what was
 *   there; or "0.absent", where nothing was.
 * - keelboot/kept.new: not yet whole.
 * - keelboot/kept.gone: dropped; what is left of it is deleted.
 * - keelboot/kept.volume: a snapshot of the volume is to be removed in the end (kept_volume.h).
 *
 * - keelboot/fill: a reset has deleted all, and what the slot brings is to be copied (anew.h). A
 *   snapshot of that time has a file `fill`, too: when it is put back, keelboot/fill.named asks for
 *   what the slot that boots then brings of its paths.
 *
 * To put a path back, what is there moves to kept/0.trial, and then kept/0 to its place. So a
 * kept/0 that is gone was put back: however often a cut ends that, the next call goes on.
 *
 * `top` is the open top folder of the data partition. No name in it is followed through a link.
 */
#pragma once

#include "initramfs/data/tree.h"
#include "lib/conf.h"
#include "selector/state.h"

#define KEPT_HOME	"keelboot"
#define KEPT_FILL	"fill"
#define KEPT_FILL_NAMED "fill.named"
#define KEPT_PATHS_MAX	CONF_PATHS_MAX

/* Of whom the snapshot is. */
struct kept_owner {
	char slot;
	uint8_t release[STATE_LEDGER_ID_LEN];
};

/* "btrfs", "reflink", "copy", "lvm": how it was made, of several paths the dearest. */
typedef char kept_method[16];

/*
 * Makes the snapshot; one that is there gives way. What failed is in job->why, and nothing is kept
 * then. KB_ENOSPC: no room, or above limit_mib; KB_EINVAL: the method cannot do it.
 */
enum kb_err kept_make(struct tree_job *job, int top, const struct conf *c,
		      const struct kept_owner *owner, kept_method how) KB_MUST_CHECK;

/* Whether a whole snapshot of this owner is there. KB_ENOENT: no. KB_ETIMEDOUT: something of it was
 * put back. */
enum kb_err kept_check(int top, const struct kept_owner *owner) KB_MUST_CHECK;

/* Whose snapshot is there. KB_ENOENT: none that is whole. */
enum kb_err kept_look(int top, struct kept_owner *owner) KB_MUST_CHECK;

/*
 * Puts all paths back, and drops the rest. fstype: of the partition, for a snapshot of its volume.
 * KB_ENOENT: there is no snapshot (any more). KB_ETIMEDOUT: all is put back, but not all is
 * deleted. Any other error: not all is put back, and another call goes on.
 */
enum kb_err kept_put_back(struct tree_job *job, int top, const char *fstype) KB_MUST_CHECK;

/* Forgets the snapshot at once, and deletes it. KB_OK also if there was none. KB_ETIMEDOUT: not all
 * of it; any other error too, but then job->why says what: another call goes on. */
enum kb_err kept_drop(struct tree_job *job, int top) KB_MUST_CHECK;
