/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Power cuts while keelboot-fleet writes its record and a bundle: its own code for both, on the
 * file system of filecut.h, with a server that is a function. tests/sim/FILECUT.md says how.
 */
#pragma once

#include "fleet/action.h"
#include "tests/sim/filecut.h"

#define FLEETCUT_FOLDER "keelboot/fleet"
#define FLEETCUT_RECORD "keelboot/fleet/action.json"
#define FLEETCUT_SPARE	FLEETCUT_RECORD ".new"
#define FLEETCUT_BUNDLE "keelboot/fleet/bundle.keel"
#define FLEETCUT_FEED	"keelboot/fleet/channel.json"
#define FLEETCUT_KEPT	"keelboot/fleet/channel"
#define FLEETCUT_QUEUE	"keelboot/fleet/reports.json"
#define FLEETCUT_URL	"https://server"

#define FLEETCUT_PIECE	  4096u /* bytes that come before a connection ends */
#define FLEETCUT_SIZE	  (2 * FLEETCUT_PIECE)
#define FLEETCUT_INDEX	  1024u /* bytes of a bundle before its payload */
/* where the range of the third bundle is, that comes as parts: behind what comes with the index */
#define FLEETCUT_RANGE_AT 65536u

/* ---------------------------------------------------------------- fleetcut_run.c */
/* What one contact brings. Each is a process of its own. */
enum fleetcut_verb {
	FLEETCUT_PART,	/* the server offers action 1, and sends a piece of its bundle */
	FLEETCUT_WHOLE, /* ... and sends all, a piece in each connection */
	FLEETCUT_OTHER, /* it offers action 2, whose bundle is as large */
	FLEETCUT_LONG,	/* action 1, which comes in one connection, and is flushed beside it */
	FLEETCUT_END,	/* what was fetched is good, and the server knows it */
	FLEETCUT_RANGE, /* it offers action 3, which comes as parts, and sends a piece of a range */
	FLEETCUT_PARTS, /* ... and sends all of it */
	FLEETCUT_FILE,	/* a web server has a channel file */
	FLEETCUT_NEWER, /* ... and now a newer one */
	FLEETCUT_TELL,	/* an action of the channel failed, and a report of that is kept */
	FLEETCUT_VERBS,
	FLEETCUT_NONE = FLEETCUT_VERBS
};

const char *fleetcut_run_name(enum fleetcut_verb v);

/* Exit code: 0, all that is to be durable is; 1, it said why not; more, it crashed. */
int fleetcut_run_do(enum fleetcut_verb v, const struct filecut_rec_plan *plan);
/* What was recorded of it, and what it said. Until the next. */
extern struct filecut_rec *fleetcut_run_rec;
extern char fleetcut_run_said[];

/* ---------------------------------------------------------------- fleetcut_server.c */
/* From now on it answers as this contact wants. */
void fleetcut_server_begin(enum fleetcut_verb v);
void fleetcut_server_offer(enum fleetcut_verb v, struct offer *o);
/* Of the bundle of the action with this id, or digest: its size, and byte `at` of it. */
uint64_t fleetcut_server_size(const char *id);
uint8_t fleetcut_server_byte(const char *id, uint64_t at);
/* The channel file of this sequence. */
const char *fleetcut_server_file(uint64_t sequence);

/* ---------------------------------------------------------------- fleetcut_check.c */
#define FLEETCUT_CHECK_RECORDS 32

enum fleetcut_check_kind {
	FLEETCUT_CHECK_ACTION,
	FLEETCUT_CHECK_FEED,
	FLEETCUT_CHECK_QUEUE,
	FLEETCUT_CHECK_KINDS
};

/* What was promised by the time of a cut. */
struct fleetcut_check_rule {
	/* what a file may be: a blob, 0: missing */
	uint32_t record[FLEETCUT_CHECK_KINDS][FLEETCUT_CHECK_RECORDS];
	unsigned nrecords[FLEETCUT_CHECK_KINDS];
	/* what the record names is to be here: nothing has removed the bundle */
	bool lasts;
};

/* The record that is in the image, as keelboot-fleet reads it; all zero: none. Until the next. */
const struct action *fleetcut_check_read(const struct filecut_image *im);
/* How many bytes of the bundle the next contact would go on from. */
uint64_t fleetcut_check_kept(const struct filecut_image *im);
/* The record of the image becomes one that may be found behind a cut. */
void fleetcut_check_allow(struct fleetcut_check_rule *rule, const struct filecut_image *im);
/* Whether each byte that the record names is here. */
bool fleetcut_check_lasts(const struct filecut_image *im);

/* NULL: it holds; else what does not. */
const char *fleetcut_check_image(const struct filecut_image *im,
				 const struct fleetcut_check_rule *rule);

/* A number for all that decides what happens next. */
uint64_t fleetcut_check_key(const struct filecut_image *im);

/* ---------------------------------------------------------------- fleetcut_walk.c */
struct fleetcut_walk_story {
	const char *name, *what;
	enum fleetcut_verb first[2]; /* what came before; FLEETCUT_NONE: nothing */
	unsigned verbs;		     /* a bit for each that may come */
};

extern const struct fleetcut_walk_story fleetcut_story[];
extern const struct report_column fleetcut_walk_columns[];

void fleetcut_walk_run(unsigned story, struct report_line *l);
bool fleetcut_walk_replay(unsigned story, const char *way);
