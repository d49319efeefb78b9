/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records what the command does to the data partition's files and to the state partition. The ends
 * of the two seams note it here and count it: filecut_files.c, filecut_state.c. A process can be
 * made to die before one operation, or one of them to fail.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FILECUT_REC_OPS	 512
#define FILECUT_REC_DATA (1u << 20)
#define FILECUT_REC_NAME 48

/*
 * What goes wrong with the n-th read or write of a bundle's content, of the file that is given and
 * of the one in the stage folder; and of the state partition. What changes names, and what fails
 * with an error, is in struct filecut_rec_plan.
 */
enum filecut_fault_op {
	FILECUT_FAULT_READ, /* of a bundle's content */
	FILECUT_FAULT_WRITE,
	FILECUT_FAULT_STATE_READ,
	FILECUT_FAULT_STATE_WRITE,
	FILECUT_FAULT_STATE_FLUSH,
	FILECUT_FAULT_OPS
};

enum filecut_fault_kind {
	FILECUT_FAULT_NONE,
	FILECUT_FAULT_FAILS,  /* EIO */
	FILECUT_FAULT_SHORT,  /* half of it happens, and that is what the call says */
	FILECUT_FAULT_WRONG,  /* other bytes; a read is right the next time */
	FILECUT_FAULT_LOST,   /* a write that is acknowledged, and zeroes are there, or of the state
				 what was there before; or the end of the file, where there is none;
				 or a flush that is acknowledged, and is none */
	FILECUT_FAULT_ZEROES, /* a read that gives nothing else */
	FILECUT_FAULT_KINDS
};

struct filecut_fault {
	enum filecut_fault_kind kind;
	enum filecut_fault_op op;
	bool again;  /* each such one from then on */
	unsigned at; /* from 1 */
};

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

/* ---------------------------------------------------------------- for the ends of the seams */

/* filecut_files.c: files stand for those of the device from now on. A mount of the data partition,
 * as keelboot-apply makes it, is the folder `data`. */
void filecut_files_begin(const char *data);

/* False: this process is not recorded. */
bool filecut_rec_is_on(void);
const struct filecut_rec_plan *filecut_rec_plan(void);
/* Whether a path is the data partition's, or below it. */
bool filecut_rec_is_data(const char *path);
bool filecut_rec_is_state(int fd);

/*
 * Begins an operation. NULL: it has to fail, errno says how. What is filled in afterwards counts
 * only once it is done, so a process that dies has not done what it had not.
 */
struct filecut_rec_op *filecut_rec_op(enum filecut_rec_kind kind);
/* Notes what is written, and where. */
void filecut_rec_keep(struct filecut_rec_op *op, const void *buf, size_t len, uint64_t off);
/* Ends an operation with an errno, 0: it had its effect. Returns what the caller is told. */
int filecut_rec_done(struct filecut_rec_op *op, int errnum);
/* Ends one that is acknowledged, and has no effect. */
void filecut_rec_lost(struct filecut_rec_op *op);
/* What goes wrong with the content of this one. */
enum filecut_fault_kind filecut_rec_turn(enum filecut_fault_op op);
/* What arrives of a write in its place; of the state, a bit in each cell is wrong. */
const void *filecut_rec_damaged(enum filecut_fault_kind k, const void *buf, size_t len, bool state);
/* The same in place, of what was read. */
void filecut_rec_damage(enum filecut_fault_kind k, void *buf, size_t len, bool state);
/* Something happens that the model does not know. */
void filecut_rec_odd(const char *what);
