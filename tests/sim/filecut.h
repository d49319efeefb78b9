/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Power cuts in a file system: the verbs of the shipped command are recorded, a model of a file
 * system that promises what POSIX does follows them, and they run again on every image that a cut
 * may leave. tests/sim/FILECUT.md says how.
 */
#pragma once

#include "tests/sim/check.h"
#include "tests/sim/set.h"
#include "tests/sim/report.h"
#include "channel/staged_note.h"

#include <errno.h>
#include <sys/stat.h>

/* ---------------------------------------------------------------- filecut_image.c */
/*
 * What a power cut leaves of the data partition's files and of the state partition: small values,
 * of which hundreds of thousands are looked at. Contents are numbers of blobs, each kept once.
 */
#define FILECUT_IMAGE_FILES 12
#define FILECUT_IMAGE_CELLS 48
#define FILECUT_IMAGE_PATH  64

struct filecut_image_file {
	char path[FILECUT_IMAGE_PATH]; /* below the data partition's top, "keelboot/stage" */
	bool dir;
	/* It is the file of this number in file[], by another name; 0: of none before it, since the
	 * first one is a folder. */
	unsigned same;
	uint32_t blob;
};

struct filecut_image_cell {
	uint64_t off;
	uint32_t blob;
};

struct filecut_image {
	unsigned nfiles, ncells;
	struct filecut_image_file file[FILECUT_IMAGE_FILES]; /* sorted by path */
	struct filecut_image_cell cell[FILECUT_IMAGE_CELLS]; /* sorted by offset; the rest is 0 */
};

/* The number of these bytes; equal bytes have one number. Ends the process when memory is out. */
uint32_t filecut_image_blob(const void *p, size_t len);
/* The bytes. They stay where they are. */
const uint8_t *filecut_image_bytes(uint32_t blob, size_t *len);

void filecut_image_add_file(struct filecut_image *im, const char *path, bool dir, uint32_t blob);
/* Both names are one file's. When all files are added. */
void filecut_image_same(struct filecut_image *im, const char *path, const char *other);
/* Makes that the cell at off, whether or not there was one. */
void filecut_image_put_cell(struct filecut_image *im, uint64_t off, uint32_t blob);
/* What the cell at off holds; zeroes if there is none. */
void filecut_image_get_cell(const struct filecut_image *im, uint64_t off, uint8_t out[STORE_CELL]);

/* NULL: it is not there. */
const struct filecut_image_file *filecut_image_find(const struct filecut_image *im,
						    const char *path);

/* What the state says, as the shipped store reads it. */
struct filecut_image_state {
	enum store_finding found; /* STORE_LOST also if nothing can be read */
	struct state_staged staged;
	enum state_st b; /* of slot b */
	uint64_t key;	 /* of the whole text */
};

/* Kept until the next call. */
const struct filecut_image_state *filecut_image_state(const struct filecut_image *im);

/* Whether the state names this file as the staged bundle. */
bool filecut_image_is_named(const struct filecut_image_state *st, const char *path);

/*
 * A number for all that decides what happens next: which files there are, what the one holds that
 * the state names, and what the state says. Left out is what stands in other files, because nothing
 * reads it (the walk sees to that), and where in the rings the record stands, and its sequence
 * (docs/decisions/0041).
 */
uint64_t filecut_image_key(const struct filecut_image *im);

/* ---------------------------------------------------------------- filecut_rec.c */
/*
 * Records what the command does to the data partition's files and to the state partition, and
 * counts it. One operation, or each from one on, can be made to go wrong.
 */
#define FILECUT_REC_OPS	 512
#define FILECUT_REC_DATA (1u << 20)
#define FILECUT_REC_PATH 64

/* What is counted, each for itself. Bundles are those that are given, and those in the folder. */
enum filecut_turn {
	FILECUT_TURN_CHANGE, /* of a file, a name or the state: a point where the power may fail */
	FILECUT_TURN_READ,   /* of a bundle's content */
	FILECUT_TURN_WRITE,
	FILECUT_TURN_STATE_READ,
	FILECUT_TURN_STATE_WRITE,
	FILECUT_TURN_STATE_FLUSH,
	FILECUT_TURNS
};

enum filecut_fault_kind {
	FILECUT_FAULT_NONE,
	FILECUT_FAULT_KILLS,  /* the process dies before the change */
	FILECUT_FAULT_FAILS,  /* with the error */
	FILECUT_FAULT_LANDS,  /* each change of the state from then on says so, but happens */
	FILECUT_FAULT_SHORT,  /* half of it happens, and that is what the call says */
	FILECUT_FAULT_WRONG,  /* other bytes; a read is right the next time */
	FILECUT_FAULT_LOST,   /* a write that is acknowledged, and zeroes are there, or of the state
				 what was there before; or the end of the file, where there is none;
				 or a flush that is acknowledged, and is none */
	FILECUT_FAULT_ZEROES, /* a read that gives nothing else */
};

/* What goes wrong behind the turn that does first. */
enum filecut_fault_ever {
	FILECUT_FAULT_ONCE,
	FILECUT_FAULT_EVER,   /* each turn */
	FILECUT_FAULT_ALIKE,  /* each change of that kind */
	FILECUT_FAULT_MEDIUM, /* each change of that medium: data partition, or state partition */
};

struct filecut_fault {
	const char *name; /* as a way has it */
	enum filecut_fault_kind kind;
	enum filecut_turn turn;
	enum filecut_fault_ever ever;
	int error;
};

/* A path is one below the data partition. All but OPEN are changes. */
enum filecut_rec_kind {
	FILECUT_REC_OPEN,   /* an existing file, for reading: what is in it may matter now */
	FILECUT_REC_CREATE, /* an empty file */
	FILECUT_REC_MKDIR,  /* an empty folder */
	FILECUT_REC_ALLOC,
	FILECUT_REC_WRITE,  /* len bytes at off */
	FILECUT_REC_FSYNC,  /* of a file or a folder */
	FILECUT_REC_CUT,    /* the file has the first `off` bytes that it had */
	FILECUT_REC_RENAME, /* path becomes `to` */
	FILECUT_REC_SWAP,   /* and `to` becomes path */
	FILECUT_REC_UNLINK,
	FILECUT_REC_CELL,  /* len bytes at off of the state partition */
	FILECUT_REC_FLUSH, /* of the state partition */
};

struct filecut_rec_op {
	enum filecut_rec_kind kind;
	int failed; /* errno, or 0: then it had its effect */
	char path[FILECUT_REC_PATH], to[FILECUT_REC_PATH];
	uint64_t off;
	size_t len, data; /* where in data[] what was written stands */
};

/* Shared between a process that is recorded and the one that started it. */
struct filecut_rec {
	unsigned nops;
	size_t used;
	unsigned turns[FILECUT_TURNS]; /* how many of them there were */
	const char *odd;	       /* something that the model does not know: a fixed text */
	struct filecut_rec_op op[FILECUT_REC_OPS];
	uint8_t data[FILECUT_REC_DATA];
};

/* What is to happen. */
struct filecut_rec_plan {
	struct filecut_fault fault;
	unsigned at;  /* it comes to pass at this turn, from 1 */
	size_t room;  /* bytes that the folder "keelboot/stage" may hold; 0: enough */
	size_t block; /* a write to a file takes at most so many bytes; 0: all */
};

/*
 * From now on this process records into r: what is below the folder `data`, and the file `state`.
 * A mount of the data partition, as keelboot-apply makes it, is that folder.
 */
void filecut_rec_begin(struct filecut_rec *r, const struct filecut_rec_plan *plan, const char *data,
		       const char *state);

/* ---------------------------------------------------------------- filecut_show.c */
/* For people, in one line. */
void filecut_show_op(unsigned number, const struct filecut_rec_op *op);

/* ---------------------------------------------------------------- filecut_fs.c */
/*
 * A file system that loses power, and the state partition beside it. It promises what POSIX does
 * and no more (docs/decisions/0041): nothing is durable before the fsync() of the file for its
 * content, of the folder for the names in it; until then
 *
 *	- a file has any length that it had, and up to what was written; and each block of it, from
 *	  the first byte that was written, is what it was, what was written, zeroes or garbage;
 *	- each name in a folder, for itself, is any of the files that it was: a rename may be there
 *	  with both names, with one, or with none;
 *	- of a cell of the state partition each sector is old or new, and at most one is garbage.
 *
 * It is fed with what filecut_rec recorded.
 */
#define FILECUT_FS_NODES    40
#define FILECUT_FS_NAMES    40
#define FILECUT_FS_VERSIONS 8
#define FILECUT_FS_PENDING  8
#define FILECUT_FS_FILE	    (64u << 10) /* bytes of a file */

/* A file or folder, whatever its name. */
struct filecut_fs_node {
	bool dir;
	size_t len, durable_len;
	/* since the last fsync: the greatest length, the least one, and the first byte written */
	size_t most, least, low;
	bool dirty;
	uint8_t now[FILECUT_FS_FILE], durable[FILECUT_FS_FILE];
};

struct filecut_fs_name {
	char path[FILECUT_IMAGE_PATH];
	unsigned up; /* the name of the folder that it is in */
	unsigned n;
	int node[FILECUT_FS_VERSIONS]; /* oldest (durable) first; -1: not there */
};

struct filecut_fs {
	size_t block;	  /* of a file's content, as the model tears it */
	unsigned nloaded; /* nodes of the image */
	unsigned nnodes, nnames;
	struct filecut_fs_node node[FILECUT_FS_NODES]; /* 0: the top */
	struct filecut_fs_name name[FILECUT_FS_NAMES]; /* 0: the top; a folder before what it has */
	struct filecut_image cells;		       /* durable; its files are not used */
	unsigned npending;
	struct filecut_image_cell pending[FILECUT_FS_PENDING]; /* oldest first */
};

/* Starts with an image. */
void filecut_fs_load(struct filecut_fs *fs, const struct filecut_image *im, size_t block);

/* Which file of the image that was loaded has this path; -1: none, it was made since. */
int filecut_fs_loaded(struct filecut_fs *fs, const char *path);

/* Carries out one operation. False: it does not fit what the model knows, which is a bug here. */
bool filecut_fs_do(struct filecut_fs *fs, const struct filecut_rec *r,
		   const struct filecut_rec_op *op) KB_MUST_CHECK;

/* Makes the cells durable: what O_DSYNC promises of a write that returned. A cut does not take that
 * for granted; a process that is killed has no other way to leave a write behind. */
void filecut_fs_flush_state(struct filecut_fs *fs);

/* Everything as it is while there is power. */
void filecut_fs_now(const struct filecut_fs *fs, struct filecut_image *im);

/* Called for each image; ordinal counts from 0, in an order that is always the same. */
typedef void (*filecut_fs_fn)(const struct filecut_image *im, uint64_t ordinal);

/* All images that a cut may leave now, and how many those are. */
uint64_t filecut_fs_cut(const struct filecut_fs *fs, filecut_fs_fn fn);

/* ---------------------------------------------------------------- filecut_world.c */
/*
 * A device in a folder: configuration, keys, two slots, the state partition and the data partition
 * as a cut left them.
 */
/* How long the machine has to run before a report proves its slot, and whether the system has
 * reported in this boot: 0 and no to begin with. */
void filecut_world_report(unsigned stable_after, bool reported);

/* Makes the folder and the bundles; both end with the process. */
void filecut_world_begin(void);

#define FILECUT_WORLD_IMAGE 4096u

/* The new release, and another one. */
extern struct filecut_world_release {
	struct bundles_release r;
	uint32_t bundle;	       /* as the data partition should hold it: a blob */
	char path[FILECUT_IMAGE_PATH]; /* its name there */
	uint8_t image[FILECUT_WORLD_IMAGE];
} filecut_world_release[2];

/* The cells of a state partition that says s since its last record, and said that nothing had
 * happened yet in those before. If s has a floor, slot b's manifest cell has none. Adds them to im.
 */
void filecut_world_state(struct filecut_image *im, struct state *s);
/* Slot a is good and runs 1.0, slot b is empty. */
void filecut_world_fresh(struct state *s);
/* The release is staged; slot b holds the new one. */
void filecut_world_stage(struct state *s, bool other);
void filecut_world_in_b(struct state *s, enum state_st st);

/* Adds the stage folder, and in it the bundle that s says is staged. NULL: none. */
void filecut_world_add_folder(struct filecut_image *im, const struct state *s);

/* Makes the folder and the state partition what im says. */
void filecut_world_put(const struct filecut_image *im);
/* What they hold now. */
void filecut_world_get(struct filecut_image *im);
/* Slot b becomes empty. token: slot b runs, and mark good needs it; 0: slot a runs. */
void filecut_world_booted(uint64_t token);

/* Puts the release's image into slot b. */
void filecut_world_fill_b(bool other);
/* Whether slot b holds the release's image. */
bool filecut_world_slot_b(bool other);

/* ---------------------------------------------------------------- filecut_run.c */
/* The verbs, each as a process of its own, with the objects that are linked into the product. */
enum filecut_run_verb {
	FILECUT_RUN_STAGE,	 /* `keelboot stage` of the new release */
	FILECUT_RUN_STAGE_OTHER, /* ... of another one, older, but newer than what runs */
	FILECUT_RUN_UNSTAGE,
	FILECUT_RUN_BY_FLEET, /* keelboot-fleet stages the new release, and notes that before */
	FILECUT_RUN_GOOD,     /* `keelboot mark good` */
	FILECUT_RUN_STATUS,   /* from here on: not cut, they are to tell */
	FILECUT_RUN_APPLY, /* the boot's look at the stage folder, and the install that follows */
	FILECUT_RUN_VERBS,
};

#define FILECUT_RUN_SIGNAL 1000 /* + the signal's number: it crashed */

const char *filecut_run_name(enum filecut_run_verb v);

/* A process of this device: the command, which may have one operand, a bundle by its name; "apply";
 * "guardian bad", "guardian proven". As filecut_run_do(). */
int filecut_run_line(const char *line, const struct filecut_rec_plan *plan);

/* Runs it; exit code, or FILECUT_RUN_SIGNAL + n. */
int filecut_run_do(enum filecut_run_verb v, const struct filecut_rec_plan *plan);
/* filecut_wear.c: runs each command once, and holds what it writes to the state partition to the
 * table of docs/STATE.md. What differs is printed; how many rows did not. */
void filecut_wear_run(unsigned *passed, unsigned *failed);
/* What was recorded of it, and what it said. Until the next. */
extern struct filecut_rec *filecut_run_rec;
extern char filecut_run_said[];

/* ---------------------------------------------------------------- filecut_check.c */
/* What has to hold of every image, and what has to come of it. */
/* What keelboot-fleet staged is noted here. */
#define FILECUT_CHECK_NOTE STAGED_NOTE_FOLDER "/" STAGED_NOTE_FILE

/* What was promised by the time of a cut. */
struct filecut_check_rule {
	struct filecut_image_state before; /* what the state said when the verb began */
	struct filecut_image_state first;  /* and before another one, that was killed */
	enum filecut_run_verb verb;
	bool ended; /* it returned, and with this: */
	int code;
	/* whether the note says, in these, that keelboot-fleet staged it */
	bool noted_before, noted_first;
	bool lied; /* a flush of the state was acknowledged, and was none: see filecut_check.c */
	uint32_t damaged; /* blob that the staged file was to begin with; 0: it was whole */
};

/* Whether what is staged is noted as keelboot-fleet's. */
bool filecut_check_noted(const struct filecut_image *im);

/* Of the image alone. NULL: it holds; else what does not, until the next call. */
const char *filecut_check_image(const struct filecut_image *im,
				const struct filecut_check_rule *rule);

/* Of what the verb said: it claims success just when its exit code does. NULL or what is wrong. */
const char *filecut_check_said(enum filecut_run_verb v, int code, const char *said);

/*
 * Of what the verb, run on the image `from` without a cut and with this exit code, made of it: the
 * image `to`. NULL or what is wrong.
 */
const char *filecut_check_end(const struct filecut_image *from, const struct filecut_image *to,
			      enum filecut_run_verb v, int code);

/* ---------------------------------------------------------------- filecut_walk.c */
/*
 * All that cuts, also several in a row, may make of a story: breadth first over images that differ,
 * each verb run on each of them and cut after each of its operations, until nothing new comes.
 */
/* What lies on the data partition in the beginning, and what the state says of it. */
struct filecut_walk_story {
	const char *name, *what;
	enum filecut_walk_staged {
		FILECUT_WALK_NOTHING,
		FILECUT_WALK_NEW,
		FILECUT_WALK_OTHER
	} staged;
	unsigned fails; /* how often that failed at a boot */
	bool folder;	/* ours is there, with a file of somebody else */
	bool litter;
	bool damaged; /* the staged file is not whole */
	bool trial;   /* slot b runs on trial with the new release; it may be marked good */
	bool noted;   /* keelboot-fleet staged it: a server may have it unstaged */
	size_t room;  /* bytes in the stage folder; 0: enough */
};

#define FILECUT_STORIES 7
extern const struct filecut_walk_story filecut_story[FILECUT_STORIES];
void filecut_story_make(const struct filecut_walk_story *story, struct filecut_image *im);

/* One step of the way to an image. */
struct filecut_walk_step {
	enum filecut_run_verb verb;
	struct filecut_fault fault; /* .kind NONE: nothing goes wrong */
	unsigned at;		    /* its turn */
	enum filecut_run_verb then; /* if the fault killed the first; this one is cut */
	unsigned cut;		    /* after so many changes; 0: the power did not fail */
	uint64_t ordinal;	    /* of the images that this cut may leave */
};

/* Bytes of a block of a file's content, as it is written and torn. */
extern uint64_t filecut_walk_block;
/* Each operation is made to fail, and each process is killed, on all images, not only on the one
 * that the story begins with. */
extern bool filecut_walk_deep;

/* Walks a story. Violations are printed, with the command that replays the shortest way to each. */
void filecut_walk_run(unsigned i, struct report_line *l);
extern const struct report_column filecut_walk_columns[];

/* Goes one way, "stage:12:3/unstage:4:0", and shows each step, and what is violated by it. False:
 * there is no such way, or something is. */
bool filecut_walk_replay(unsigned i, const char *way);

/* ---------------------------------------------------------------- filecut_way.c */
/* A way through a story, in writing; and what stands on it, for people. */

/* Everything that can go wrong. The last has no name. */
extern const struct filecut_fault filecut_way_faults[];

/* "stage:12:3": cut after 12 changes, image 3; "stage+kill7+unstage:2:0", "stage+eio4:9:1". Until
 * the next. */
const char *filecut_way_print(const struct filecut_walk_step *step);
/* Reads one step, and goes behind it and its "/". False after a message. */
bool filecut_way_parse(const char **way, struct filecut_walk_step *step);

void filecut_way_show_image(const struct filecut_image *im);
