/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/filecut_walk.h"

#include "lib/bytes.h"
#include "lib/util.h"
#include "tests/sim/filecut_world.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How a verb ran: in writing, and what that asks of its process. */
static const struct {
	const char *name;
	int error;
	enum filecut_rec_ever ever;
	bool lands;
} hows[] = {
	[FILECUT_WALK_PLAIN] = { .name = "" },
	[FILECUT_WALK_KILLED] = { .name = "+kill" },
	[FILECUT_WALK_EIO] = { "+eio", EIO, FILECUT_REC_ONCE, false },
	[FILECUT_WALK_ENOSPC] = { "+enospc", ENOSPC, FILECUT_REC_ONCE, false },
	[FILECUT_WALK_EVER_EIO] = { "+ever-eio", EIO, FILECUT_REC_KIND, false },
	[FILECUT_WALK_EVER_ENOSPC] = { "+ever-enospc", ENOSPC, FILECUT_REC_KIND, false },
	[FILECUT_WALK_READONLY] = { "+readonly", EROFS, FILECUT_REC_MEDIUM, false },
	[FILECUT_WALK_LANDS] = { "+lands", EIO, FILECUT_REC_ONCE, true },
	[FILECUT_WALK_LANDS_LATE] = { "+lands-late", ETIMEDOUT, FILECUT_REC_ONCE, true },
	[FILECUT_WALK_FAULT] = { .name = "+" },
};

struct filecut_rec_plan filecut_way_plan(const struct filecut_walk_step *step)
{
	bool killed = step->how == FILECUT_WALK_KILLED;

	return (struct filecut_rec_plan){
		.kill_at = killed ? step->at : 0,
		.fail_at = killed ? 0 : step->at,
		.error = hows[step->how].error,
		.ever = hows[step->how].ever,
		.lands = hows[step->how].lands,
		.fault = step->fault,
	};
}

/* ---------------------------------------------------------------- content that goes wrong */

#define BIT(KIND) (1u << FILECUT_FAULT_##KIND)
#define CONTENT	  (BIT(FAILS) | BIT(SHORT) | BIT(WRONG) | BIT(LOST))

static const char *const kinds[FILECUT_FAULT_KINDS] = { "none",	 "fails", "short",
							"wrong", "lost",  "zeroes" };

/* Masks of kinds. Writes and flushes of the state that fail with an error are filecut_rec's. */
static const struct {
	const char *name;
	unsigned kinds;
	bool once; /* and not from then on */
} ops[FILECUT_FAULT_OPS] = {
	[FILECUT_FAULT_READ] = { "read-", CONTENT & ~BIT(SHORT), false },
	[FILECUT_FAULT_WRITE] = { "write-", CONTENT, false },
	[FILECUT_FAULT_STATE_READ] = { "state-read-", BIT(FAILS) | BIT(WRONG) | BIT(ZEROES),
				       false },
	[FILECUT_FAULT_STATE_WRITE] = { "state-write-", BIT(SHORT) | BIT(WRONG) | BIT(LOST),
					false },
	[FILECUT_FAULT_STATE_FLUSH] = { "state-flush-", BIT(LOST), true },
};

bool filecut_way_next_fault(struct filecut_fault *f)
{
	do {
		if (++f->kind < FILECUT_FAULT_KINDS)
			continue;
		f->kind = FILECUT_FAULT_NONE;
		f->again = !f->again;
		if (!f->again && ++f->op == FILECUT_FAULT_OPS)
			return false;
	} while (!(ops[f->op].kinds >> f->kind & 1) || (f->again && ops[f->op].once));
	return true;
}

static void print_fault(const struct filecut_fault *f, char *out, size_t size)
{
	snprintf(out, size, "%s%s%s%u", ops[f->op].name, f->again ? "ever-" : "", kinds[f->kind],
		 f->at);
}

/* ---------------------------------------------------------------- steps */

void filecut_way_print(const struct filecut_walk_step *s, char *out, size_t size)
{
	char how[64] = "+";

	if (s->how == FILECUT_WALK_KILLED)
		snprintf(how, sizeof(how), "+kill%u+%s", s->at, filecut_run_name(s->then));
	else if (s->how == FILECUT_WALK_FAULT)
		print_fault(&s->fault, how + 1, sizeof(how) - 1);
	else if (s->how != FILECUT_WALK_PLAIN)
		snprintf(how, sizeof(how), "%s%u", hows[s->how].name, s->at);
	else
		how[0] = '\0';
	snprintf(out, size, "%s%s:%u:%" PRIu64, filecut_run_name(s->verb), how, s->cut, s->ordinal);
}

static bool take(const char **at, const char *word)
{
	size_t n = strlen(word);

	if (strncmp(*at, word, n) != 0)
		return false;
	*at += n;
	return true;
}

static bool parse_fault(const char **at, struct filecut_fault *f)
{
	char *end;

	*f = (struct filecut_fault){ .kind = FILECUT_FAULT_NONE };
	while (!take(at, ops[f->op].name))
		if (++f->op == FILECUT_FAULT_OPS)
			return false;
	f->again = take(at, "ever-");
	for (unsigned k = 1; k < FILECUT_FAULT_KINDS; k++)
		if (take(at, kinds[k]))
			f->kind = (enum filecut_fault_kind)k;
	f->at = (unsigned)strtoul(*at, &end, 10);
	*at = end;
	return f->kind != FILECUT_FAULT_NONE && f->at > 0;
}

/* Longer names first: "stage" begins "stage-other". */
static bool take_verb(const char **at, enum filecut_run_verb *v)
{
	static const enum filecut_run_verb order[] = {
		FILECUT_RUN_STAGE_OTHER, FILECUT_RUN_STAGE,  FILECUT_RUN_UNSTAGE,
		FILECUT_RUN_GOOD,	 FILECUT_RUN_STATUS, FILECUT_RUN_APPLY,
	};

	for (unsigned i = 0; i < KB_ARRAY_LEN(order); i++) {
		*v = order[i];
		if (take(at, filecut_run_name(order[i])))
			return true;
	}
	return false;
}

static uint64_t take_number(const char **at)
{
	char *end;
	uint64_t n = strtoull(*at, &end, 10);

	*at = end;
	return n;
}

bool filecut_way_parse(const char **way, struct filecut_walk_step *s)
{
	const char *begin = *way;
	bool ok;

	memset(s, 0, sizeof(*s));
	ok = take_verb(way, &s->verb);
	for (unsigned how = 1; ok && how <= FILECUT_WALK_FAULT; how++) {
		if (s->how != FILECUT_WALK_PLAIN || !take(way, hows[how].name))
			continue;
		s->how = how;
		if (s->how == FILECUT_WALK_FAULT)
			ok = parse_fault(way, &s->fault);
		else
			s->at = (unsigned)take_number(way);
		if (s->how == FILECUT_WALK_KILLED)
			ok = take(way, "+") && take_verb(way, &s->then);
	}
	ok = ok && take(way, ":");
	s->cut = (unsigned)take_number(way);
	ok = ok && take(way, ":");
	s->ordinal = take_number(way);
	if (ok && (**way == '\0' || take(way, "/")))
		return true;
	fprintf(stderr, "filecut: no step: %s\n", begin);
	return false;
}

void filecut_way_show_op(unsigned number, const struct filecut_rec_op *op)
{
	if (op->kind == FILECUT_REC_OPEN)
		return;
	printf("  %3u %-9s %s%s%s", number, filecut_rec_name(op->kind), op->name,
	       op->name2[0] != '\0' ? " -> " : "", op->name2);
	if (op->len > 0)
		printf("%zu bytes at %" PRIu64, op->len, op->off);
	printf("%s%s\n", op->failed != 0 ? ": " : "", op->failed != 0 ? strerror(op->failed) : "");
}

static const char *content(uint32_t blob)
{
	static char text[64];
	const uint8_t *p;
	size_t len;

	if (blob == filecut_world_release[false].bundle)
		return "the new bundle";
	if (blob == filecut_world_release[true].bundle)
		return "the other bundle";
	p = filecut_image_bytes(blob, &len);
	snprintf(text, sizeof(text), "%zu bytes, %s", len,
		 bytes_all(p, len, 0) ? "zero" : "neither bundle");
	return text;
}

void filecut_way_show_image(const struct filecut_image *im)
{
	const struct filecut_image_state *st = filecut_image_state(im);
	char hex[2 * 8 + 1] = "nothing";

	for (unsigned i = 0; i < im->nfiles; i++)
		printf("    %-48s %s\n", im->file[i].path,
		       im->file[i].dir ? "folder" : content(im->file[i].blob));
	if (st->staged.source != STATE_SRC_NONE)
		bytes_hex(hex, st->staged.release, 8);
	printf("    state: %s; staged %s, failed %u times; slot b %s\n",
	       st->found == STORE_FOUND ? "there" : "lost", hex, (unsigned)st->staged.fails,
	       state_st_name(st->st[1]));
}
