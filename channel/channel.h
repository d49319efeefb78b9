/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a channel file says: releases that are on a web server, and which devices may take them.
 * docs/CHANNEL.md describes it. It is read after its signature was checked, by the command and by
 * keelboot-fleet alike. PURE.
 */
#pragma once

#include "channel/strict.h"
#include "lib/daily.h"

#include <stdbool.h>

#define CHANNEL_FORMAT	       1
#define CHANNEL_DOCUMENT_MAX   65536u  /* bytes of JSON */
#define CHANNEL_FILE_MAX       262144u /* bytes of a file, with all signatures */
#define CHANNEL_RELEASES_MAX   64
#define CHANNEL_NAME_MAX       64
#define CHANNEL_URL_MAX	       1023
#define CHANNEL_HEX_LEN	       64 /* digits of a SHA-256 */
#define CHANNEL_STR_MAX	       48 /* of versions and compatible names, as in a bundle */
#define CHANNEL_COMPATIBLE_MAX 8
#define CHANNEL_ATTRIBUTES_MAX 8
#define CHANNEL_VALUE_MAX      63
#define CHANNEL_REASON_MAX     160
#define CHANNEL_SIZE_MAX       (UINT64_C(1) << 40)
#define CHANNEL_WHY	       160

struct channel_attribute {
	char name[CHANNEL_VALUE_MAX + 1], value[CHANNEL_VALUE_MAX + 1];
};

struct channel_release {
	/* of the bundle: an address, or what follows the folder of the channel file */
	char url[CHANNEL_URL_MAX + 1];
	/* of that file: bytes, and SHA-256 in hexadecimal, as the next */
	uint64_t size;
	char digest[CHANNEL_HEX_LEN + 1];
	/* what it holds */
	char release[CHANNEL_HEX_LEN + 1], version[CHANNEL_STR_MAX + 1];
	uint64_t sequence;
	unsigned ncompatible;
	char compatible[CHANNEL_COMPATIBLE_MAX][CHANNEL_STR_MAX + 1];

	/* Who may take it: all of these must agree. */
	/* of the devices; 0 to 100 */
	unsigned percent;
	unsigned nattributes;
	struct channel_attribute attribute[CHANNEL_ATTRIBUTES_MAX];
	/* seconds since 1970; 0: no bound */
	uint64_t not_before, not_after;
	/* minutes of the day, UTC; both the same: at any time */
	struct daily daily;
	/* the least sequence that runs before; 0: any */
	uint64_t from;
	/* nobody takes it any more, because; "": it is not withdrawn */
	char withdrawn[CHANNEL_REASON_MAX + 1];
	/* a key that this version does not know, which may be a condition; "": none */
	char unknown[CHANNEL_STR_MAX + 1];
};

struct channel {
	char name[CHANNEL_NAME_MAX + 1];
	uint64_t sequence;
	/* seconds since 1970 */
	uint64_t created, expires;
	unsigned nreleases;
	struct channel_release release[CHANNEL_RELEASES_MAX];
};

/* Letters, digits, '.', '_' and '-'; it does not begin with '.' */
bool channel_is_name(const char *text);
/* The file at this path or address is named after the channel: by all but its last suffix. */
bool channel_is_named(const char *name, const char *path);
/* "name=value", as a condition and as a device has them. */
bool channel_read_attribute(struct channel_attribute *a, const char *text, size_t len);
/* "22:00-04:00" */
bool channel_read_daily(struct channel_release *r, const char *text);

/* KB_EFORMAT, KB_ENEWER: why says what is wrong, and c is zero. */
enum kb_err channel_read(struct channel *c, json_object *o, char why[CHANNEL_WHY]) KB_MUST_CHECK;
/* The document, to be released; NULL: no memory. */
json_object *channel_write(const struct channel *c);
