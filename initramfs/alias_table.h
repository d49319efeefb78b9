/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table by which the hardware asks for modules. `mkinitramfs` makes it of modules.alias,
 * modules.dep and modules.softdep for what it packs (kbaliases.py). A line is "PATTERN MODULE…":
 * who sees something that the pattern fits wants these modules. The patterns are those of modalias,
 * "fs-TYPE" for a file system, "needs:MODULE" for what a module needs, and the words below. The
 * last line is "end LINES SUM", with the CRC32C of those before it. PURE.
 */
#pragma once

#include "lib/err.h"

#include <stdbool.h>
#include <stddef.h>

#define ALIAS_TABLE_FILE  "/etc/keelboot/aliases"
#define ALIAS_TABLE_TEXT  (512u << 10) /* bytes; kbaliases.py writes no longer one */
#define ALIAS_TABLE_LINES 8192u

#define ALIAS_NEEDS  "needs:" /* what a module needs, softdeps included */
#define ALIAS_ALWAYS "always" /* wanted whatever the hardware is */
#define ALIAS_GIVEN  "given"  /* wanted where it is given parameters */
#define ALIAS_FIRST  "first"  /* of watchdogs: their drivers, and all that these need or wait for */
#define ALIAS_DRIVER "watchdog" /* of these the drivers of watchdogs that name their hardware */
#define ALIAS_BLIND  "blind"	/* and those that look for it themselves */

struct alias_table {
	struct alias_line {
		const char *pattern;
		/* so many letters stand for themselves: most devices differ in these */
		size_t plain;
		/* separated by blanks */
		const char *modules;
	} line[ALIAS_TABLE_LINES];
	unsigned n;
	/* the text itself, in which the lines are cut */
	char text[ALIAS_TABLE_TEXT];
};

/*
 * Takes apart t->text, which has len bytes and is ended by NUL. KB_EFORMAT: it is damaged, and
 * *line and *why say where; t has no lines then.
 */
enum kb_err alias_table_parse(struct alias_table *t, size_t len, unsigned *line,
			      const char **why) KB_MUST_CHECK;

/* Calls fn for each module of each line that name fits. */
void alias_table_ask(const struct alias_table *t, const char *name,
		     void (*fn)(void *ctx, const char *module, size_t len), void *ctx);

/* Whether any line fits name. */
bool alias_table_knows(const struct alias_table *t, const char *name) KB_MUST_CHECK;

/* Whether any device of this bus ("pci") may be asked about. */
bool alias_table_has_bus(const struct alias_table *t, const char *bus);

/* Of the name of a module or an alias, in which '-' and '_' are the same. */
char alias_table_letter(char c);

/* True if pattern fits all of name: '*', '?' and '[a-z]' are as in a shell, '-' and '_' are the
 * same. Takes no longer than the product of both lengths. */
bool alias_table_fits(const char *pattern, const char *name);
