/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole device for stories about faults: process 1 on the simulated kernel, keelboot-apply and
 * the command as processes of their own, disks that all of them share, real bundles. What is linked
 * is what ships; only the kernel is not real.
 */
#pragma once

#include "selector/state.h"
#include "tests/sim/bundles.h"
#include "tests/sim/ioerr_disk.h"
#include "tests/sim/os_sim.h"

/* What the system does that was booted. */
enum ioerr_world_act {
	IOERR_WORLD_IDLE,
	IOERR_WORLD_GOOD,    /* keelboot mark good */
	IOERR_WORLD_BAD,     /* keelboot mark bad */
	IOERR_WORLD_INSTALL, /* keelboot install */
	IOERR_WORLD_CLEAN,   /* keelboot mark clean: a shutdown begins */
	IOERR_WORLD_SWITCH,  /* keelboot switch other */
};

/* What the system does that a guardian watches. */
enum ioerr_world_script {
	IOERR_WORLD_VERDICT,  /* it marks itself good */
	IOERR_WORLD_SHUTDOWN, /* one begins in order before the deadline, and ends behind it */
	IOERR_WORLD_HANGING,  /* one begins, and never ends */
	IOERR_WORLD_SILENT,   /* says nothing, and shuts down when it is asked */
	IOERR_WORLD_STUCK,    /* says nothing, and does nothing */
};

#define IOERR_WORLD_DEADLINE_S	60 /* of a trial, and of a shutdown */
#define IOERR_WORLD_HANGS_AT_MS 20000u
#define IOERR_WORLD_STABLE_S	40	/* where there is a guardian, which notes it */
#define IOERR_WORLD_HORIZON_MS	600000u /* then the power fails */
#define IOERR_WORLD_HANG_S	60	/* of real time: then a process hangs */

/* Of the guardian of the last boot, in milliseconds since it began; 0: did not happen. */
struct ioerr_world_guard {
	enum ioerr_world_script script;
	bool started, died;
	bool fired;    /* the watchdog */
	bool reported; /* `mark good` was called */
	uint64_t asked_ms, forced_ms, down_ms;
	unsigned pending; /* signals */
	int pid;
};

#define IOERR_WORLD_NOT_RUN (-1)
#define IOERR_WORLD_TRACE   (96u << 10)

/* Of the last boot. */
struct ioerr_world_boot {
	bool died; /* process 1 did, as it was told */
	enum os_sim_end end;
	int slot;	     /* that was entered; STATE_NONE */
	unsigned written[2]; /* changes of the slots before one was entered; all, if none was */
	struct wear_table_counts wear; /* the same of the state partition */
	uint64_t ms;		       /* that it took */
	enum ioerr_world_act act;
	bool commanded;	    /* the command was run, whatever became of it */
	int apply, command; /* exit codes; IOERR_WORLD_NOT_RUN, also when they died as told */
	char trace[IOERR_WORLD_TRACE];
};

#define IOERR_STORY_ANY 0 /* any release that is whole */

/* Of ioerr_story.h: what a life is like. */
struct ioerr_world;
struct ioerr_story {
	const char *name;
	void (*prepare)(struct ioerr_world *w); /* before anything can fail */
	unsigned boots;				/* that are played with the fault */
	unsigned goal;				/* the release that runs in the end */
	/* What somebody does in the system that was booted: in slot a `keelboot install` as long as
	 * it has not worked, or `switch`; in slot b `mark bad`, once. Else `mark good`, as a unit
	 * does at each boot. */
	bool installs, switches, rejects;
	bool a_broken;			/* slot a does not mount, though the state calls it good */
	bool guarded;			/* there is a guardian, which feeds the watchdog too */
	enum ioerr_world_script script; /* of a trial; a system that is good says so */
	bool narrow; /* only the state, and what the guardian and the command call, fails */
};

/* Shared by all processes of a run. */
struct ioerr_world {
	const struct ioerr_story *story;
	struct ioerr_fault_shared fault;
	struct ioerr_world_boot boot;
	struct ioerr_world_guard guard;
	unsigned boots;
	int entered;			/* the slot that ran last; STATE_NONE */
	bool show;			/* print what each boot does */
	bool stick;			/* one is plugged in, with a bundle */
	bool raw;			/* a bundle lies on the raw stage partition */
	enum ioerr_world_script script; /* as long as it is the story's */
	unsigned stick_ms;		/* when */
	bool unsaid;	     /* a trial's command has failed, so nobody has said that it is good */
	int bootstatus;	     /* of the watchdog at the next boot */
	char violation[400]; /* the first one; "" */
};

#define IOERR_WORLD_OLD 9  /* sequences of the releases: what slot b holds in the beginning, */
#define IOERR_WORLD_NOW 10 /* what slot a holds, */
#define IOERR_WORLD_NEW 20 /* and the bundle */

/* Once: keys, images, bundle. */
void ioerr_world_make(void);
/* system.conf of the device that there is. */
const char *ioerr_world_conf(void);
/* Where keelboot-apply and the command find, under the name of a device or of a folder, what stands
 * for it; path itself when nothing does. */
const char *ioerr_world_path(const char *path);
/* Where what is read or written by files is. */
enum ioerr_fault_target ioerr_world_medium(void);
/* A bundle lies on the raw stage partition. */
bool ioerr_world_has_raw(const struct ioerr_world *w);

/* A device with slots a (NOW) and b (OLD), both good, and this to go wrong. */
struct ioerr_world *ioerr_world_begin(const struct ioerr_fault *f);
void ioerr_world_end(struct ioerr_world *w);

/* Durably, past all faults. */
struct state ioerr_world_get(void);
void ioerr_world_put(struct state *s);
struct ioerr_disk *ioerr_world_disk(enum ioerr_fault_target t);
/* The release that a slot holds, whole; NULL: none. durable: after a power cut. */
const struct bundles_release *ioerr_world_holds(int slot, bool durable);
/* Takes the file system of a slot away: its first block. */
void ioerr_world_unmountable(int slot);

/* One boot, and what the system does then. */
void ioerr_world_boot(struct ioerr_world *w);
/* The power fails, or, with keep, does not: the next boot begins. */
void ioerr_world_restart(struct ioerr_world *w, bool keep);

/* Notes a violation; the first one stays. */
void ioerr_world_fail(struct ioerr_world *w, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Which process this is: what its calls are counted as. */
extern enum ioerr_fault_target ioerr_world_process;
