/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Power cuts around the data that goes back with the release: the shipped choice of a slot
 * (selector/attempt.c), the shipped rules (selector/data.c) and the shipped work on the data
 * partition (initramfs/data) run on a model of a file system that loses power, life after life.
 * tests/sim/DATACUT.md says how.
 */
#pragma once

#include "selector/state.h"
#include "tests/sim/report.h"

#include <setjmp.h>

/* ---------------------------------------------------------------- datacut_fs.c */
/*
 * A file system in memory. A change is whole or not there; after a cut each change since the last
 * sync is there or not, for itself, whatever came before or behind it.
 */
#define DATACUT_NODES 96
#define DATACUT_NAMES 128
#define DATACUT_NAME  32
#define DATACUT_TEXT  160 /* bytes of a file */
#define DATACUT_TOP   0	  /* node of the top folder */

struct datacut_node {
	bool folder, subvolume;
	unsigned len;
	char text[DATACUT_TEXT];
};

struct datacut_name {
	int in, node; /* node < 0: no name */
	char name[DATACUT_NAME];
};

struct datacut_fs {
	unsigned nnodes, nnames;
	struct datacut_node node[DATACUT_NODES];
	struct datacut_name name[DATACUT_NAMES];
};

enum datacut_kind {
	DATACUT_ADD,
	DATACUT_REMOVE,
	DATACUT_MOVE,
	DATACUT_REPLACE, /* moves, and what has that name is gone */
	DATACUT_WRITE,
	DATACUT_COPY,
};

/* One change that a cut keeps or loses. */
struct datacut_change {
	enum datacut_kind kind;
	int in, to_in, node;
	char name[DATACUT_NAME], to[DATACUT_NAME];
	unsigned off, len;
	char text[DATACUT_TEXT];
};

void datacut_fs_init(struct datacut_fs *fs);
/* Node of a name; -1: none. */
int datacut_fs_find(const struct datacut_fs *fs, int in, const char *name);
/* Node of "app/db". */
int datacut_fs_path(const struct datacut_fs *fs, const char *path);
/* A node without a name. */
int datacut_fs_node(struct datacut_fs *fs, bool folder);
/* Carries out a change; one that has nothing to work on is lost. */
void datacut_fs_do(struct datacut_fs *fs, const struct datacut_change *c);
/* All that can be reached, as text: what two images have in common that are the same. What is only
 * to be deleted is any file. Its length. */
size_t datacut_fs_print(const struct datacut_fs *fs, char *out, size_t size);
/* And back. */
void datacut_fs_read(struct datacut_fs *fs, const char *text);

/* ---------------------------------------------------------------- datacut_calls.c */
/* The ends of the seam, on that file system. */
#define DATACUT_PENDING 400

extern struct datacut_calls {
	struct datacut_fs now, durable;
	unsigned npending;
	struct datacut_change pending[DATACUT_PENDING];
	bool shares;   /* FICLONE works */
	uint64_t room; /* that is left; 0: enough */
	int mounted;   /* the folder at any path: datacut_calls_mount() */
	/* What is to happen, and what has: operations that change something, syncs too. */
	unsigned turn, cut_at, fail_at;
	int fail_with;
	jmp_buf cut;
} datacut_calls;

/* A process begins: what is there is durable. */
void datacut_calls_begin(const struct datacut_fs *fs);
/* One turn: does not return if the power is cut. True: it has to fail, and errno is set. */
bool datacut_calls_turn(void);
/* The top folder, open. */
int datacut_calls_top(void);
/* Another file system is mounted: its copy, which no cut changes, is what any path leads to. */
void datacut_calls_mount(const struct datacut_fs *other);
/* fn for each image that a cut may leave now. */
void datacut_calls_images(void (*fn)(const struct datacut_fs *fs));

/* ---------------------------------------------------------------- datacut_world.c */
/* What a device is, between two lives of it. */
struct datacut_world {
	struct state s;
	struct datacut_fs fs;
	/* What was written last: by slot a; by the trial in slot b, "" if it has not run; by
	 * whoever, once the trial is committed. */
	char old[8], trial[8];
	bool committed;
	/* Something failed, and the boot told so: slot a may run with what is not its own. */
	bool excused;
};

/* How a process of the device ends. */
enum datacut_do {
	DATACUT_BOOT,	    /* after a power cut, or an orderly shutdown */
	DATACUT_BOOT_CRASH, /* after a crash */
	DATACUT_GOOD,	    /* `keelboot mark good` */
	DATACUT_BAD,	    /* `keelboot mark bad` */
	DATACUT_AWAY,	    /* `keelboot switch` to the other slot, or back */
	DATACUT_ONCE,	    /* the same with --once */
	DATACUT_DOES,
};

#define DATACUT_NOBODY (-1)

void datacut_world_init(struct datacut_world *w, bool subvolumes);
/*
 * Runs it, with what datacut_calls is told to do. The slot that runs then: of a boot the one that
 * it chose, else `runs`; DATACUT_NOBODY: none, or it does not apply. *cut: the power failed, and w
 * has the state of then; datacut_calls_images() has the file system.
 */
int datacut_world_do(struct datacut_world *w, enum datacut_do what, int runs, bool *cut);
/* The system in the slot, which was booted before, writes what it will. faulty: something failed in
 * that boot. NULL, or what it should not have found there. */
const char *datacut_world_run(struct datacut_world *w, int slot, bool writes, bool faulty);

/* ---------------------------------------------------------------- datacut_anew.c */
/* The story of a reset. */
void datacut_anew_run(struct report_line *l, bool trial);

/* ---------------------------------------------------------------- datacut_walk.c */
extern const struct report_column datacut_walk_columns[];
extern uint64_t datacut_walk_depth; /* so many processes one after the other */
const char *datacut_walk_story(unsigned i);
void datacut_walk_run(unsigned i, struct report_line *l);
