/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/wear_table.h"

#include "selector/store_internal.h"

#include <stdio.h>

#define HEAD "| path | records | history | manifest cells | last words | measured by |"

/* "| healthy boot | 0 | 0 | 0 | 0 | boot |" */
static bool parse_row(struct wear_table_row *r, const char *line)
{
	int n = sscanf(line, "| %95[^|]| %u | %u | %u | %u | %15[a-z] |", r->name, &r->want.records,
		       &r->want.history, &r->want.manifests, &r->want.words, r->by);
	size_t len = strlen(r->name);

	if (n != 6)
		return false;
	while (len > 0 && r->name[len - 1] == ' ')
		r->name[--len] = '\0';
	return true;
}

bool wear_table_read(struct wear_table *t, const char *file)
{
	FILE *f = fopen(file, "re");
	bool inside = false;
	char line[512];

	memset(t, 0, sizeof(*t));
	if (f == NULL) {
		perror(file);
		return false;
	}
	while (fgets(line, sizeof(line), f) != NULL) {
		if (inside && line[0] != '|')
			break;
		if (inside && strncmp(line, "|---", 4) != 0 &&
		    (t->n == WEAR_TABLE_ROWS || !parse_row(&t->row[t->n++], line))) {
			fprintf(stderr, "%s: no row of the table of writes: %s", file, line);
			t->n = 0;
			break;
		}
		inside |= strncmp(line, HEAD, strlen(HEAD)) == 0;
	}
	fclose(f);
	if (t->n == 0)
		fprintf(stderr, "%s: there is no table that begins with %s\n", file, HEAD);
	return t->n > 0;
}

void wear_table_count(struct wear_table_counts *c, const char *verb, uint64_t off, uint64_t len)
{
	uint64_t ring = (uint64_t)STORE_CELLS * STORE_CELL;

	if (strcmp(verb, "write") != 0 || len != STORE_CELL) {
		c->others++;
		return;
	}
	for (unsigned i = 0; i < 2; i++) {
		if (off >= STORE_REGION(i) && off < STORE_REGION(i) + ring) {
			c->records++;
			return;
		}
		if (off >= STORE_MANIFEST(i, 0) &&
		    off < STORE_MANIFEST(i, 0) + (uint64_t)STATE_SLOTS_MAX * STORE_MANIFEST_MAX) {
			c->manifests++;
			return;
		}
	}
	if (off >= STORE_HISTORY &&
	    off < STORE_HISTORY + (uint64_t)STORE_HISTORY_CELLS * STORE_CELL)
		c->history++;
	else if (off >= STORE_WORDS && off < STORE_WORDS + (uint64_t)STORE_WORDS_CELLS * WORDS_CELL)
		c->words++;
	else
		c->others++;
}

const char *wear_table_check(struct wear_table *t, const char *name,
			     const struct wear_table_counts *is)
{
	static char why[256];

	for (unsigned i = 0; i < t->n; i++) {
		struct wear_table_row *r = &t->row[i];

		if (strcmp(r->name, name) != 0)
			continue;
		r->measured = true;
		if (memcmp(&r->want, is, sizeof(*is)) == 0)
			return NULL;
		snprintf(
			why, sizeof(why),
			"%s: %u records, %u events, %u writes of manifest cells, %u last words, %u other changes; "
			"the table says %u, %u, %u, %u",
			name, is->records, is->history, is->manifests, is->words, is->others,
			r->want.records, r->want.history, r->want.manifests, r->want.words);
		return why;
	}
	snprintf(why, sizeof(why), "the table has no row \"%s\"", name);
	return why;
}

const char *wear_table_left(const struct wear_table *t, const char *by)
{
	for (unsigned i = 0; i < t->n; i++)
		if (!t->row[i].measured && strcmp(t->row[i].by, by) == 0)
			return t->row[i].name;
	return NULL;
}

void wear_table_run(const char *by, wear_table_measure *measure, unsigned n, unsigned *passed,
		    unsigned *failed)
{
	static struct wear_table table;
	const char *left;

	if (!wear_table_read(&table, "docs/STATE.md")) {
		*failed += 1;
		return;
	}
	for (unsigned i = 0; i < n; i++) {
		const char *why = measure(&table, i);

		*(why == NULL ? passed : failed) += 1;
		if (why != NULL)
			printf("WEAR: %s\n", why);
	}
	left = wear_table_left(&table, by);
	*failed += left != NULL;
	if (left != NULL)
		printf("WEAR: nothing measures \"%s\"\n", left);
}
