/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records what the command does to the data partition's files and to the state partition. The ends
 * of the two seams note it here and count it: filecut_files.c, filecut_state.c. One operation, or
 * each from one on, can be made to go wrong.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FILECUT_REC_OPS	 512
#define FILECUT_REC_DATA (1u << 20)
#define FILECUT_REC_PATH 64

/* What is counted, each for itself. Bundles are those that are given, and those in the folder. */
enum filecut_turn {
	FILECUT_TURN_CHANGE, /* of a file, a name or the state: a point where the power may fail */
	FILECUT_TURN_READ,   /* of a bundle's content */
	FILECUT_TURN_WRITE,
	FILECUT_TURN_STATE_READ,
	FILECUT_TURN_STATE_WRITE,
	FILECUT_TURN_STATE_FLUSH,
	FILECUT_TURNS
};

enum filecut_fault_kind {
	FILECUT_FAULT_NONE,
	FILECUT_FAULT_KILLS,  /* the process dies before the change */
	FILECUT_FAULT_FAILS,  /* with the error */
	FILECUT_FAULT_LANDS,  /* each change of the state from then on says so, but happens */
	FILECUT_FAULT_SHORT,  /* half of it happens, and that is what the call says */
	FILECUT_FAULT_WRONG,  /* other bytes; a read is right the next time */
	FILECUT_FAULT_LOST,   /* a write that is acknowledged, and zeroes are there, or of the state
				 what was there before; or the end of the file, where there is none;
				 or a flush that is acknowledged, and is none */
	FILECUT_FAULT_ZEROES, /* a read that gives nothing else */
};

/* What goes wrong behind the turn that does first. */
enum filecut_fault_ever {
	FILECUT_FAULT_ONCE,
	FILECUT_FAULT_EVER,   /* each turn */
	FILECUT_FAULT_ALIKE,  /* each change of that kind */
	FILECUT_FAULT_MEDIUM, /* each change of that medium: data partition, or state partition */
};

struct filecut_fault {
	const char *name; /* as a way has it */
	enum filecut_fault_kind kind;
	enum filecut_turn turn;
	enum filecut_fault_ever ever;
	int error;
};

/* A path is one below the data partition. All but OPEN are changes. */
enum filecut_rec_kind {
	FILECUT_REC_OPEN,   /* an existing file, for reading: what is in it may matter now */
	FILECUT_REC_CREATE, /* an empty file */
	FILECUT_REC_MKDIR,  /* an empty folder */
	FILECUT_REC_ALLOC,
	FILECUT_REC_WRITE,  /* len bytes at off */
	FILECUT_REC_FSYNC,  /* of a file or a folder */
	FILECUT_REC_RENAME, /* path becomes `to` */
	FILECUT_REC_UNLINK,
	FILECUT_REC_CELL,  /* len bytes at off of the state partition */
	FILECUT_REC_FLUSH, /* of the state partition */
};

struct filecut_rec_op {
	enum filecut_rec_kind kind;
	int failed; /* errno, or 0: then it had its effect */
	char path[FILECUT_REC_PATH], to[FILECUT_REC_PATH];
	uint64_t off;
	size_t len, data; /* where in data[] what was written stands */
};

/* Shared between a process that is recorded and the one that started it. */
struct filecut_rec {
	unsigned nops;
	size_t used;
	unsigned turns[FILECUT_TURNS]; /* how many of them there were */
	const char *odd;	       /* something that the model does not know: a fixed text */
	struct filecut_rec_op op[FILECUT_REC_OPS];
	uint8_t data[FILECUT_REC_DATA];
};

/* What is to happen. */
struct filecut_rec_plan {
	struct filecut_fault fault;
	unsigned at;  /* it comes to pass at this turn, from 1 */
	size_t room;  /* bytes that the folder "keelboot/stage" may hold; 0: enough */
	size_t block; /* a write to a file takes at most so many bytes; 0: all */
};

/*
 * From now on this process records into r: what is below the folder `data`, and the file `state`.
 * A mount of the data partition, as keelboot-apply makes it, is that folder.
 */
void filecut_rec_begin(struct filecut_rec *r, const struct filecut_rec_plan *plan, const char *data,
		       const char *state);

const char *filecut_rec_name(enum filecut_rec_kind kind);

/* ---------------------------------------------------------------- for the ends of the seams */

/* filecut_files.c: files stand for those of the device from now on. */
void filecut_files_begin(const char *data, const struct filecut_rec_plan *plan);

/* What of a path is below the data partition's top: "" is that; NULL: it is elsewhere. */
const char *filecut_rec_below(const char *path);
bool filecut_rec_is_state(int fd);

/*
 * Begins an operation. NULL: it has to fail, errno says how. What is filled in afterwards counts
 * only once it is done, so a process that dies has not done what it had not.
 */
struct filecut_rec_op *filecut_rec_op(enum filecut_rec_kind kind, const char *path);
/* Notes what arrives of a write, and where. Returns that. */
const void *filecut_rec_keep(struct filecut_rec_op *op, enum filecut_fault_kind k, const void *buf,
			     size_t len, uint64_t off);
/* Ends an operation with an errno, 0: it had its effect. Returns what the caller is told. */
int filecut_rec_done(struct filecut_rec_op *op, int errnum);
/* What goes wrong with this one. */
enum filecut_fault_kind filecut_rec_turn(enum filecut_turn turn);
/* Makes what was read what arrives of it; of the state, a bit in each cell is wrong. */
void filecut_rec_damage(enum filecut_fault_kind k, void *buf, size_t len, bool state);
/* Something happens that the model does not know. */
void filecut_rec_odd(const char *what);
