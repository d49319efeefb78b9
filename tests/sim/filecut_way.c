/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/filecut_way.h"

#include "lib/bytes.h"
#include "tests/sim/filecut_world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const how_name[] = { "",	     "+kill",	  "+eio",
					"+enospc",   "+ever-eio", "+ever-enospc",
					"+readonly", "+lands",	  "+lands-late",
					"+" };

void filecut_way_print(const struct filecut_walk_step *s, char *out, size_t size)
{
	char how[64] = "+";

	if (s->how == FILECUT_WALK_KILLED)
		snprintf(how, sizeof(how), "+kill%u+%s", s->at, filecut_run_name(s->then));
	else if (s->how == FILECUT_WALK_FAULT)
		filecut_fault_print(&s->fault, how + 1, sizeof(how) - 1);
	else if (s->how != FILECUT_WALK_PLAIN)
		snprintf(how, sizeof(how), "%s%u", how_name[s->how], s->at);
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

/* Longer names first: "stage" begins "stage-other". */
static bool take_verb(const char **at, enum filecut_run_verb *v)
{
	static const enum filecut_run_verb order[] = {
		FILECUT_RUN_STAGE_OTHER, FILECUT_RUN_STAGE,  FILECUT_RUN_UNSTAGE,
		FILECUT_RUN_GOOD,	 FILECUT_RUN_STATUS, FILECUT_RUN_APPLY,
	};

	for (unsigned i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
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
		if (s->how != FILECUT_WALK_PLAIN || !take(way, how_name[how]))
			continue;
		s->how = how;
		if (s->how == FILECUT_WALK_FAULT)
			ok = filecut_fault_parse(way, &s->fault);
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

	if (blob == filecut_world_bundle(false))
		return "the new bundle";
	if (blob == filecut_world_bundle(true))
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
