/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thing that goes wrong: the n-th operation of one kind on one device, or the n-th call of one
 * process. Counted in memory that all processes of a run share, so that it does not matter which of
 * them comes to it. A device of any kind becomes one that fails by asking ioerr_fault_turn().
 */
#pragma once

#include "lib/err.h"
#include "tests/sim/wear_table.h"

#include <stdbool.h>
#include <stddef.h>

enum ioerr_fault_target {
	IOERR_FAULT_STATE,
	IOERR_FAULT_SLOT_A,
	IOERR_FAULT_SLOT_B,
	IOERR_FAULT_SLOT_B_RAW, /* the same, opened past the page cache */
	IOERR_FAULT_DATA,	/* files on the data partition */
	IOERR_FAULT_STICK,	/* the file that is read from a stick */
	IOERR_FAULT_RAW,	/* the raw stage partition */
	IOERR_FAULT_INIT,	/* the calls of these processes */
	IOERR_FAULT_APPLY,
	IOERR_FAULT_DECODER,
	IOERR_FAULT_COMMAND,
	IOERR_FAULT_GUARDIAN,
	IOERR_FAULT_TARGETS
};

enum ioerr_fault_op {
	IOERR_FAULT_READ,
	IOERR_FAULT_WRITE,
	IOERR_FAULT_FLUSH,
	IOERR_FAULT_DISCARD,
	IOERR_FAULT_CALL,  /* of the kernel */
	IOERR_FAULT_ALLOC, /* of memory, by OpenSSL: nothing else of ours allocates on a device */
	IOERR_FAULT_OPS
};

enum ioerr_fault_kind {
	IOERR_FAULT_NONE,
	IOERR_FAULT_FAILS,     /* once; nothing of it happens */
	IOERR_FAULT_LANDS,     /* says that it failed, and happened */
	IOERR_FAULT_SHORT,     /* half of it happens */
	IOERR_FAULT_EVER,      /* fails, and all after it on this device, or each such call */
	IOERR_FAULT_WRONG,     /* other bytes; a read is right the next time */
	IOERR_FAULT_ZEROES,    /* a read that gives nothing but zeroes, as a lazy card does */
	IOERR_FAULT_ONES,      /* or but 0xff, as erased flash does */
	IOERR_FAULT_LOST,      /* says that all went well, and nothing happened */
	IOERR_FAULT_DROPS,     /* a flush that failed, and what it was for is gone */
	IOERR_FAULT_DIES,      /* the process, before it */
	IOERR_FAULT_DIES_LATE, /* or after it */
	IOERR_FAULT_KINDS
};

struct ioerr_fault {
	enum ioerr_fault_target target;
	enum ioerr_fault_op op;
	unsigned n; /* from 1 */
	enum ioerr_fault_kind kind;
	int errnum; /* of a call */
	bool again; /* each such operation from then on */
};

/* Shared by all processes of a run. */
struct ioerr_fault_shared {
	struct ioerr_fault fault;
	bool mended; /* from now on nothing fails, and nothing is counted */
	unsigned count[IOERR_FAULT_TARGETS][IOERR_FAULT_OPS];
	unsigned written[2];	       /* times that something of a slot was changed */
	struct wear_table_counts wear; /* writes to the state partition in this boot */
	bool fired;
	char call[32]; /* that it fired at */
	int pid;       /* of the process that has to die now, for those who wonder */
};

/* All later calls are about this run. */
void ioerr_fault_use(struct ioerr_fault_shared *s);

/* One more operation; what is to go wrong with it. IOERR_FAULT_DIES does not come back. May be
 * called by threads. */
enum ioerr_fault_kind ioerr_fault_turn(enum ioerr_fault_target t, enum ioerr_fault_op op);

/* The same for a call by its name; the errno that it is to fail with, or 0. */
int ioerr_fault_call(enum ioerr_fault_target t, const char *call);

/* Something of a device is changed now, whatever the fault is. verb: "write", "zero", "discard". */
void ioerr_fault_written(enum ioerr_fault_target t, const char *verb, uint64_t off, uint64_t len);

/* Ends this process as a crash would. */
void ioerr_fault_die(void) __attribute__((noreturn));

/* It does not go away by itself. */
bool ioerr_fault_is_for_ever(const struct ioerr_fault *f);

/* "slot-b write 17 ever-lost -", "init call 3 fails EIO". */
void ioerr_fault_text(const struct ioerr_fault *f, char *out, size_t size);
/* The reverse; false: it is none. */
bool ioerr_fault_parse(struct ioerr_fault *f, const char *text);

extern const char *const ioerr_fault_targets[], *const ioerr_fault_ops[],
							*const ioerr_fault_kinds[];
