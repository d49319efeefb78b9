/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulated end of lib/os_file.h: files of this machine stand for those of the device. Each
 * call comes here, and this is the one place where a simulation notes it, cuts it, or lets it fail.
 * Behind it runs the real end, so what is cut is what ships.
 */
#pragma once

#include "lib/os_file.h"

#define HOST_FILES_PATH 4096

enum host_files_op {
	HOST_FILES_FOLDER,
	HOST_FILES_ENTER,
	HOST_FILES_MKDIR,
	HOST_FILES_REOPEN,
	HOST_FILES_NEXT,
	HOST_FILES_RENAME,
	HOST_FILES_UNLINK,
	HOST_FILES_REPLACE,
	HOST_FILES_LOOK,
	HOST_FILES_OPEN,
	HOST_FILES_OPEN_PATH,
	HOST_FILES_DEVICE,
	HOST_FILES_CREATE,
	HOST_FILES_PRIVATE,
	HOST_FILES_DUP,
	HOST_FILES_MEMORY,
	HOST_FILES_KIND,
	HOST_FILES_SIZE,
	HOST_FILES_IS,
	HOST_FILES_READ,
	HOST_FILES_WRITE,
	HOST_FILES_RESERVE,
	HOST_FILES_SYNC,
	HOST_FILES_OPS
};

struct host_files_call {
	enum host_files_op op;
	/* The open file or folder; -1: none. Behind a call that opens something, what it opened. */
	int fd;
	/* Of a call by name, where that lies on this machine; else "". */
	char path[HOST_FILES_PATH], to[HOST_FILES_PATH];
	/* Of READ and WRITE. before() may make len less: the rest is another call. It may have
	 * other bytes written. */
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

/* Where an open file or folder lies on this machine. */
void host_files_path(int fd, char path[HOST_FILES_PATH]);
