/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/filecut_rec.h"

#include "selector/store.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CELL_BYTE 100u /* of a cell that comes or goes wrong */

static struct filecut_rec *rec; /* NULL: nothing is recorded */
static struct filecut_rec_plan plan;
static const char *data_dir;
static struct stat state_file;
static unsigned points;
static enum filecut_rec_kind failing; /* the first that did */

void filecut_rec_begin(struct filecut_rec *r, const struct filecut_rec_plan *p, const char *data,
		       const char *state)
{
	r->nops = 0;
	r->used = 0;
	memset(r->turns, 0, sizeof(r->turns));
	r->odd = NULL;
	plan = *p;
	points = 0;
	data_dir = data;
	if (stat(state, &state_file) < 0)
		r->odd = "no state partition";
	rec = r;
}

const char *filecut_rec_name(enum filecut_rec_kind kind)
{
	static const char *const name[] = { "open",  "create", "mkdir",	 "fallocate", "write",
					    "fsync", "rename", "unlink", "state",     "flush" };

	return name[kind];
}

/* ---------------------------------------------------------------- what is whose */

bool filecut_rec_is_on(void)
{
	return rec != NULL;
}

const struct filecut_rec_plan *filecut_rec_plan(void)
{
	return &plan;
}

void filecut_rec_odd(const char *what)
{
	rec->odd = what;
}

bool filecut_rec_is_data(const char *path)
{
	size_t n = rec != NULL ? strlen(data_dir) : 0;

	return rec != NULL && strncmp(path, data_dir, n) == 0 &&
	       (path[n] == '/' || path[n] == '\0');
}

bool filecut_rec_is_state(int fd)
{
	struct stat st;

	return rec != NULL && fstat(fd, &st) == 0 && st.st_ino == state_file.st_ino &&
	       st.st_dev == state_file.st_dev;
}

/* ---------------------------------------------------------------- the record */

static bool is_state(enum filecut_rec_kind kind)
{
	return kind == FILECUT_REC_CELL || kind == FILECUT_REC_FLUSH;
}

/* Whether this operation, the newest point, is to fail before it has any effect. */
static bool fails(enum filecut_rec_kind kind)
{
	if (plan.lands || plan.fail_at == 0 || points < plan.fail_at)
		return false;
	if (points == plan.fail_at)
		failing = kind;
	if (points == plan.fail_at || plan.ever == FILECUT_REC_ONCE)
		return points == plan.fail_at;
	return plan.ever == FILECUT_REC_KIND ? kind == failing
					     : is_state(kind) == is_state(failing);
}

struct filecut_rec_op *filecut_rec_op(enum filecut_rec_kind kind)
{
	struct filecut_rec_op *op = &rec->op[rec->nops];

	if (rec->nops + 1 == FILECUT_REC_OPS) {
		rec->odd = "too many operations";
		_exit(99);
	}
	*op = (struct filecut_rec_op){ .kind = kind };
	if (kind == FILECUT_REC_OPEN)
		return op;
	points++;
	if (points == plan.kill_at)
		_exit(137);
	if (!fails(kind))
		return op;
	op->failed = plan.error;
	rec->nops++;
	errno = plan.error;
	return NULL;
}

int filecut_rec_done(struct filecut_rec_op *op, int errnum)
{
	op->failed = errnum;
	rec->nops++;
	if (!is_state(op->kind) || !plan.lands || points < plan.fail_at)
		return errnum;
	return plan.error;
}

void filecut_rec_lost(struct filecut_rec_op *op)
{
	op->failed = EIO;
	rec->nops++;
}

void filecut_rec_keep(struct filecut_rec_op *op, const void *buf, size_t len, uint64_t off)
{
	if (rec->used + len > FILECUT_REC_DATA) {
		rec->odd = "too much is written";
		_exit(99);
	}
	memcpy(rec->data + rec->used, buf, len);
	op->off = off;
	op->len = len;
	op->data = rec->used;
	rec->used += len;
}

/* ---------------------------------------------------------------- content that goes wrong */

enum filecut_fault_kind filecut_rec_turn(enum filecut_fault_op op)
{
	const struct filecut_fault *f = &plan.fault;
	unsigned n = ++rec->turns[op];

	if (f->kind == FILECUT_FAULT_NONE || f->op != op)
		return FILECUT_FAULT_NONE;
	return n == f->at || (f->again && n > f->at) ? f->kind : FILECUT_FAULT_NONE;
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
	if (k == FILECUT_FAULT_ZEROES)
		memset(buf, 0, len);
}

const void *filecut_rec_damaged(enum filecut_fault_kind k, const void *buf, size_t len, bool state)
{
	static uint8_t other[FILECUT_REC_DATA];

	if (k != FILECUT_FAULT_WRONG && k != FILECUT_FAULT_LOST)
		return buf;
	memset(other, 0, len);
	if (k == FILECUT_FAULT_WRONG) {
		memcpy(other, buf, len);
		flip(other, len, state);
	}
	return other;
}
