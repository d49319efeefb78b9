/* SPDX-License-Identifier: Apache-2.0 */
/* An image file that goes into a bundle. Its holes are known without reading them. */
#pragma once

#include "lib/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bundle_source {
	int fd;
	const char *path;
	uint64_t file_size;
	/* the image's: padded with zeroes to a multiple of 4096 */
	uint64_t size;
	/* the next range that is no hole */
	uint64_t data_start, data_end;
	/* stands behind the padding; NULL: nothing does */
	uint8_t *tail;
	uint64_t tail_off, tail_len;
};

/*
 * Opens path, which is kept. Failures are reported: KB_ENOENT, KB_EPERM, KB_EIO; KB_EINVAL: empty,
 * or ext4 whose journal needs recovery.
 */
enum kb_err bundle_source_open(struct bundle_source *s, const char *path) KB_MUST_CHECK;

/* The same of what is open as fd, which s closes; path is for messages. */
enum kb_err bundle_source_take(struct bundle_source *s, int fd, const char *path) KB_MUST_CHECK;
void bundle_source_close(struct bundle_source *s);

/*
 * Reads len bytes at off, which only goes up; zeroes stand behind the file's end. *hole: all of it
 * is a hole; buf is untouched then. KB_EIO, which it has reported.
 */
enum kb_err bundle_source_read(struct bundle_source *s, uint64_t off, uint8_t *buf, size_t len,
			       bool *hole) KB_MUST_CHECK;

/* From now on the image is read from its beginning again. */
void bundle_source_rewind(struct bundle_source *s);

/* Puts bytes behind the image, which from now on is read from its beginning again. s frees them. */
void bundle_source_append(struct bundle_source *s, uint8_t *tail, uint64_t len);

/* The file system that libblkid finds in it; "" when it finds none, or more than one. */
void bundle_source_filesystem(const struct bundle_source *s, char *name, size_t size);

/* True if path is that same file. */
bool bundle_source_is(const struct bundle_source *s, const char *path);
