/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulated end of lib/os_file.h: files of this machine stand for those of the device. Each
 * call comes here, and this is the one place where a simulation notes it, cuts it, or lets it fail.
 * Behind it runs the real end, so what is cut is what ships.
 */
#pragma once

#include "lib/os_file.h"

#define HOST_FILES_PATH 4096

/* The calls of lib/os_file.h. */
#define HOST_FILES_CALLS(X)     \
	X(FOLDER, folder)       \
	X(ENTER, enter)         \
	X(MKDIR, mkdir)         \
	X(REOPEN, reopen)       \
	X(NEXT, next)           \
	X(RENAME, rename)       \
	X(SWAP, swap)           \
	X(UNLINK, unlink)       \
	X(REPLACE, replace)     \
	X(LOOK, look)           \
	X(OPEN, open)           \
	X(OPEN_PATH, open_path) \
	X(DEVICE, device)       \
	X(CREATE, create)       \
	X(CHANGE, change)       \
	X(PRIVATE, private)     \
	X(DUP, dup)             \
	X(MEMORY, memory)       \
	X(KIND, kind)           \
	X(SIZE, size)           \
	X(IS, is)               \
	X(READ, read)           \
	X(WRITE, write)         \
	X(CUT, cut)             \
	X(RESERVE, reserve)     \
	X(SYNC, sync)

#define HOST_FILES_OP(op, call) HOST_FILES_##op,
enum host_files_op { HOST_FILES_CALLS(HOST_FILES_OP) HOST_FILES_OPS };

struct host_files_call {
	enum host_files_op op;
	/* The open file or folder; -1: none. Behind a call that opens something, what it opened. */
	int fd;
	/* Of a call by name, where that lies on this machine; else "". */
	char path[HOST_FILES_PATH], to[HOST_FILES_PATH];
	/* Of READ and WRITE; of CUT and RESERVE, len. before() may make len less: the rest is
	 * another call. It may have other bytes written. */
	uint64_t off;
	size_t len, got;
	void *into;
	const void *from;
	/* before() says that nothing is to happen, and that the call is told that it did. A read
	 * that is left out is the end of the file. */
	bool left_out;
};

/* Each may be NULL. */
struct host_files {
	/* Where on this machine what the device has at path lies. */
	const char *(*place)(const char *path);
	/* The errno that the call fails with, before anything of it happens; 0. */
	int (*before)(struct host_files_call *c);
	/* errnum: what became of it. Returns what the call is told. */
	int (*after)(struct host_files_call *c, int errnum);
};

/* From now on; NULL: nothing stands for anything, and nothing fails. Borrowed. */
void host_files_use(const struct host_files *h);

/* As in lib/os_file.h, without "os_": "file_sync". */
const char *host_files_name(enum host_files_op op);

/* A path by which it can be opened once more, until the next; -1: none. */
const char *host_files_of(int fd);
/* Where an open file or folder lies on this machine. */
void host_files_path(int fd, char path[HOST_FILES_PATH]);
