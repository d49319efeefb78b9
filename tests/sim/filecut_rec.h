/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records what the command does to the data partition's files and to the state partition: the
 * linker sends its system calls here (-Wl,--wrap=…, see the Makefile), they are carried out, noted,
 * and counted. A process can be made to die before one of them, or one of them to fail.
 */
#pragma once

#include "tests/sim/filecut_fault.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FILECUT_REC_OPS	 512
#define FILECUT_REC_DATA (1u << 20)
#define FILECUT_REC_NAME 48

/* A file is known by its inode. All but OPEN are points where the power may fail. */
enum filecut_rec_kind {
	FILECUT_REC_OPEN,   /* an existing file, for reading: what is in it may matter now */
	FILECUT_REC_CREATE, /* name in dir becomes ino, an empty file */
	FILECUT_REC_MKDIR,  /* name in dir becomes ino, an empty folder */
	FILECUT_REC_ALLOC,
	FILECUT_REC_WRITE,  /* len bytes at off of ino */
	FILECUT_REC_FSYNC,  /* of a file or a folder */
	FILECUT_REC_RENAME, /* name in dir becomes name2 in dir */
	FILECUT_REC_UNLINK, /* name in dir */
	FILECUT_REC_CELL,   /* len bytes at off of the state partition */
	FILECUT_REC_FLUSH,  /* of the state partition */
};

struct filecut_rec_op {
	enum filecut_rec_kind kind;
	int failed; /* errno, or 0: then it had its effect */
	uint64_t ino, dir;
	char name[FILECUT_REC_NAME], name2[FILECUT_REC_NAME];
	uint64_t off;
	size_t len, data; /* where in data[] what was written stands */
};

/* Shared between a process that is recorded and the one that started it. */
struct filecut_rec {
	unsigned nops;
	size_t used;
	unsigned turns[FILECUT_FAULT_OPS]; /* how many of them there were */
	const char *odd; /* something that the model does not know: a fixed text */
	struct filecut_rec_op op[FILECUT_REC_OPS];
	uint8_t data[FILECUT_REC_DATA];
};

/* Memory that a fork shares. Ends the process when there is none. */
struct filecut_rec *filecut_rec_new(void);

/* What fails behind the operation that does first. */
enum filecut_rec_ever {
	FILECUT_REC_ONCE,
	FILECUT_REC_KIND,   /* each of that kind */
	FILECUT_REC_MEDIUM, /* each of that medium: data partition, or state partition */
};

/* What is to happen; operations that are cut points count from 1, 0 is never. */
struct filecut_rec_plan {
	unsigned kill_at; /* the process dies before this one */
	unsigned fail_at; /* this one fails, with error ... */
	int error;
	enum filecut_rec_ever ever;
	bool lands;   /* it and all later writes of the state say that, but happen nevertheless */
	size_t room;  /* bytes that the folder "keelboot/stage" may hold; 0: enough */
	size_t block; /* a write to a file takes at most so many bytes; 0: all */
	struct filecut_fault fault;
};

/*
 * From now on this process records into r: what is below the folder `data`, and the file `state`.
 * A mount of the data partition, as keelboot-apply makes it, is that folder.
 */
void filecut_rec_begin(struct filecut_rec *r, const struct filecut_rec_plan *plan, const char *data,
		       const char *state);

const char *filecut_rec_name(enum filecut_rec_kind kind);
