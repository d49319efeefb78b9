/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/ioerr.h"

#include <sys/syscall.h>

#define ERRNOS 134 /* that Linux has, with 0 */

static struct ioerr_fault_shared *now;
static void (*on_written)(int slot);

const char *const ioerr_fault_targets[] = {
	"state",  "slot-a",  "slot-b", "slot-b-raw", "data",	"stick",  "raw",     "boot-a",
	"boot-b", "grubenv", "init",   "apply",	     "decoder", "loader", "command", "guardian",
};
const char *const ioerr_fault_ops[] = { "read", "write", "flush", "discard", "call", "alloc" };
const char *const ioerr_fault_kinds[] = {
	"none",	  "fails", "lands", "short", "ever", "wrong",
	"zeroes", "ones",  "lost",  "drops", "dies", "dies-late",
};
void ioerr_fault_use(struct ioerr_fault_shared *s)
{
	now = s;
}

void ioerr_fault_die(void)
{
	now->pid = (int)getpid();
	syscall(SYS_kill, getpid(), SIGKILL);
	for (;;)
		pause();
}

/* Two ways to open one device. */
static enum ioerr_fault_target device(enum ioerr_fault_target t)
{
	return t == IOERR_FAULT_SLOT_B_RAW ? IOERR_FAULT_SLOT_B : t;
}

bool ioerr_fault_is_for_ever(const struct ioerr_fault *f)
{
	return f->kind == IOERR_FAULT_EVER || f->again;
}

static bool is_hit_later(enum ioerr_fault_target t, enum ioerr_fault_op op, const char *call)
{
	const struct ioerr_fault *f = &now->fault;

	if (!ioerr_fault_is_for_ever(f))
		return false;
	if (call != NULL)
		return f->target == t && f->op == op && strcmp(call, now->call) == 0;
	return op < IOERR_FAULT_CALL && device(f->target) == device(t) &&
	       (!f->again || f->op == op);
}

/* True when this operation is the one, or comes after it and it is forever. Several threads and
 * processes may ask; each operation has a number to itself. */
static bool is_hit(enum ioerr_fault_target t, enum ioerr_fault_op op, const char *call)
{
	const struct ioerr_fault *f = &now->fault;
	unsigned n = __atomic_add_fetch(&now->count[t][op], 1, __ATOMIC_SEQ_CST);

	if (f->kind == IOERR_FAULT_NONE)
		return false;
	if (f->target != t || f->op != op || f->n != n)
		return __atomic_load_n(&now->fired, __ATOMIC_SEQ_CST) && is_hit_later(t, op, call);
	if (call != NULL)
		snprintf(now->call, sizeof(now->call), "%s", call);
	now->by = ioerr_world_process;
	__atomic_store_n(&now->fired, true, __ATOMIC_SEQ_CST);
	return true;
}

static bool hit(enum ioerr_fault_target t, enum ioerr_fault_op op, const char *call)
{
	if (now == NULL || now->mended || !is_hit(t, op, call))
		return false;
	if (now->fault.kind == IOERR_FAULT_DIES)
		ioerr_fault_die();
	return true;
}

enum ioerr_fault_kind ioerr_fault_turn(enum ioerr_fault_target t, enum ioerr_fault_op op)
{
	return hit(t, op, NULL) ? now->fault.kind : IOERR_FAULT_NONE;
}

int ioerr_fault_call(enum ioerr_fault_target t, const char *call)
{
	return hit(t, IOERR_FAULT_CALL, call) ? now->fault.errnum : 0;
}

static int slot_of_target(enum ioerr_fault_target t)
{
	if (t == IOERR_FAULT_SLOT_A || t == IOERR_FAULT_BOOT_A)
		return 0;
	return device(t) == IOERR_FAULT_SLOT_B || t == IOERR_FAULT_BOOT_B ? 1 : STATE_NONE;
}

void ioerr_fault_on_written(void (*fn)(int slot))
{
	on_written = fn;
}

void ioerr_fault_written(enum ioerr_fault_target t, const char *verb, uint64_t off, uint64_t len)
{
	int slot = slot_of_target(t);

	if (now != NULL && slot != STATE_NONE) {
		now->written[slot]++;
		if (on_written != NULL)
			on_written(slot);
	}
	if (now != NULL && t == IOERR_FAULT_STATE)
		wear_table_count(&now->wear, verb, off, len);
}

void ioerr_fault_text(const struct ioerr_fault *f, char *out, size_t size)
{
	snprintf(out, size, "%s %s %u %s%s %s", ioerr_fault_targets[f->target],
		 ioerr_fault_ops[f->op], f->n, f->again ? "ever-" : "", ioerr_fault_kinds[f->kind],
		 f->errnum != 0 ? strerrorname_np(f->errnum) : "-");
}

static int index_of(const char *word, const char *const *names, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (strcmp(word, names[i]) == 0)
			return (int)i;
	}
	return -1;
}

bool ioerr_fault_parse(struct ioerr_fault *f, const char *text)
{
	char target[16], op[16], kind[24], error[16];
	int t, o, k;

	if (sscanf(text, "%15s %15s %u %23s %15s", target, op, &f->n, kind, error) != 5)
		return false;
	t = index_of(target, ioerr_fault_targets, IOERR_FAULT_TARGETS);
	o = index_of(op, ioerr_fault_ops, IOERR_FAULT_OPS);
	f->again = strncmp(kind, "ever-", 5) == 0;
	k = index_of(kind + (f->again ? 5 : 0), ioerr_fault_kinds, IOERR_FAULT_KINDS);
	if (t < 0 || o < 0 || k < 0)
		return false;
	f->target = (enum ioerr_fault_target)t;
	f->op = (enum ioerr_fault_op)o;
	f->kind = (enum ioerr_fault_kind)k;
	f->errnum = 0;
	for (int num = 1; num < ERRNOS; num++)
		if (strerrorname_np(num) != NULL && strcmp(error, strerrorname_np(num)) == 0)
			f->errnum = num;
	return true;
}
