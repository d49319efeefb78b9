/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/filecut_rec.h"

#include "selector/store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CELL_BYTE 100u /* of a cell that comes or goes wrong */

static struct filecut_rec *rec; /* NULL: nothing is recorded */
static struct filecut_rec_plan plan;
static const char *data_dir;
static struct stat state_file;
static enum filecut_rec_kind failing; /* the first that did */

void filecut_rec_begin(struct filecut_rec *r, const struct filecut_rec_plan *p, const char *data,
		       const char *state)
{
	r->nops = 0;
	r->used = 0;
	memset(r->turns, 0, sizeof(r->turns));
	r->odd = stat(state, &state_file) == 0 ? NULL : "no state partition";
	plan = *p;
	data_dir = data;
	rec = r;
	filecut_files_begin(data, &plan);
}

const char *filecut_rec_name(enum filecut_rec_kind kind)
{
	static const char *const name[] = { "open",  "create", "mkdir",	 "fallocate", "write",
					    "fsync", "rename", "unlink", "state",     "flush" };

	return name[kind];
}

/* ---------------------------------------------------------------- what is whose */

void filecut_rec_odd(const char *what)
{
	rec->odd = what;
}

const char *filecut_rec_below(const char *path)
{
	size_t n = strlen(data_dir);

	if (strncmp(path, data_dir, n) != 0 || (path[n] != '/' && path[n] != '\0'))
		return NULL;
	return path + n + (path[n] == '/');
}

bool filecut_rec_is_state(int fd)
{
	struct stat st;

	return rec != NULL && fstat(fd, &st) == 0 && st.st_ino == state_file.st_ino &&
	       st.st_dev == state_file.st_dev;
}

static bool is_state(enum filecut_rec_kind kind)
{
	return kind == FILECUT_REC_CELL || kind == FILECUT_REC_FLUSH;
}

/* ---------------------------------------------------------------- what goes wrong */

enum filecut_fault_kind filecut_rec_turn(enum filecut_turn turn)
{
	const struct filecut_fault *f = &plan.fault;
	unsigned n = ++rec->turns[turn];

	if (f->kind == FILECUT_FAULT_NONE || f->turn != turn)
		return FILECUT_FAULT_NONE;
	return n == plan.at || (f->ever != FILECUT_FAULT_ONCE && n > plan.at) ? f->kind
									      : FILECUT_FAULT_NONE;
}

/* A change takes its turn. Whether it is to fail before it has any effect. */
static bool fails(enum filecut_rec_kind kind)
{
	enum filecut_fault_kind k = filecut_rec_turn(FILECUT_TURN_CHANGE);

	if (k == FILECUT_FAULT_KILLS)
		_exit(137);
	if (k != FILECUT_FAULT_FAILS)
		return false;
	if (rec->turns[FILECUT_TURN_CHANGE] == plan.at)
		failing = kind;
	return plan.fault.ever == FILECUT_FAULT_MEDIUM ? is_state(kind) == is_state(failing)
						       : kind == failing;
}

/* A bit in the middle; or of the state one in each cell, where its text is. */
static void flip(uint8_t *p, size_t len, bool state)
{
	for (size_t at = 0; state && at + CELL_BYTE < len; at += STORE_CELL)
		p[at + CELL_BYTE] ^= 0x10;
	if (!state && len > 0)
		p[len / 2] ^= 0x10;
}

void filecut_rec_damage(enum filecut_fault_kind k, void *buf, size_t len, bool state)
{
	if (k == FILECUT_FAULT_WRONG)
		flip(buf, len, state);
	if (k == FILECUT_FAULT_ZEROES || k == FILECUT_FAULT_LOST)
		memset(buf, 0, len);
}

/* ---------------------------------------------------------------- the record */

struct filecut_rec_op *filecut_rec_op(enum filecut_rec_kind kind, const char *path)
{
	struct filecut_rec_op *op = &rec->op[rec->nops];

	if (rec->nops + 1 == FILECUT_REC_OPS) {
		rec->odd = "too many operations";
		_exit(99);
	}
	*op = (struct filecut_rec_op){ .kind = kind };
	snprintf(op->path, sizeof(op->path), "%s", path);
	if (kind == FILECUT_REC_OPEN || !fails(kind))
		return op;
	op->failed = plan.fault.error;
	rec->nops++;
	errno = plan.fault.error;
	return NULL;
}

int filecut_rec_done(struct filecut_rec_op *op, int errnum)
{
	bool lands = plan.fault.kind == FILECUT_FAULT_LANDS && is_state(op->kind) &&
		     rec->turns[FILECUT_TURN_CHANGE] >= plan.at;

	op->failed = errnum;
	rec->nops++;
	return lands ? plan.fault.error : errnum;
}

const void *filecut_rec_keep(struct filecut_rec_op *op, enum filecut_fault_kind k, const void *buf,
			     size_t len, uint64_t off)
{
	uint8_t *to = rec->data + rec->used;

	if (rec->used + len > FILECUT_REC_DATA) {
		rec->odd = "too much is written";
		_exit(99);
	}
	memcpy(to, buf, len);
	filecut_rec_damage(k, to, len, is_state(op->kind));
	op->off = off;
	op->len = len;
	op->data = rec->used;
	rec->used += len;
	return to;
}
