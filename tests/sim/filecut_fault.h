/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes wrong with the n-th read or write of a bundle's content, of the file that is given and
 * of the one in the stage folder; and of the state partition. What changes names, and what fails
 * with an error, is in filecut_rec.h.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

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

/* Everything that can go wrong once or from then on, in a fixed order: the next one, with `at` left
 * as it is. False behind the last. Begins with .kind NONE. */
bool filecut_fault_next(struct filecut_fault *f);

/* "read-ever-wrong7"; and the reverse, which goes behind it. False: it is none. */
void filecut_fault_print(const struct filecut_fault *f, char *out, size_t size);
bool filecut_fault_parse(const char **at, struct filecut_fault *f);
