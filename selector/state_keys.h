/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of the record's text, in the order in which they are written. PURE. */
#pragma once

#include "selector/state.h"

/* What a value looks like, and the type of its field. A number that is above its max is read as
 * max. */
enum state_kind {
	STATE_KIND_NSLOTS,  /* uint8_t; read before all others */
	STATE_KIND_SLOTS,   /* no key: here the keys of each slot are written */
	STATE_KIND_NUMBER,  /* uint8_t, bool, uint16_t or uint64_t */
	STATE_KIND_LIMIT,   /* uint64_t; a bad one is the highest sequence installed */
	STATE_KIND_TOKEN,   /* uint64_t; 0 while no attempt is open */
	STATE_KIND_HASH,    /* uint64_t; 16 hexadecimal digits */
	STATE_KIND_MARKERS, /* uint64_t[]; such hashes, commas between, as far as they are not 0 */
	STATE_KIND_LETTER,  /* int8_t; a slot, or '-' */
	STATE_KIND_TEXT,    /* char[]; what is not printable ASCII is '?' */
	STATE_KIND_STAGED,  /* struct state_staged: "source,release,failures" */
	STATE_KIND_DATA,    /* struct state_data: "phase,slot,release" */
	STATE_KIND_APPLY,   /* struct state_apply: "count,excused,open" */
	STATE_KIND_APPLIED, /* the ledgers: releases, commas between */
	STATE_KIND_REJECTED,
	STATE_KIND_UNWRITABLE, /* "release:count", commas between */
	STATE_KIND_ST,	       /* enum state_st */
	STATE_KIND_RELEASE,    /* uint8_t[STATE_ID_LEN]; one that is bad is not known */
};

enum state_when {
	STATE_WHEN_CORE,    /* frozen: always written, and read by an older Keelboot too */
	STATE_WHEN_SET,	    /* written where it is not as in an empty state */
	STATE_WHEN_RELEASE, /* written where the release of the slot is known */
};

struct state_key {
	/* of a slot: behind "x." */
	const char *name;
	enum state_when when;
	enum state_kind kind;
	/* in struct state, or in struct state_slot */
	uint16_t offset;
	uint16_t size;
	uint64_t max;
	/* what is taken for a value that cannot be read */
	uint64_t bad;
};

/* Each ended by a key without a name. */
extern const struct state_key state_keys[];
extern const struct state_key state_keys_of_slot[];
