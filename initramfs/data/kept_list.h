/* SPDX-License-Identifier: Apache-2.0 */
/* The file `list` of a snapshot, and the walk to a path that it names. */
#pragma once

#include "initramfs/data/kept.h"
#include "initramfs/data/kept_lvm.h"

#define KEPT_LIST_NAME "list"

struct kept_list {
	struct kept_owner owner;
	unsigned n;
	/* "etc/network" */
	char path[KEPT_PATHS_MAX][CONF_PATH_MAX + 1];
	/* nothing was there */
	bool absent[KEPT_PATHS_MAX];
	/* they are in the snapshot `lvm` of the volume, and have not been copied out of it */
	bool inside;
	kept_lvm_name lvm;
};

/* Takes the paths of [data] paths=. KB_EINVAL: more than KEPT_PATHS_MAX, or one is too long. */
enum kb_err kept_list_paths(struct kept_list *l, const char *paths) KB_MUST_CHECK;

/* Writes it into an open folder, where none is. Not durable. */
enum kb_err kept_list_write(int dir, const struct kept_list *l) KB_MUST_CHECK;

/* The same in place of the one that is there, in one step. Durable. */
enum kb_err kept_list_replace(int dir, const struct kept_list *l) KB_MUST_CHECK;

/* KB_ENOENT: none, or one that is not whole. */
enum kb_err kept_list_read(int dir, struct kept_list *l) KB_MUST_CHECK;

/*
 * Opens the folder that the path's last name is in; name points at that. make: what is missing on
 * the way is made. KB_ENOENT: it is missing; KB_EINVAL: a link is on the way, or no folder.
 */
enum kb_err kept_list_walk(int top, const char *path, bool make, int *dir,
			   const char **name) KB_MUST_CHECK;
