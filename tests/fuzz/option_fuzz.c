/* SPDX-License-Identifier: Apache-2.0 */
/* A load option of UEFI; and what it names, as one that we would write. */
#include "selector/loader/loader_option.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static bool same(const struct loader_option *a, const struct loader_option *b)
{
	return strcmp(a->description, b->description) == 0 && strcmp(a->file, b->file) == 0 &&
	       a->part.number == b->part.number && a->part.start == b->part.start &&
	       a->part.blocks == b->part.blocks &&
	       memcmp(a->part.guid, b->part.guid, sizeof(a->part.guid)) == 0;
}

static void check_round_trip(const struct loader_option *o)
{
	static uint8_t made[512];
	static struct loader_option again;
	size_t len = loader_option_make(made, sizeof(made), o->description, &o->part, o->file);

	FUZZ_CHECK(len != 0 &&
		   loader_option_make(made, len - 1, o->description, &o->part, o->file) == 0);
	FUZZ_CHECK(loader_option_parse(&again, made, len) == KB_OK);
	FUZZ_CHECK(again.active && again.has_part && same(o, &again));
	FUZZ_CHECK(loader_option_parse(&again, made, len - 1) == KB_EFORMAT);
}

void fuzz_one(const uint8_t *data, size_t size)
{
	static struct loader_option o;

	if (loader_option_parse(&o, data, size) != KB_OK)
		return;
	FUZZ_CHECK(fuzz_printable(o.description, sizeof(o.description)));
	FUZZ_CHECK(fuzz_printable(o.file, sizeof(o.file)));
	FUZZ_CHECK(o.has_part || o.part.number == 0);
	check_round_trip(&o);
}
