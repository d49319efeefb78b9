/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel calls of who copies, moves and deletes whole folders of the data partition, beside
 * those of os_file.h. Process 1 links none of them. Chosen at link time as those of os.h: os_tree.c
 * in the product, tests/sim/datacut_calls.c in the simulation of power cuts.
 *
 * A folder is a descriptor of the caller's, a name is one in it, and no symbolic link is followed.
 * Nothing is durable before an os_tree_sync() that returned KB_OK. The errors are those of
 * err_errno(), if not said otherwise; after a failure errno holds the kernel's own word for it.
 */
#pragma once

#include "lib/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>
#include <time.h>

enum os_tree_kind {
	OS_TREE_FILE,
	OS_TREE_FOLDER,
	OS_TREE_SUBVOLUME, /* a folder with which a subvolume of Btrfs begins */
	OS_TREE_LINK,
	OS_TREE_NODE, /* a device, pipe or socket */
};

struct os_tree_stat {
	enum os_tree_kind kind;
	uint32_t mode, uid, gid, links;
	/* of a device */
	uint64_t number;
	/* the file system, or subvolume, that it lies on, and its number there */
	uint64_t dev, inode;
	/* bytes; those that the file system stores */
	uint64_t size, stored;
	struct timespec accessed, modified;
};

/* What has this name. KB_ENOENT. */
enum kb_err os_tree_look(int dir, const char *name, struct os_tree_stat *st) KB_MUST_CHECK;
/* Opens a folder. KB_EINVAL: no folder, or a link. */
enum kb_err os_tree_open(int dir, const char *name, int *fd) KB_MUST_CHECK;
/* Makes a folder that only its owner may open. KB_EBUSY: something has that name. */
enum kb_err os_tree_make(int dir, const char *name) KB_MUST_CHECK;
/* Gives what is `from` in one folder the name `to` in another, in one step. KB_EBUSY: something has
 * that name already; errno EXDEV: the other folder lies in another subvolume. */
enum kb_err os_tree_move(int from_dir, const char *from, int to_dir, const char *to) KB_MUST_CHECK;
/* Gives a file one name more. errno EMLINK: it has as many as it can. */
enum kb_err os_tree_link(int from_dir, const char *from, int to_dir, const char *to) KB_MUST_CHECK;
/* Removes a name that is no folder's, also of a file that is protected from it (chattr +i). */
enum kb_err os_tree_unlink(int dir, const char *name) KB_MUST_CHECK;
/* Removes an empty folder. errno ENOTEMPTY. */
enum kb_err os_tree_rmdir(int dir, const char *name) KB_MUST_CHECK;

/* Makes a symbolic link that points where the other one does. */
enum kb_err os_tree_copy_link(int from_dir, const char *from, int to_dir,
			      const char *to) KB_MUST_CHECK;
/* Makes a device, pipe or socket as st has it. */
enum kb_err os_tree_make_node(int dir, const char *name,
			      const struct os_tree_stat *st) KB_MUST_CHECK;
/* Gives `to` the owner, extended attributes (ACLs, capabilities, labels), mode and times that
 * `from` has, of which st is. *what: which of them failed. */
enum kb_err os_tree_copy_meta(int from_dir, const char *from, int to_dir, const char *to,
			      const struct os_tree_stat *st, const char **what) KB_MUST_CHECK;

/* Makes the file share the blocks of another one until either is written to (FICLONE). KB_EINVAL:
 * this file system cannot. */
enum kb_err os_tree_clone(int from, int to) KB_MUST_CHECK;
/* The next part of a file at or behind off that holds anything but a hole. KB_ENOENT: none. */
enum kb_err os_tree_extent(int fd, uint64_t off, uint64_t *start, uint64_t *end) KB_MUST_CHECK;
/* Writes all of it at off. */
enum kb_err os_tree_write(int fd, uint64_t off, const void *buf, size_t len) KB_MUST_CHECK;
/* Gives an open file that size; what is added is a hole. */
enum kb_err os_tree_resize(int fd, uint64_t size) KB_MUST_CHECK;

/* Whether the file system lies on the block device of this number. False also where that cannot be
 * known. */
bool os_tree_is_on(int dir, uint64_t number);
/* Makes a writable snapshot of the subvolume that is open as `from`. */
enum kb_err os_tree_snapshot(int from, int dir, const char *name) KB_MUST_CHECK;
/* Whether another subvolume begins inside: a snapshot would leave it out. Also where that cannot be
 * known. */
bool os_tree_has_subvolumes(int subvolume);
/* Deletes a subvolume. errno ENOTEMPTY: another one begins inside. */
enum kb_err os_tree_delete_subvolume(int dir, const char *name) KB_MUST_CHECK;

/* Bytes that may still be written to the file system. */
enum kb_err os_tree_room(int dir, uint64_t *bytes) KB_MUST_CHECK;
/* Makes durable all that was written to the file system that this is on, names included. */
enum kb_err os_tree_sync(int dir) KB_MUST_CHECK;
