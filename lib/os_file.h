/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel calls of the helper and the command for files on media: what os.h has is not enough
 * where others write to a file system too. Process 1 links none of them. Chosen at link time as
 * those of os.h: os_file.c in the product, tests/sim/host_files.c in the simulations, where each
 * call can be cut and can fail.
 *
 * A file or folder is a descriptor of the caller's; os_close() closes it. Names are those in an
 * open folder. They are at most OS_FILE_NAME_MAX long, and no symbolic link is followed: who writes
 * to that file system does not lead us out of it. Nothing is durable before an os_file_sync() that
 * returned KB_OK.
 *
 * Nothing here waits for another process, allocates or logs. The errors are those of err_errno(),
 * if not said otherwise; after a failure errno holds the kernel's own word for it.
 */
#pragma once

#include "lib/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OS_FILE_NAME_MAX 255

/* ---------------------------------------------------------------- folders */

/* Opens the folder at path; links of the path are followed. */
enum kb_err os_file_folder(const char *path, int *dir) KB_MUST_CHECK;
/* Opens the folder `name` of *dir, and closes *dir for it. KB_EINVAL: no folder, or a link. */
enum kb_err os_file_enter(int *dir, const char *name) KB_MUST_CHECK;
/* Makes a folder. KB_OK also when something of that name is there: os_file_enter() finds out what.
 */
enum kb_err os_file_mkdir(int dir, const char *name, unsigned mode) KB_MUST_CHECK;
/* The folder once more, with a place of its own in the list of its names. */
enum kb_err os_file_reopen(int dir, int *again) KB_MUST_CHECK;

struct os_file_names {
	/* Borrowed; the rest is zero in the beginning. */
	int dir;
	size_t pos, len;
	uint8_t entries[8192] __attribute__((aligned(8)));
};
/* The next name in the folder, except "." and "..". KB_ENOENT at the end; KB_EIO. */
enum kb_err os_file_next(struct os_file_names *n, char name[OS_FILE_NAME_MAX + 1]) KB_MUST_CHECK;

/* Gives a file of the folder another name there, in one step; what has that name is gone. */
enum kb_err os_file_rename(int dir, const char *from, const char *to) KB_MUST_CHECK;
/* Gives each of two files of the folder the other's name, in one step. KB_EINVAL: this file system
 * cannot. */
enum kb_err os_file_swap(int dir, const char *one, const char *other) KB_MUST_CHECK;
/* Removes a file or link. KB_ENOENT. */
enum kb_err os_file_unlink(int dir, const char *name) KB_MUST_CHECK;
/* Gives the file at path `from` the path `to`, as os_file_rename() does. For /run. */
enum kb_err os_file_replace(const char *from, const char *to) KB_MUST_CHECK;

/* What is at a path, whose links are followed. */
struct os_file_at {
	/* The number of the device that it lies on; and, of a block device, its own, else 0. */
	uint64_t lies_on, number;
	/* somebody but root may change it */
	bool others_write;
};
enum kb_err os_file_look(const char *path, struct os_file_at *at) KB_MUST_CHECK;

/* ---------------------------------------------------------------- opening files */

/* Opens a regular file for reading. KB_ENOENT; KB_EINVAL: a link, or no regular file. */
enum kb_err os_file_open(int dir, const char *name, int *fd) KB_MUST_CHECK;
/* The same at path, whose links are followed. */
enum kb_err os_file_open_path(const char *path, int *fd) KB_MUST_CHECK;
/* Opens a block device, or a file that stands for one, for reading. KB_ENODEV: it is missing, or
 * nothing is in the drive. */
enum kb_err os_file_device(const char *path, int *fd) KB_MUST_CHECK;
/* Opens a file that does not exist yet, for writing from its beginning. */
enum kb_err os_file_create(int dir, const char *name, int *fd) KB_MUST_CHECK;
/* Opens a regular file for writing over what it has, from its beginning. Errors as of
 * os_file_open(). */
enum kb_err os_file_change(int dir, const char *name, int *fd) KB_MUST_CHECK;
/* Opens a file that only its owner may open, for a lock on it. Makes it when it is missing. */
enum kb_err os_file_private(int dir, const char *name, int *fd) KB_MUST_CHECK;
/* The same open file under another descriptor. */
enum kb_err os_file_dup(int fd, int *other) KB_MUST_CHECK;
/* A file in memory that holds this. */
enum kb_err os_file_memory(const void *buf, size_t len, int *fd) KB_MUST_CHECK;

/* ---------------------------------------------------------------- open files */

enum os_file_kind { OS_FILE_CLOSED, OS_FILE_PIPE, OS_FILE_OTHER };
/* What whoever started this process left open at fd; a socket counts as a pipe. */
enum os_file_kind os_file_kind(int fd);
/* Bytes of a regular file or block device. KB_EINVAL: it is neither. */
enum kb_err os_file_size(int fd, uint64_t *bytes) KB_MUST_CHECK;
/* Whether fd is the file of that name. */
bool os_file_is(int fd, int dir, const char *name);
/* Reads len bytes at off. *got is less only where the file ends. */
enum kb_err os_file_read(int fd, uint64_t off, void *buf, size_t len, size_t *got) KB_MUST_CHECK;
/* Writes len bytes behind those that were written, or to a pipe. After an error some of them may be
 * there. */
enum kb_err os_file_write(int fd, const void *buf, size_t len) KB_MUST_CHECK;
/* Cuts off what is behind the first len bytes; what is written next follows them. */
enum kb_err os_file_cut(int fd, uint64_t len) KB_MUST_CHECK;
/* Reserves room for len bytes, and leaves the size. KB_OK also where the file system cannot. Fails
 * without wear when the file system is too small. */
enum kb_err os_file_reserve(int fd, uint64_t len) KB_MUST_CHECK;
/* Makes durable what was written, or the names in a folder. After an error what is durable is
 * unknown, and another call proves nothing. */
enum kb_err os_file_sync(int fd) KB_MUST_CHECK;
/* Advice: the next read is to ask the medium, not the page cache. */
void os_file_forget(int fd);
/* Advice: what was written goes to the medium now, so that a later sync waits for less. */
void os_file_hasten(int fd);
/* Advice: it is read from the beginning to the end. */
void os_file_sequential(int fd);
