/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/filecut.h"

#define BOTH(TURN, turn, KIND, kind)                                                              \
	{ turn kind, FILECUT_FAULT_##KIND, FILECUT_TURN_##TURN, FILECUT_FAULT_ONCE, 0 },          \
	{                                                                                         \
		turn "ever-" kind, FILECUT_FAULT_##KIND, FILECUT_TURN_##TURN, FILECUT_FAULT_EVER, \
			0                                                                         \
	}
#define CHANGE(name, kind, ever, error)                                                      \
	{                                                                                    \
		name, FILECUT_FAULT_##kind, FILECUT_TURN_CHANGE, FILECUT_FAULT_##ever, error \
	}

const struct filecut_fault filecut_way_faults[] = {
	CHANGE("eio", FAILS, ONCE, EIO),
	CHANGE("enospc", FAILS, ONCE, ENOSPC),
	CHANGE("ever-eio", FAILS, ALIKE, EIO),
	CHANGE("ever-enospc", FAILS, ALIKE, ENOSPC),
	CHANGE("readonly", FAILS, MEDIUM, EROFS),
	CHANGE("lands", LANDS, EVER, EIO),
	CHANGE("lands-late", LANDS, EVER, ETIMEDOUT),
	CHANGE("kill", KILLS, ONCE, 0), /* then another verb runs */
	BOTH(READ, "read-", FAILS, "fails"),
	BOTH(READ, "read-", WRONG, "wrong"),
	BOTH(READ, "read-", LOST, "lost"),
	BOTH(WRITE, "write-", FAILS, "fails"),
	BOTH(WRITE, "write-", SHORT, "short"),
	BOTH(WRITE, "write-", WRONG, "wrong"),
	BOTH(WRITE, "write-", LOST, "lost"),
	BOTH(STATE_READ, "state-read-", FAILS, "fails"),
	BOTH(STATE_READ, "state-read-", WRONG, "wrong"),
	BOTH(STATE_READ, "state-read-", ZEROES, "zeroes"),
	/* what fails with an error is a change that does */
	BOTH(STATE_WRITE, "state-write-", SHORT, "short"),
	BOTH(STATE_WRITE, "state-write-", WRONG, "wrong"),
	BOTH(STATE_WRITE, "state-write-", LOST, "lost"),
	{ "state-flush-lost", FILECUT_FAULT_LOST, FILECUT_TURN_STATE_FLUSH, FILECUT_FAULT_ONCE, 0 },
	{ .name = NULL },
};

/* ---------------------------------------------------------------- steps */

const char *filecut_way_print(const struct filecut_walk_step *s)
{
	static char text[128];
	bool killed = s->fault.kind == FILECUT_FAULT_KILLS;
	char how[48] = "";

	if (s->fault.kind != FILECUT_FAULT_NONE)
		snprintf(how, sizeof(how), "+%s%u", s->fault.name, s->at);
	snprintf(text, sizeof(text), "%s%s%s%s:%u:%" PRIu64, filecut_run_name(s->verb), how,
		 killed ? "+" : "", killed ? filecut_run_name(s->then) : "", s->cut, s->ordinal);
	return text;
}

static bool find_verb(const char *name, enum filecut_run_verb *v)
{
	for (*v = 0; *v < FILECUT_RUN_VERBS; ++*v)
		if (strcmp(filecut_run_name(*v), name) == 0)
			return true;
	return false;
}

static bool find_fault(const char *name, struct filecut_fault *f)
{
	for (const struct filecut_fault *is = filecut_way_faults; is->name != NULL; is++)
		if (strcmp(is->name, name) == 0)
			*f = *is;
	return f->name != NULL;
}

bool filecut_way_parse(const char **way, struct filecut_walk_step *s)
{
	char verb[16] = "", fault[32] = "", then[16] = "stage";
	const char *at = *way;
	bool ends;
	int n = 0;

	memset(s, 0, sizeof(*s));
	if (sscanf(at, "%15[a-z-]%n", verb, &n) == 1)
		at += n;
	if (sscanf(at, "+%31[a-z-]%u%n", fault, &s->at, &n) == 2)
		at += n;
	if (sscanf(at, "+%15[a-z-]%n", then, &n) == 1)
		at += n;
	ends = sscanf(at, ":%u:%" SCNu64 "%n", &s->cut, &s->ordinal, &n) == 2 &&
	       (at[n] == '\0' || at[n] == '/');
	if (!ends || !find_verb(verb, &s->verb) || !find_verb(then, &s->then) ||
	    (fault[0] != '\0' && !find_fault(fault, &s->fault))) {
		fprintf(stderr, "filecut: no step: %s\n", *way);
		return false;
	}
	*way = at + n + (at[n] == '/');
	return true;
}

/* ---------------------------------------------------------------- for people */

static const char *content(const struct filecut_image_file *f)
{
	static char text[64];
	size_t len;

	if (f->dir)
		return "folder";
	if (f->blob == filecut_world_release[false].bundle)
		return "the new bundle";
	if (f->blob == filecut_world_release[true].bundle)
		return "the other bundle";
	filecut_image_bytes(f->blob, &len);
	snprintf(text, sizeof(text), "%zu bytes, neither bundle", len);
	return text;
}

void filecut_way_show_image(const struct filecut_image *im)
{
	const struct filecut_image_state *st = filecut_image_state(im);
	char hex[2 * 8 + 1] = "nothing";

	for (unsigned i = 0; i < im->nfiles; i++)
		printf("    %-48s %s\n", im->file[i].path, content(&im->file[i]));
	if (st->staged.source != STATE_SRC_NONE)
		bytes_hex(hex, st->staged.release, 8);
	printf("    state: %s; staged %s, failed %u times; slot b %s\n",
	       st->found == STORE_FOUND ? "there" : "lost", hex, (unsigned)st->staged.fails,
	       state_st_name(st->b));
}
