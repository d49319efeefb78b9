/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Power cuts while keelboot-fleet writes its record and a bundle: its own code for both, on the
 * file system of filecut.h, with a server that is a function. tests/sim/FILECUT.md says how.
 */
#pragma once

#include "fleet/http.h"
#include "fleet/monitor.h"
#include "tests/sim/filecut.h"

#define FLEETCUT_FOLDER "keelboot/fleet"
#define FLEETCUT_RECORD "keelboot/fleet/action.json"
#define FLEETCUT_SPARE	FLEETCUT_RECORD ".new"
#define FLEETCUT_BUNDLE "keelboot/fleet/bundle.keel"
#define FLEETCUT_FEED	"keelboot/fleet/channel.json"
#define FLEETCUT_KEPT	"keelboot/fleet/channel"
#define FLEETCUT_QUEUE	"keelboot/fleet/reports.json"
#define FLEETCUT_ENDS	"keelboot/fleet/ends.json"
#define FLEETCUT_URL	"https://server"

#define FLEETCUT_PIECE	  4096u /* bytes that come before a connection ends */
#define FLEETCUT_SIZE	  (2 * FLEETCUT_PIECE)
#define FLEETCUT_INDEX	  1024u /* bytes of a bundle before its payload */
/* where the range of the third bundle is, that comes as parts: behind what comes with the index */
#define FLEETCUT_RANGE_AT 65536u

/* ---------------------------------------------------------------- fleetcut_run.c */
/* What one contact brings, each a process of its own; and what happens between two. */
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
	/* a server that speaks DDI offers its newest action, and sends all of a bundle */
	FLEETCUT_TAKES, /* ... and takes all that it hears */
	FLEETCUT_ONCE,	/* ... and takes one end, and no other */
	FLEETCUT_DEAF,	/* ... and takes no feedback */
	/* no contact: that server has another action; that has no bundle */
	FLEETCUT_ASSIGN,
	FLEETCUT_BARE,
	/* no contact: the device boots what is staged; what it booted is good; it falls back */
	FLEETCUT_BOOT,
	FLEETCUT_GOOD,
	FLEETCUT_BACK,
	FLEETCUT_VERBS,
	FLEETCUT_NONE = FLEETCUT_VERBS
};

const char *fleetcut_run_name(enum fleetcut_verb v);
/* By fleet/cycle.c, as the program has it. */
bool fleetcut_run_is_cycle(enum fleetcut_verb v);

#define FLEETCUT_RUN_DEAF 2

/* On what is on the disk and around it. Exit code: 0, all that is to be durable is; 1, it said why
 * not; FLEETCUT_RUN_DEAF, the server did not take all; more, it crashed. */
/* Before all else. */
void fleetcut_run_begin(void);
int fleetcut_run_do(enum fleetcut_verb v, const struct filecut_rec_plan *plan);
/* What was recorded of it, and what it said. Until the next. */
extern struct filecut_rec *fleetcut_run_rec;
extern char fleetcut_run_said[];

/* ---------------------------------------------------------------- fleetcut_server.c */
/* From now on it answers as this contact wants. */
void fleetcut_server_begin(enum fleetcut_verb v);
void fleetcut_server_offer(enum fleetcut_verb v, struct offer *o);
/* The action of this number. */
void fleetcut_server_offer_of(unsigned n, struct offer *o);
/* Of the bundle of the action with this id, or digest: its size, and byte `at` of it. */
uint64_t fleetcut_server_size(const char *id);
uint8_t fleetcut_server_byte(const char *id, uint64_t at);
/* The channel file of this sequence. */
const char *fleetcut_server_file(uint64_t sequence);

/* ---------------------------------------------------------------- fleetcut_around.c */
#define FLEETCUT_ACTIONS 4 /* of a server that speaks DDI: 1, 2 and 3 */

enum fleetcut_slot { FLEETCUT_EMPTY, FLEETCUT_TRIAL, FLEETCUT_WORKS, FLEETCUT_BAD };
enum fleetcut_took { FLEETCUT_NOTHING, FLEETCUT_SUCCESS, FLEETCUT_FAILURE };

/* What is around the disk: what the device boots, and what the server knows. All zero in stories
 * that have neither. Bytes alone: they are a key. */
struct fleetcut_around {
	/* of slots a and b: the action whose release is in it, 0: the one of the factory; an enum
	 * fleetcut_slot */
	uint8_t has[2], stands[2];
	/* a slot; an action, 0: none; odd or even */
	uint8_t booted, staged, boots;
	/* a bit for each action: its release was good; it fell back */
	uint8_t was_good, fell_back;
	/* the server's newest action; a bit for each that has no bundle; an enum fleetcut_took of
	 * each */
	uint8_t newest, bare, took[FLEETCUT_ACTIONS];
};

/* What changed of it in a contact: behind so many operations, it was that. */
struct fleetcut_around_log {
	struct fleetcut_around before, now;
	unsigned n;
	struct {
		unsigned nops;
		struct fleetcut_around is;
	} change[16];
	/* how often the end of each action may be sent: the disk has so many that are due */
	unsigned due[FLEETCUT_ACTIONS];
	/* what the server must not hear; NULL: it heard nothing of that kind */
	const char *wrong;
};
extern struct fleetcut_around_log *fleetcut_around_log;

/* The device as the factory made it, and a server without actions. */
void fleetcut_around_fresh(struct fleetcut_around *is);
/* Before a contact, on this disk. */
void fleetcut_around_begin(const struct filecut_image *im);
/* Within it: the release of that action is staged; the server takes its end. */
void fleetcut_around_stage(unsigned action);
void fleetcut_around_hear(unsigned action, bool success);
/* Between two. false: it cannot happen now. */
bool fleetcut_around_happens(struct fleetcut_around *is, enum fleetcut_verb v);
/* An action's release is in a slot. -1: in none. */
int fleetcut_around_slot(const struct fleetcut_around *is, unsigned action);

/* ---------------------------------------------------------------- fleetcut_device.c */
/* In the place of the process with rights: that device. */
void fleetcut_device_do(const struct monitor_order *order, struct monitor_result *r,
			json_object **document, int *fd);

/* ---------------------------------------------------------------- fleetcut_ddi.c */
/* The server's answer, but for a bundle. */
bool fleetcut_ddi_answer(enum fleetcut_verb v, const struct http_request *r, struct http_answer *a);

/* ---------------------------------------------------------------- fleetcut_ends.c */
/* How often the end of each action is due by the disk: on record, and in the queue. */
void fleetcut_ends_count(const struct filecut_image *im, unsigned due[FLEETCUT_ACTIONS]);
/* A number for what waits. */
uint64_t fleetcut_ends_key(const struct filecut_image *im);
/* A bit for each action that has ended, or is in a slot, and whose end the server has not. */
unsigned fleetcut_ends_owed(const struct filecut_image *im, const struct fleetcut_around *is);
/* NULL: each of these is on record, or in the queue, or the server has it; else what is not. */
const char *fleetcut_ends_check(const struct filecut_image *im, const struct fleetcut_around *is,
				unsigned owed);
/* The same behind a contact, which ended so, of all that the device knows by then. */
const char *fleetcut_ends_left(const struct filecut_image *im, const struct fleetcut_around *is,
			       int code);

/* ---------------------------------------------------------------- fleetcut_check.c */
#define FLEETCUT_CHECK_RECORDS 32

enum fleetcut_check_kind {
	FLEETCUT_CHECK_ACTION,
	FLEETCUT_CHECK_FEED,
	FLEETCUT_CHECK_QUEUE,
	FLEETCUT_CHECK_ENDS,
	FLEETCUT_CHECK_KINDS
};

/* What was promised by the time of a cut. */
struct fleetcut_check_rule {
	/* what a file may be: a blob, 0: missing */
	uint32_t record[FLEETCUT_CHECK_KINDS][FLEETCUT_CHECK_RECORDS];
	unsigned nrecords[FLEETCUT_CHECK_KINDS];
	/* what the record names is to be here: nothing has removed the bundle */
	bool lasts;
	/* fleetcut_ends_owed() of the image that it began with */
	unsigned owed;
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
const char *fleetcut_check_image(const struct filecut_image *im, const struct fleetcut_around *is,
				 const struct fleetcut_check_rule *rule);

/* A number for all that decides what happens next. */
uint64_t fleetcut_check_key(const struct filecut_image *im, const struct fleetcut_around *is);

/* ---------------------------------------------------------------- fleetcut_way.c */
/* What goes wrong with a change; the first is nothing. */
#define FLEETCUT_WAY_FAULTS 7
extern const struct filecut_fault fleetcut_way_faults[FLEETCUT_WAY_FAULTS];

/* One contact, what goes wrong in it, and the next one if it was killed; and where it is cut. */
struct fleetcut_way_step {
	enum fleetcut_verb verb, then;
	unsigned fault, at, cut;
	uint64_t ordinal;
};

/* A step in writing, until the next; and the other way round, and behind its "/". */
const char *fleetcut_way_print(const struct fleetcut_way_step *s);
bool fleetcut_way_parse(const char **way, struct fleetcut_way_step *s);
/* By its name. */
bool fleetcut_way_verb(const char *name, enum fleetcut_verb *v);
/* For a person. */
void fleetcut_way_show(const struct filecut_image *im);

/* ---------------------------------------------------------------- fleetcut_walk.c */
struct fleetcut_walk_story {
	const char *name, *what;
	const char *first; /* what came before, each with a "/" behind it */
	unsigned verbs;	   /* a bit for each that may come */
};

extern const struct fleetcut_walk_story fleetcut_story[];
extern const struct report_column fleetcut_walk_columns[];

void fleetcut_walk_run(unsigned story, struct report_line *l);
bool fleetcut_walk_replay(unsigned story, const char *way);
