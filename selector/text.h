/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of "key=value", as records and history cells hold them. PURE. */
#pragma once

#include "lib/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text_out {
	char *buf;
	size_t size;
	size_t len;
	/* a line was left out because it did not fit */
	bool full;
};

/* One line; nothing in it is ended by NUL. */
struct text_line {
	/* with its '\n', unless the text ends without one */
	const char *line;
	size_t line_len;
	/* 0 when there is no '=' */
	size_t key_len;
	const char *val;
	size_t val_len;
};

/* Add a line. One that does not fit is left out as a whole. */
void text_put(struct text_out *o, const char *key, const char *val);
void text_put_number(struct text_out *o, const char *key, uint64_t v);
/* Adds bytes that are a line already. */
void text_put_raw(struct text_out *o, const char *line, size_t len);

/* Writes v in decimal and a NUL into buf, which has room for 21 bytes; returns the length. */
size_t text_decimal(char *buf, uint64_t v);

/* Takes the next line from *pos, which moves behind it. False at the end. */
bool text_next(const char **pos, const char *end, struct text_line *l);

/* True when the key of l is key. */
bool text_is(const struct text_line *l, const char *key);

/* Cuts the next item, up to a comma, from *val, which moves behind it. False at the end. */
bool text_item(const char **val, const char *end, const char **item, size_t *len);

/* Reads a decimal number from a value; on any error *out is `bad`, above max it is max. */
void text_number(uint64_t *out, const char *val, size_t len, uint64_t max, uint64_t bad);

/* The same of the value of l. */
uint64_t text_value(const struct text_line *l, uint64_t max, uint64_t bad);

/* True when the len bytes at text are name. */
bool text_equals(const char *text, size_t len, const char *name);

/* Copies a value into a string of size bytes: cut short, what is not printable ASCII made '?'. */
void text_copy(char *dst, size_t size, const char *val, size_t len);
