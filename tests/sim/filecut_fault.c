/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/filecut_fault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BIT(KIND) (1u << FILECUT_FAULT_##KIND)
#define CONTENT	  (BIT(FAILS) | BIT(SHORT) | BIT(WRONG) | BIT(LOST))

static const char *const kinds[FILECUT_FAULT_KINDS] = { "none",	 "fails", "short",
							"wrong", "lost",  "zeroes" };

/* Masks of kinds. Writes and flushes of the state that fail with an error are filecut_rec's. */
static const struct {
	const char *name;
	unsigned once, again;
} ops[FILECUT_FAULT_OPS] = {
	[FILECUT_FAULT_READ] = { "read-", CONTENT & ~BIT(SHORT), CONTENT & ~BIT(SHORT) },
	[FILECUT_FAULT_WRITE] = { "write-", CONTENT, CONTENT },
	[FILECUT_FAULT_STATE_READ] = { "state-read-", BIT(FAILS) | BIT(WRONG) | BIT(ZEROES),
				       BIT(FAILS) | BIT(WRONG) | BIT(ZEROES) },
	[FILECUT_FAULT_STATE_WRITE] = { "state-write-", BIT(SHORT) | BIT(WRONG) | BIT(LOST),
					BIT(SHORT) | BIT(WRONG) | BIT(LOST) },
	[FILECUT_FAULT_STATE_FLUSH] = { "state-flush-", BIT(LOST), 0 },
};

bool filecut_fault_next(struct filecut_fault *f)
{
	do {
		if (++f->kind < FILECUT_FAULT_KINDS)
			continue;
		f->kind = FILECUT_FAULT_NONE;
		f->again = !f->again;
		if (!f->again && ++f->op == FILECUT_FAULT_OPS)
			return false;
	} while (!((f->again ? ops[f->op].again : ops[f->op].once) >> f->kind & 1));
	return true;
}

void filecut_fault_print(const struct filecut_fault *f, char *out, size_t size)
{
	snprintf(out, size, "%s%s%s%u", ops[f->op].name, f->again ? "ever-" : "", kinds[f->kind],
		 f->at);
}

static bool take(const char **at, const char *word)
{
	size_t n = strlen(word);
	bool is = strncmp(*at, word, n) == 0;

	*at += is ? n : 0;
	return is;
}

bool filecut_fault_parse(const char **at, struct filecut_fault *f)
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
