/* SPDX-License-Identifier: Apache-2.0 */
/* A file that appears whole or not at all. Failures are reported. */
#pragma once

#include "lib/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define BUNDLE_OUTPUT_PATH 1024

struct bundle_output {
	int fd;
	/* path with ".tmp" */
	char path[BUNDLE_OUTPUT_PATH], tmp[BUNDLE_OUTPUT_PATH + 8];
	/* path was there before */
	bool replaces;
};

/* From now on a signal that ends this process removes what is not whole first, and SIGBUS, by a
 * mapped file that becomes shorter, is said. bundle_output_begin() does it, too. */
void bundle_output_heed_signals(void);

/* Creates path.tmp, in place of what has this name. KB_EINVAL: path is there, and is no regular
 * file, or one that no output replaces (inputs_check_output()); KB_EPERM, KB_ENOENT … */
enum kb_err bundle_output_begin(struct bundle_output *o, const char *path) KB_MUST_CHECK;

/* Where a file is that is replaced: path itself, or what that link names. Until the next. */
const char *bundle_output_target(const char *path);

/* At the end of what is there; at a place. KB_ENOSPC, KB_EIO. */
enum kb_err bundle_output_write(struct bundle_output *o, const void *buf, size_t len) KB_MUST_CHECK;
enum kb_err bundle_output_write_at(struct bundle_output *o, uint64_t off, const void *buf,
				   size_t len) KB_MUST_CHECK;

/* Appends len bytes of fd from off, inside the kernel where it can. */
enum kb_err bundle_output_copy(struct bundle_output *o, int fd, uint64_t off,
			       uint64_t len) KB_MUST_CHECK;

/* Makes it durable and gives it its name. KB_EIO: also when path.tmp is another file by now. */
enum kb_err bundle_output_commit(struct bundle_output *o) KB_MUST_CHECK;

/* Removes what was written; without effect after a commit. */
void bundle_output_abort(struct bundle_output *o);

/* All of these at once: the file has these bytes, durably, or is as it was. */
enum kb_err bundle_output_whole(const char *path, const void *buf, size_t len) KB_MUST_CHECK;

/* A nameless file in the folder of path, for what is written before its place is known. */
enum kb_err bundle_output_spool(const char *path, int *fd) KB_MUST_CHECK;

/* Ends such a file at `end`, where the next byte is appended. KB_EIO. */
enum kb_err bundle_output_cut(int fd, off_t end) KB_MUST_CHECK;

/* Appends len bytes to such a file, or another that is open. KB_ENOSPC, KB_EIO. */
enum kb_err bundle_output_append(int fd, const void *buf, size_t len) KB_MUST_CHECK;
