/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lives of a device in which one operation fails, lies, or kills its process. tests/sim/IOERR.md
 * says how.
 */
#pragma once

#include "tests/sim/check.h"
#include "tests/sim/deltas.h"
#include "tests/sim/barebox.h"
#include "tests/sim/os_sim.h"
#include "tests/sim/parts.h"
#include "tests/sim/report.h"
#include "tests/sim/wear_table.h"

#include <errno.h>
#include <signal.h>

/* ---------------------------------------------------------------- ioerr_fault.c */
/*
 * One thing that goes wrong: the n-th operation of one kind on one device, or the n-th call of one
 * process. Counted in memory that all processes of a run share, so that it does not matter which of
 * them comes to it. A device of any kind becomes one that fails by asking ioerr_fault_turn().
 */
enum ioerr_fault_target {
	IOERR_FAULT_STATE,
	IOERR_FAULT_SLOT_A,
	IOERR_FAULT_SLOT_B,
	IOERR_FAULT_SLOT_B_RAW, /* the same, opened past the page cache */
	IOERR_FAULT_DATA,	/* files on the data partition */
	IOERR_FAULT_STICK,	/* the file that is read from a stick */
	IOERR_FAULT_RAW,	/* the raw stage partition */
	IOERR_FAULT_BOOT_A,	/* the kernel of a slot */
	IOERR_FAULT_BOOT_B,
	IOERR_FAULT_GRUBENV, /* what the boot loader keeps */
	IOERR_FAULT_INIT,    /* the calls of these processes */
	IOERR_FAULT_APPLY,
	IOERR_FAULT_DECODER,
	IOERR_FAULT_LOADER, /* keelboot-loader */
	IOERR_FAULT_COMMAND,
	IOERR_FAULT_GUARDIAN,
	IOERR_FAULT_TARGETS
};

enum ioerr_fault_op {
	IOERR_FAULT_READ,
	IOERR_FAULT_WRITE,
	IOERR_FAULT_FLUSH,
	IOERR_FAULT_DISCARD,
	IOERR_FAULT_CALL,  /* of the kernel */
	IOERR_FAULT_ALLOC, /* of memory, by OpenSSL: nothing else of ours allocates on a device */
	IOERR_FAULT_OPS
};

enum ioerr_fault_kind {
	IOERR_FAULT_NONE,
	IOERR_FAULT_FAILS,     /* once; nothing of it happens */
	IOERR_FAULT_LANDS,     /* says that it failed, and happened */
	IOERR_FAULT_SHORT,     /* half of it happens */
	IOERR_FAULT_EVER,      /* fails, and all after it on this device, or each such call */
	IOERR_FAULT_WRONG,     /* other bytes; a read is right the next time */
	IOERR_FAULT_ZEROES,    /* a read that gives nothing but zeroes, as a lazy card does */
	IOERR_FAULT_ONES,      /* or but 0xff, as erased flash does */
	IOERR_FAULT_LOST,      /* says that all went well, and nothing happened */
	IOERR_FAULT_DROPS,     /* a flush that failed, and what it was for is gone */
	IOERR_FAULT_DIES,      /* the process, before it */
	IOERR_FAULT_DIES_LATE, /* or after it */
	IOERR_FAULT_KINDS
};

struct ioerr_fault {
	enum ioerr_fault_target target;
	enum ioerr_fault_op op;
	unsigned n; /* from 1 */
	enum ioerr_fault_kind kind;
	int errnum; /* of a call */
	bool again; /* each such operation from then on */
};

/* Shared by all processes of a run. */
struct ioerr_fault_shared {
	struct ioerr_fault fault;
	bool mended; /* from now on nothing fails, and nothing is counted */
	unsigned count[IOERR_FAULT_TARGETS][IOERR_FAULT_OPS];
	unsigned written[2]; /* times that something of a slot, or of its kernel, was changed */
	struct wear_table_counts wear; /* writes to the state partition in this boot */
	bool fired;
	char call[32];		    /* that it fired at */
	enum ioerr_fault_target by; /* the process that came to it first; TARGETS: none of ours */
	int pid;		    /* of the process that has to die now, for those who wonder */
};

/* All later calls are about this run. */
void ioerr_fault_use(struct ioerr_fault_shared *s);

/* One more operation; what is to go wrong with it. IOERR_FAULT_DIES does not come back. May be
 * called by threads. */
enum ioerr_fault_kind ioerr_fault_turn(enum ioerr_fault_target t, enum ioerr_fault_op op);

/* The same for a call by its name; the errno that it is to fail with, or 0. */
int ioerr_fault_call(enum ioerr_fault_target t, const char *call);

/* Something of a device is changed now, whatever the fault is. verb: "write", "zero", "discard". */
void ioerr_fault_written(enum ioerr_fault_target t, const char *verb, uint64_t off, uint64_t len);

/* fn is called before a slot, or its kernel, is changed. */
void ioerr_fault_on_written(void (*fn)(int slot));

/* Ends this process as a crash would. */
void ioerr_fault_die(void) __attribute__((noreturn));

/* It does not go away by itself. */
bool ioerr_fault_is_for_ever(const struct ioerr_fault *f);

/* "slot-b write 17 ever-lost -", "init call 3 fails EIO". */
void ioerr_fault_text(const struct ioerr_fault *f, char *out, size_t size);
/* The reverse; false: it is none. */
bool ioerr_fault_parse(struct ioerr_fault *f, const char *text);

extern const char *const ioerr_fault_targets[], *const ioerr_fault_ops[],
							*const ioerr_fault_kinds[];

/* ---------------------------------------------------------------- ioerr_disk.c */
/*
 * A disk that several processes share, with a volatile cache, and with the one fault that
 * ioerr_fault.h tells. It keeps two contents: what it answers with, and what is durable. Which
 * sectors survive a power cut in which order is cut_disk's subject, not this one's.
 */
struct ioerr_disk;

/* One way to open it. */
struct ioerr_disk_end {
	struct bdev bdev; /* first: a struct bdev * is one of these */
	struct ioerr_disk *disk;
	const uint8_t *from; /* what a read sees */
	enum ioerr_fault_target target;
};

/* Contents are shared. The page cache has what was written, and the medium may have lost. */
struct ioerr_disk {
	/* Through the page cache, past it, and, past all faults, what is durable: to be read. */
	struct ioerr_disk_end cached, direct, durably;
	uint8_t *cache, *now, *durable;
	uint8_t *page; /* of each, what is known of it */
	int fd;	       /* of `now`, for those who read it as a file */
	uint64_t size;
};

/* Shared memory for it, all zero. Ends the process when there is none. */
void ioerr_disk_init(struct ioerr_disk *d, uint64_t size, enum ioerr_fault_target cached,
		     enum ioerr_fault_target direct);
void ioerr_disk_free(struct ioerr_disk *d);
/* Durably, past all faults. */
void ioerr_disk_put(struct ioerr_disk *d, uint64_t off, const void *data, size_t len);
/* Power fails: what was not flushed is gone (or, with keep, is durable). */
void ioerr_disk_restart(struct ioerr_disk *d, bool keep);

/* ---------------------------------------------------------------- ioerr_content.c */
/* What is on the disks of ioerr_world.h: three images, a bundle with one of them, and the names of
 * the devices, which no machine that runs this has. */
#define IOERR_CONTENT_DISK   "vdq"
#define IOERR_CONTENT_STATE  "/dev/vdq1"
#define IOERR_CONTENT_SLOT_A "/dev/vdq2"
#define IOERR_CONTENT_SLOT_B "/dev/vdq3"
#define IOERR_CONTENT_DATA   "/dev/vdq4"
#define IOERR_CONTENT_RAW    "/dev/vdq5"
#define IOERR_CONTENT_BOOT_A "/dev/vdq6"
#define IOERR_CONTENT_BOOT_B "/dev/vdq7"
#define IOERR_CONTENT_GRUB   "/dev/vdq8"
#define IOERR_CONTENT_STICK  "sdq"

#define IOERR_CONTENT_IMAGE (224u << 10)
#define IOERR_CONTENT_ROT   58152u     /* of a chunk that is made from there */
#define IOERR_CONTENT_SLOT  (4u << 20) /* so that there is something to discard and to clear */

/* The releases: what slot b holds in the beginning, what slot a holds, and the bundle. Each image
 * has IOERR_CONTENT_IMAGE bytes. */
#define IOERR_CONTENT_RELEASES 3
const struct bundles_release *ioerr_content_release(unsigned sequence);
/* That of an image; NULL: of none. One that rots counts as what it was. */
const struct bundles_release *ioerr_content_of(const uint8_t *image);
/* What a run is about: three releases, and the file of the last one's bundle, as above. NULL: those
 * of most stories. super: where a superblock begins; rots: at IOERR_CONTENT_ROT, what slot a holds
 * is not what it was. */
struct ioerr_content_set {
	struct bundles_release release[IOERR_CONTENT_RELEASES];
	char bundle[256];
	unsigned super;
	bool rots;
};
void ioerr_content_use(const struct ioerr_content_set *set);
unsigned ioerr_content_super(void);

/* ---------------------------------------------------------------- ioerr_delta.c */
/* Of both slots and the bundle: one of that kind, which is made from what slot a holds; with the
 * whole image beside it, or without. rots: slot a has changed in one chunk since. */
void ioerr_delta_begin(enum deltas_kind kind, bool whole, bool rots);
/* The same with a partial bundle, which lacks what slots a and b have in its place. */
void ioerr_delta_parts(bool rots);
/* Puts the bundle onto the raw stage partition. */
void ioerr_content_raw(void);
/* The bundle's path on this machine. */
extern char ioerr_content_bundle[256];

/* ---------------------------------------------------------------- ioerr_world.c */
/*
 * A whole device for stories about faults: process 1 on the simulated kernel, keelboot-apply and
 * the command as processes of their own, disks that all of them share, real bundles. What is linked
 * is what ships; only the kernel is not real.
 */
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
	bool died;   /* process 1 did, as it was told */
	bool hung;   /* the kernel that was started never came to it, until the watchdog fired */
	bool handed; /* it has restarted for the kernel of another slot */
	bool back;   /* the same, and that is what the boot loader starts by itself */
	int pair;    /* whose kernel runs; STATE_NONE */
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
	void (*prepare)(struct ioerr_world *w); /* before anything can fail; NULL: nothing */
	unsigned boots;				/* that are played with the fault */
	unsigned goal;				/* the release that runs in the end */
	/* What somebody does in the system that was booted: in slot a `keelboot install` as long as
	 * it has not worked, or `switch`; in slot b `mark bad`, once. Else `mark good`, as a unit
	 * does at each boot. */
	bool installs, switches, rejects;
	bool a_broken;			/* slot a does not mount, though the state calls it good */
	bool guarded;			/* there is a guardian, which feeds the watchdog too */
	enum ioerr_world_script script; /* of a trial; a system that is good says so */
	bool delta;			/* only what reads the slots and the bundle fails */
	bool keeps;			/* slot b is not touched, whatever fails */
	/* Only the state, kernels and what starts them, and what the guardian and the command
	 * call, fails. */
	bool narrow;
	unsigned thin; /* of a sample, only one in so many */
	bool pairs;    /* each slot has a kernel of its own, which a boot loader starts */
	bool counts;   /* which counts how often it starts its preset */
	bool dead;     /* the kernel of the update never comes up */
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
	bool barebox;			/* starts the kernels, and not GRUB */
	enum ioerr_world_script script; /* as long as it is the story's */
	unsigned stick_ms;		/* when */
	bool told;	/* somebody said that an update, or the boot loader, failed */
	bool unsaid;	/* a trial's command has failed, so nobody has said that it is good */
	int bootstatus; /* of the watchdog at the next boot */
	char violation[CHECK_WHY]; /* the first one; "" */
};

#define IOERR_WORLD_OLD 9  /* sequences of the releases: what slot b holds in the beginning, */
#define IOERR_WORLD_NOW 10 /* what slot a holds, */
#define IOERR_WORLD_NEW 20 /* and the bundle */

/* Once: keys, images, bundle. */
void ioerr_world_make(void);

/* A device with slots a (NOW) and b (OLD), both good, and this to go wrong. */
struct ioerr_world *ioerr_world_begin(const struct ioerr_fault *f);
void ioerr_world_end(struct ioerr_world *w);

/* Durably, past all faults. */
struct state ioerr_world_get(void);
void ioerr_world_put(struct state *s);
struct ioerr_disk *ioerr_world_disk(enum ioerr_fault_target t);
/* The release that a slot holds, whole; NULL: none. durable: after a power cut. */
const struct bundles_release *ioerr_world_holds(int slot, bool durable);

/* One boot, and what the system does then. */
void ioerr_world_boot(struct ioerr_world *w);
/* The power fails, or, with keep, does not: the next boot begins. */
void ioerr_world_restart(struct ioerr_world *w, bool keep);

/* Notes a violation; the first one stays. */
#define ioerr_world_fail(w, ...) check_note((w)->violation, __VA_ARGS__)

/* Which process this is: what its calls are counted as. */
extern enum ioerr_fault_target ioerr_world_process;

/* ---------------------------------------------------------------- ioerr_process.c */
/* The processes of ioerr_world.h. */
/* Process 1, and what runs after it. In a process of its own. */
void ioerr_process_init(struct ioerr_world *w);
/* Makes the simulation start keelboot-apply and keelboot-loader for what they are. */
void ioerr_process_children(struct ioerr_world *w);
/* The command of the system that was booted, and all that there are. */
extern const char *const ioerr_process_commands[];
void ioerr_process_command(struct ioerr_world *w);
/* A process of the run; 0: this is it. */
pid_t ioerr_process_begin(struct ioerr_world *w, enum ioerr_fault_target who);
/* How it ended: its exit code; -1: it died as it was told. */
int ioerr_process_end(struct ioerr_world *w, pid_t pid);
/* Before anything else uses OpenSSL, whose memory can fail too, and before the first process: what
 * they become, and where their signals go. */
void ioerr_process_hooks(void);
/* If a guardian was started: what it and the system do until the machine is down, or until nothing
 * is left to wait for. False: there is none. */
bool ioerr_guardian_run(struct ioerr_world *w);
/* A signal from one process of the device to another. */
void ioerr_guardian_kill(pid_t pid, int sig);
/* ioerr_files.c: files stand for those of the device, once, before the first run. */
void ioerr_files_begin(void);

/* ---------------------------------------------------------------- ioerr_pairs.c */
/* A device where each slot has a kernel of its own; nothing on others. */
#define IOERR_PAIRS_SIZE  (INSTALL_SEAL_LEN + (16u << 10)) /* of a kernel */
#define IOERR_PAIRS_PART  (1u << 20)
#define IOERR_PAIRS_STORE BAREBOX_SIZE /* of either loader */
#define IOERR_PAIRS_MAX	  12	       /* starts, until a system runs */

/* Before anything can fail: releases a and b in the slots, and which one is GRUB's preset. */
void ioerr_pairs_put(struct ioerr_world *w, unsigned a, unsigned b, int preset);
/* In the process of a boot: GRUB. False: what it started does not come up. */
bool ioerr_pairs_start(struct ioerr_world *w, const char **how);
/* The pair that a slot holds, whole; NULL: none. durable: after a power cut. */
const struct bundles_release *ioerr_pairs_holds(int slot, bool durable);
/* No system runs, and none was to: another start follows. */
bool ioerr_pairs_goes_on(const struct ioerr_world *w);
/* What may never be. Of a system that is entered, with the state that process 1 has; after a power
 * cut; of a device at rest; of a whole life. */
void ioerr_pairs_check_entry(struct ioerr_world *w, const struct state *s);
void ioerr_pairs_check(struct ioerr_world *w, const struct state *s);
bool ioerr_pairs_rests(const struct ioerr_world *w);
/* Nothing of Keelboot can start; GRUB's store is one that only a person mends. */
bool ioerr_pairs_may_hang(const struct ioerr_world *w);
bool ioerr_pairs_is_damaged(const struct ioerr_world *w);
void ioerr_pairs_check_life(struct ioerr_world *w);

/* ---------------------------------------------------------------- ioerr_story.c */
/*
 * Lives of a device in which one thing goes wrong. Each is played with a fault, then the fault is
 * gone and the device has to settle; what may never be is checked after each boot.
 */
extern const struct ioerr_story ioerr_story_all[];
extern const unsigned ioerr_story_count;

/* The device as a story begins, before its first boot. */
void ioerr_story_begin(const struct ioerr_story *story, struct ioerr_world *w);
/* ioerr_wear.c: how much whole boots of a device write to the state partition, process 1 and
 * keelboot-apply together, held to the rows of docs/STATE.md that say "device". */
void ioerr_wear_run(unsigned *passed, unsigned *failed);

/* ioerr_sweep.c: all faults of all stories, each in a process of its own, and what came of them. */
int ioerr_sweep_main(int argc, char **argv);

/* Plays one story. What was violated is in w->violation. */
void ioerr_story_play(const struct ioerr_story *story, struct ioerr_world *w);

/* ioerr_check.c: what may never be, whatever fails. */
/* After a boot, while its power is still on. before: how often the slots were changed until then.
 */
void ioerr_check_boot(struct ioerr_world *w, const unsigned before[2]);

/* What the guardian has made of what the system did. */
void ioerr_check_guardian(struct ioerr_world *w);

/* After the power was cut: that what was said to be so is so. */
void ioerr_check_claims(struct ioerr_world *w);

/* True when the device runs what it ought to, and has nothing left to do. */
bool ioerr_check_settled(const struct ioerr_story *story, struct ioerr_world *w,
			 const struct state *before, const struct state *after);
