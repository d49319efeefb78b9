/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table "Writes on each path" of docs/STATE.md, which tests hold the product to: what stands
 * there is what is asserted, and each row has to be measured by the program that it names.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define WEAR_TABLE_ROWS 64
#define WEAR_TABLE_NAME 96

/* Writes to the state partition, by their purpose. */
struct wear_table_counts {
	unsigned records, history, manifests, words;
	unsigned others; /* anything else is changed: none may be */
};

struct wear_table_row {
	char name[WEAR_TABLE_NAME]; /* the path, as the table has it */
	char by[16];		    /* who measures it: "boot", "command", "device" */
	struct wear_table_counts want;
	bool measured;
};

struct wear_table {
	unsigned n;
	struct wear_table_row row[WEAR_TABLE_ROWS];
};

/* Reads the file, from the top of the tree. False after a message: there is no such table in it. */
bool wear_table_read(struct wear_table *t, const char *file);

/* Counts a change of the state partition: verb is "write", "zero" or "discard". */
void wear_table_count(struct wear_table_counts *c, const char *verb, uint64_t off, uint64_t len);

/* Compares what was measured with the row of that name. NULL, or what is wrong, until the next. */
const char *wear_table_check(struct wear_table *t, const char *name,
			     const struct wear_table_counts *is);

/* A row of that program which nobody has measured; NULL: there is none. */
const char *wear_table_left(const struct wear_table *t, const char *by);

/* Takes one path, and compares: NULL, or what is wrong, with the name of the row. */
typedef const char *wear_table_measure(struct wear_table *t, unsigned path);

/*
 * Measures n paths against the table of docs/STATE.md, and asks that no row of that program is left
 * over. Adds to passed and failed, and prints what is wrong.
 */
void wear_table_run(const char *by, wear_table_measure *measure, unsigned n, unsigned *passed,
		    unsigned *failed);
