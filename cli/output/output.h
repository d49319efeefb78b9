/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the command says, and how it ends: exit codes, colour, times, JSON, sentences for events.
 * Data goes to standard output, diagnostics to standard error (lib/log.h).
 */
#pragma once

#include "lib/err.h"
#include "selector/history.h"

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define OUTPUT_SCHEMA	1   /* of every JSON document: raised when a key changes its meaning */
#define OUTPUT_TIME_LEN 32  /* room for a time */
#define OUTPUT_LINE_LEN 640 /* room for a sentence: an event with both of its texts */

/* The exit codes; docs/man/keelboot.1 promises them to scripts. */
enum output_exit {
	OUTPUT_OK = 0,
	OUTPUT_FAILURE = 1,
	OUTPUT_NOTHING = 2,
	OUTPUT_USAGE = 3,
	OUTPUT_REBOOT = 4,
	OUTPUT_VERIFY = 5,
	OUTPUT_INCOMPATIBLE = 6,
	OUTPUT_BUSY = 7,
};

/* The one place where an error becomes an exit code. */
int output_exit_code(enum kb_err err);

/* Tells "name: text" and keeps the text in why, for the JSON that ends the command. Gives back err.
 */
enum kb_err output_fail(char *why, size_t size, const char *name, enum kb_err err, const char *fmt,
			...) __attribute__((format(printf, 5, 6)));

enum output_colour {
	OUTPUT_PLAIN,
	OUTPUT_GREEN,
	OUTPUT_YELLOW,
	OUTPUT_RED,
	OUTPUT_BOLD,
	OUTPUT_DIM
};

/*
 * The escape sequence that begins a colour (OUTPUT_PLAIN: that ends it) on f; "" unless f is a
 * terminal, TERM is not "dumb" and NO_COLOR is not set.
 */
const char *output_colour(FILE *f, enum output_colour c);

/* "2025-11-20 07:55:12Z" of seconds since 1970; "" for 0. With iso: "2025-11-20T07:55:12Z". */
void output_time(char out[OUTPUT_TIME_LEN], uint64_t seconds, bool iso);

/* The clock, or SOURCE_DATE_EPOCH where that is set, so that images can be built reproducibly. */
uint64_t output_now(void);
/* false: SOURCE_DATE_EPOCH is set, and is no such number. */
bool output_epoch_is_time(void);

/* An object that has "schema" already. Never NULL: without memory the command ends. */
json_object *output_json_new(void);

/* Adds members; NULL text, and STATE_NONE, become null. 64-bit numbers are kept whole. */
void output_json_text(json_object *o, const char *key, const char *text);
void output_json_number(json_object *o, const char *key, uint64_t value);
void output_json_bool(json_object *o, const char *key, bool value);
void output_json_slot(json_object *o, const char *key, int slot);
void output_json_hex(json_object *o, const char *key, const uint8_t *bytes, size_t len);
void output_json_add(json_object *o, const char *key, json_object *value);

/* A new list; one with its member added. Never NULL, as above. */
json_object *output_json_list(void);
void output_json_append(json_object *list, json_object *value);

/* Prints o on standard output, over several lines or (compact) on one, and releases it. KB_EIO. */
enum kb_err output_json_print(json_object *o, bool compact) KB_MUST_CHECK;

/* One event as a sentence without a full stop: "3.0 in slot b was rejected: no tries left". */
void output_event_sentence(char out[OUTPUT_LINE_LEN], const struct history_event *e);

/* One event as JSON. */
json_object *output_event_json(const struct history_event *e);

/* "12.3 MiB" */
void output_size(char out[OUTPUT_TIME_LEN], uint64_t bytes);

/* Flushes standard output: what was printed has to have arrived. KB_EIO, which it has reported. */
enum kb_err output_flush(void) KB_MUST_CHECK;
