/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/filecut_fault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const kinds[FILECUT_FAULT_KINDS] = { "none", "fails", "short", "wrong", "lost" };

bool filecut_fault_next(struct filecut_fault *f)
{
	if (f->kind + 1 < FILECUT_FAULT_KINDS) {
		f->kind++;
		return true;
	}
	f->kind = FILECUT_FAULT_FAILS;
	f->again = !f->again;
	if (f->again)
		return true;
	f->write = !f->write;
	return f->write;
}

void filecut_fault_print(const struct filecut_fault *f, char *out, size_t size)
{
	snprintf(out, size, "%s-%s%s%u", f->write ? "write" : "read", f->again ? "ever-" : "",
		 kinds[f->kind], f->at);
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

	*f = (struct filecut_fault){ .write = take(at, "write-") };
	if (!f->write && !take(at, "read-"))
		return false;
	f->again = take(at, "ever-");
	for (unsigned k = 1; k < FILECUT_FAULT_KINDS; k++)
		if (take(at, kinds[k]))
			f->kind = (enum filecut_fault_kind)k;
	f->at = (unsigned)strtoul(*at, &end, 10);
	*at = end;
	return f->kind != FILECUT_FAULT_NONE && f->at > 0;
}
