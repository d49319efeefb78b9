/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The closure over power cuts: life stories of a small device, told by the shipped objects on
 * simulated disks, cut before and after every operation, and gone on with from every image that a
 * cut may leave, until nothing new is found. tests/sim/POWERCUT.md says how, and what is assumed.
 */
#pragma once

#include "selector/store_internal.h"
#include "tests/sim/check.h"
#include "tests/sim/deltas.h"
#include "tests/sim/grub.h"
#include "tests/sim/parts.h"
#include "tests/sim/report.h"
#include "tests/sim/set.h"
#include "tests/sim/uboot.h"

#define POWERCUT_SLOTS	  2
#define POWERCUT_RELEASES 3 /* 0 and 1 are installed in the beginning, 2 is the update */
#define POWERCUT_NEW	  2
#define POWERCUT_NONE	  (-1)

/* RAW: its first block; of a data partition, the one sector that says whether the staged file is
 * there. */
enum powercut_disk {
	POWERCUT_STATE,
	POWERCUT_A,
	POWERCUT_B,
	POWERCUT_RAW,
	POWERCUT_BOOT_A, /* kernels and initramfs of the slots */
	POWERCUT_BOOT_B,
	POWERCUT_LOADER, /* what the boot loader keeps */
	POWERCUT_DISKS
};

/* What the hardware tells at the next start. A watchdog's reset leaves its mark, memory outlives a
 * warm reset; hardware that tells nothing makes all of them POWERCUT_UNKNOWN. */
enum powercut_reset { POWERCUT_UNKNOWN, POWERCUT_POWER, POWERCUT_CRASH, POWERCUT_WARM };

/* Programs that run in a process of their own. */
enum powercut_program {
	POWERCUT_BOOT,
	POWERCUT_MARK_GOOD,
	POWERCUT_MARK_BAD,
	POWERCUT_MARK_CLEAN,
	POWERCUT_INSTALL,
	POWERCUT_SWITCH,
	POWERCUT_PROGRAMS, /* none: what a system does that has nothing left to do */
	POWERCUT_CRASH_ITSELF,
	POWERCUT_HANG_ITSELF,
};

/* As somebody calls it, without "keelboot"; "boot"; "": none. */
extern const char *const powercut_program_name[];

/* What the release that a slot holds does once it runs. */
enum powercut_behaviour {
	POWERCUT_WORKS,	  /* it is marked good */
	POWERCUT_CRASHES, /* the watchdog resets it, before it is marked good */
	POWERCUT_HANGS,	  /* the same, unnoticed */
	POWERCUT_IS_BAD,  /* it marks itself bad */
	POWERCUT_FLAKY,	  /* works or crashes */
	POWERCUT_PANICS,  /* the kernel panics when its file system is mounted */
	POWERCUT_IS_DEAD, /* its own kernel never comes up */
};

/* What else may happen, at every point. */
enum powercut_event {
	POWERCUT_LOSES_REGION = 1, /* one ring of records is lost: either */
	POWERCUT_LOSES_BOTH = 2,   /* both are, or all of the state partition */
	POWERCUT_REBOOTS = 4,	   /* somebody reboots in an orderly way, before a verdict */
	POWERCUT_ROLLS_BACK = 8,   /* somebody switches to the other slot, once */
	POWERCUT_RESETS = 16,	   /* it crashes: the disks keep their power */
};

struct powercut_story {
	const char *name, *about;
	unsigned w, c;	 /* differing sectors of a block, blocks of 16 KiB behind the head */
	unsigned tail;	 /* KiB of the partition behind the image */
	bool squashfs;	 /* the superblock is in sector 0, data follows at once; else as ext4 */
	bool raw, stick; /* the update lies on a raw stage partition, on a stick */
	bool data;	 /* it is staged on the data partition */
	bool command;	 /* the running system installs it */
	bool blind;	 /* hardware that tells nothing of a reset */
	bool half;	 /* slot b begins half written, state `writing` */
	bool no_spare;	 /* slot b begins empty */
	bool bad_spare;	 /* slot b begins bad, with another release */
	bool both_bad;	 /* and so does slot a, which works nevertheless */
	bool no_state;	 /* the state partition was never written */
	enum deltas_kind delta; /* of the update, from what slot a holds; the whole is not there */
	bool partial;		/* the update lacks what slots have in its place */
	bool pairs;		/* each slot has a kernel of its own, which GRUB starts */
	bool uboot;		/* it is U-Boot, and its environment */
	bool counts;		/* it counts how often it starts its preset */
	/* slot a is on trial, and b bad, which is the preset; the command goes before a verdict */
	bool unproven;
	bool heavy;    /* not in the small geometry: the counts of an apply multiply everything */
	unsigned unit; /* sectors of a physical one: 1, 8 */
	enum cut_discarded discarded;
	enum powercut_behaviour does; /* the update */
	unsigned events;	      /* of enum powercut_event */
	bool ends_old;		      /* must end with the old release, and the reason recorded */
	unsigned limit;		      /* of the nodes that are looked at; 0: to the fixpoint */
	unsigned boots;		      /* in that many at most, uninterrupted */
};

enum powercut_size { POWERCUT_SMALL, POWERCUT_MIDDLE, POWERCUT_LONG };
/* Story i in a geometry of that size; NULL behind the last. */
const struct powercut_story *powercut_story_get(unsigned i, enum powercut_size size,
						struct powercut_story *out);

/* What boot leaves in the run folder. */
struct powercut_run {
	char slot[8], token[32], devices[512];
	int8_t pair; /* whose kernel runs; POWERCUT_NONE */
};

struct powercut_image {
	struct cut_content disk[POWERCUT_DISKS];
	struct powercut_run run; /* of a system that runs */
};

/* ---------------------------------------------------------------- powercut_media.c */
extern struct bundles_release powercut_release[POWERCUT_RELEASES];
/* Makes images, key and bundles of a story, in a folder that ends with the process. */
void powercut_media_make(const struct powercut_story *s);
uint64_t powercut_media_slot_size(const struct powercut_story *s);
/* The first image, and what it says: as a factory and its history would have left it. */
void powercut_media_first(const struct powercut_story *s, struct powercut_image *im);

/* ---------------------------------------------------------------- powercut_child.c */
struct powercut_job {
	const struct powercut_story *story;
	enum powercut_program program;
	enum powercut_reset reset; /* of a boot */
	unsigned cut_at;	   /* 0: none */
	bool loud;		   /* its log goes to standard output */
};

enum powercut_end { POWERCUT_DIED, POWERCUT_EXEC, POWERCUT_REBOOT, POWERCUT_EXIT };

/* One operation, as it was recorded. */
struct powercut_op {
	uint8_t kind, disk;
	uint64_t off, len;
	const uint8_t *data; /* in the log */
};

struct powercut_result {
	enum powercut_end end;
	int code;		      /* of a command; of a death: the signal */
	struct powercut_run run;      /* then */
	unsigned nops, idle;	      /* idle: flushes of a disk that holds nothing back */
	unsigned ranges;	      /* flushes of a part of a disk */
	const struct powercut_op *op; /* with their data, until the next run */
};

/* Before the first program of a story, after powercut_media_make(). */
void powercut_child_begin(void);
/* Behind the last one: the process that started them is waited for, and what it used is counted. */
void powercut_child_end(void);
/* Runs a program in a process of its own on disks that durably hold the image. */
void powercut_child_run(const struct powercut_job *job, const struct powercut_image *im,
			struct powercut_result *out);

/* What the process of a program has: its disks; and the programs themselves. */
#define POWERCUT_CHILD_DISK   "kbsim0"
#define POWERCUT_CHILD_STATE  "/dev/" POWERCUT_CHILD_DISK "p1"
#define POWERCUT_CHILD_A      "/dev/" POWERCUT_CHILD_DISK "p2"
#define POWERCUT_CHILD_B      "/dev/" POWERCUT_CHILD_DISK "p3"
#define POWERCUT_CHILD_RAW    "/dev/" POWERCUT_CHILD_DISK "p4"
#define POWERCUT_CHILD_BOOT_A "/dev/" POWERCUT_CHILD_DISK "p5"
#define POWERCUT_CHILD_BOOT_B "/dev/" POWERCUT_CHILD_DISK "p6"
#define POWERCUT_CHILD_LOADER "/dev/" POWERCUT_CHILD_DISK "p7"
#define POWERCUT_CHILD_STICK  "/dev/kbsim1"
#define POWERCUT_CHILD_BUNDLE "/powercut/update.keel"

extern struct cut_power powercut_child_power;
extern struct cut_disk powercut_child_disk[POWERCUT_DISKS];
extern const struct powercut_job *powercut_child_job; /* NULL: this is no program */

/* The first block of one of them, as it reads now; NULL: it cannot be read. Until the next. */
const uint8_t *powercut_child_first(enum powercut_disk disk);

/* One recorded operation, on disks that stand for the recorded ones. */
enum kb_err powercut_child_redo(struct cut_disk *disks, const struct powercut_op *op) KB_MUST_CHECK;

/* Runs fn in a process of its own, and does to the disks of this one what that did. Its status, as
 * from waitpid(). */
int powercut_child_process(int (*fn)(int argc, char **argv), const char *const *argv);

/* powercut_world.c: the program of a job, in this process. */
void powercut_world_run(const struct powercut_job *j, struct powercut_result *out);

/* powercut_files.c: from now on files of this machine stand for those of the device. After
 * os_sim_reset(). */
void powercut_child_files(void);

/* ---------------------------------------------------------------- powercut_loader.c */
/*
 * The boot loader between two boots: grub.h, on these disks. A pair that is not whole cannot be
 * loaded.
 */
/* What the partition holds in the beginning. */
void powercut_loader_make(const struct powercut_story *s, struct cut_content *c, int preset);
/* As the loader reads it. */
void powercut_loader_read(const struct powercut_story *s, const struct cut_content *c,
			  struct grub_choice *is);
/* In the process of a boot: grub_start(), uboot_start(). */
int powercut_loader_start(const struct powercut_story *s, const char **how);

/* ---------------------------------------------------------------- powercut_view.c */
/* The newest record of an image, as the checks and the hash need it. */
struct powercut_view {
	bool found, blank; /* blank: no cell was ever written */
	uint64_t seq;
	unsigned writing[2]; /* slots that each region says are being written */
	struct state s;
};
void powercut_view_read(const struct cut_content *state, struct powercut_view *v);
/* What a cell of the rings says: false when that is no valid record. content: cut_content_key(). */
struct powercut_record {
	unsigned region;
	uint64_t seq, hash; /* of its text, without absolute sequence numbers */
	unsigned writing;   /* slots, as bits */
};
bool powercut_view_record(const uint8_t *cell, uint64_t content, uint64_t page,
			  struct powercut_record *out);
/* Slots that the newest record says are being written, as bits. */
unsigned powercut_view_writing(const struct cut_content *state);
int powercut_view_release(const uint8_t id[STATE_ID_LEN]); /* or POWERCUT_NONE */
/* How the first block may differ: not at all; by garbage in it, the exception that decision 0042
 * makes; or by zeroes as well, where something could not be read before. */
enum powercut_torn { POWERCUT_WHOLE, POWERCUT_TORN, POWERCUT_HEALED };
/* Which release a slot's partition holds, byte for byte but for that; POWERCUT_NONE. */
int powercut_view_content(const struct cut_content *slot, enum powercut_torn torn);
bool powercut_view_mounts(const struct cut_content *slot);
/* The same of the partition of its kernel. */
int powercut_view_pair(const struct cut_content *boot);
void powercut_view_print(const struct powercut_story *s, const struct powercut_image *im);

/* ---------------------------------------------------------------- powercut_hash.c */
/*
 * The canonical hash of an image: two images with the same one lead to the same stories. The
 * argument is in docs/decisions/0042-the-closure-over-power-cuts.md.
 */
#define POWERCUT_CHUNKS 24
#define POWERCUT_BAD	0x40
struct powercut_rings {
	uint64_t sum;			  /* of what pages add by themselves */
	struct powercut_record newest[2]; /* of each region; seq 0: none */
	unsigned blank;			  /* cells */
	/* of each chunk of a slot, and of what is behind the image as one: bits that not all its
	 * blocks have, and POWERCUT_BAD */
	uint8_t chunk[2 * POWERCUT_SLOTS][POWERCUT_CHUNKS]; /* roots, then kernels */
	bool old[POWERCUT_SLOTS]; /* its first block shows another release than the update */
};
/* What a page is, as far as that counts. */
struct powercut_class {
	uint64_t adds;
	struct powercut_record record; /* seq 0: no valid one */
	bool blank;		       /* a cell that nothing was written to */
	bool chunk;		       /* a part of its chunk, where mask and bad count */
	unsigned mask;
	bool bad;
	bool old; /* a first block that shows another release than the update */
};
uint64_t powercut_hash_image(const struct powercut_story *s, const struct powercut_image *im);
/* Takes the pages of a disk into account that are not dirty. What is behind a header that may stand
 * after a cut counts in any case. dirty, stands: NULL: none is, or may. */
void powercut_hash_clean(const struct cut_content *c, enum powercut_disk disk,
			 struct powercut_rings *r,
			 bool (*dirty)(enum powercut_disk disk, uint64_t page),
			 bool (*stands)(uint64_t header));
uint64_t powercut_hash_rings(const struct powercut_story *s, const struct powercut_rings *r);
/* A cell's place. */
void powercut_map_cell(uint64_t page, unsigned *region, unsigned *index);
/* The page with the header that a page of a manifest cell stands behind; UINT64_MAX: it is none. */
uint64_t powercut_map_header_of(uint64_t page);
bool powercut_map_is_header(const uint8_t *page);
bool powercut_map_is_magic(const uint8_t *sector); /* the first of one, perhaps; NULL: none */
bool powercut_hash_in_chunk(enum powercut_disk disk, uint64_t page);
/*
 * A slot that will be the update or nothing (the record says that it is being written; or, where
 * the record may be lost, no other release's superblock is left): whatever in it is not the
 * update's will be, and is never anything else again, so its blocks differ only in that.
 */
void powercut_hash_fold(unsigned slots); /* bits; for the calls that follow */
/* Of the classes of a page, those that count. */
unsigned powercut_hash_relevant(enum powercut_disk disk, uint64_t page, unsigned mask);
/* The class of a page. data: NULL: blank; content: cut_content_key() of it; bad: which of its
 * sectors cannot be read. */
struct powercut_class powercut_hash_class(enum powercut_disk disk, uint64_t page,
					  const uint8_t *data, uint64_t content, unsigned bad);
/* Takes a page of that class into account. */
void powercut_hash_add(struct powercut_rings *r, enum powercut_disk disk, uint64_t page,
		       const struct powercut_class *is);
/* The classes that the sectors of a page can tell apart: bit r: equal to release r's, bit 7: zero.
 */
unsigned powercut_hash_sector(enum powercut_disk disk, uint64_t sector, const uint8_t *data);
uint64_t powercut_hash_mask(enum powercut_disk disk, uint64_t page, unsigned mask, bool bad);
/* What kind of page it is. */
enum powercut_page {
	POWERCUT_PAGE_EXACT,  /* every difference counts */
	POWERCUT_PAGE_MASKED, /* only whether it equals a known one */
	POWERCUT_PAGE_RING,   /* a record */
	POWERCUT_PAGE_IGNORED /* nothing that matters is ever read from it */
};

/* ---------------------------------------------------------------- powercut_first.c */
/* The class of a slot's first block; bad: which of its sectors cannot be read. */
uint64_t powercut_first_class(const uint8_t *data, unsigned bad);
/* Whose superblock it shows, all of it: bits of releases. NULL: a blank block. */
unsigned powercut_first_shows(const uint8_t *data);
#define POWERCUT_OLD (((1u << POWERCUT_RELEASES) - 1) & ~(1u << POWERCUT_NEW))

/* ---------------------------------------------------------------- powercut_map.c */
void powercut_map_begin(const struct powercut_story *s);
/* The first block of a slot decides whether it mounts, and that is asked. */
extern bool powercut_map_exact_first;
extern bool powercut_map_uboot; /* what the boot loader keeps is U-Boot's environment */
enum powercut_page powercut_map_kind(enum powercut_disk disk, uint64_t page);
/* Page of a slot's manifest cell (0: its header), or -1. */
int powercut_map_manifest(uint64_t page, unsigned *slot);

/* ---------------------------------------------------------------- powercut_cut.c */
/*
 * All images that a cut may leave, as far as they differ in what matters. Sectors of a page are
 * combined first, into the few classes that the page can be of; then pages with each other. Each
 * raw image falls into one of what is called back, and for each of those one is made.
 */
struct powercut_cut {
	const struct powercut_story *story;
	struct cut_disk *disk; /* of all POWERCUT_DISKS */
	uint64_t raw;	       /* images, ever */
};

/* fn is called with the canonical hash of each image; `im` has it chosen. */
typedef void powercut_cut_fn(void *ctx, uint64_t hash, const struct cut_image *im);
void powercut_cut_each(struct powercut_cut *c, powercut_cut_fn *fn, void *ctx);
/* One raw image of this cut, by a seed, as it is; and the hash that its class was called back with.
 */
uint64_t powercut_cut_sample(struct powercut_cut *c, uint64_t seed, struct powercut_image *out);

/* ---------------------------------------------------------------- powercut_page.c */
#define POWERCUT_PAGE_SECTORS  (BDEV_ALIGN / CUT_SECTOR)
#define POWERCUT_PAGE_OUTCOMES 96u
#define POWERCUT_PAGE_CLEAN    POWERCUT_PAGE_SECTORS /* as the place of garbage: there is none */

/* What a page may become. */
struct powercut_outcome {
	struct powercut_class is;
	uint8_t pick[POWERCUT_PAGE_SECTORS]; /* of its places, in their order */
	uint8_t garbage_at;		     /* of its places; POWERCUT_PAGE_CLEAN */
	enum cut_garbage garbage;
};

struct powercut_dirty {
	enum powercut_disk disk;
	uint64_t page;
	enum powercut_page kind;
	bool ignored; /* behind a header that is none */
	bool stands;  /* of a manifest cell: what may come of it is a header */
	unsigned nplaces, place[POWERCUT_PAGE_SECTORS];
	unsigned n;
	struct powercut_outcome out[POWERCUT_PAGE_OUTCOMES];
};

/* Fills g->out. Masked: only what the sectors are equal to counts; exact: every combination. */
void powercut_page_masked(const struct cut_image *im, struct powercut_dirty *g);
void powercut_page_exact(const struct cut_image *im, struct powercut_dirty *g);
/* The geometry is too large. Does not return. */
void powercut_page_die(const char *what);

/* ---------------------------------------------------------------- powercut_walk.c */
/*
 * The graph of a story. A node is a device without power, or one whose system runs, with all that
 * matters for what comes; each is looked at once. Nodes are found breadth first over the cuts, so
 * the way to one has as few as can be.
 */
#define POWERCUT_WALK_NONE SET_NONE
#define POWERCUT_NO_TRIAL  UINT8_MAX

/* Where the device stands with the update, when its system runs. */
enum powercut_standing {
	POWERCUT_UNDECIDED,
	POWERCUT_COMMITTED, /* it runs, and is good */
	POWERCUT_REFUSED,   /* the old release runs and is good, and the state says why */
	POWERCUT_WENT_BACK, /* somebody wanted the old one, or the other slot */
};

struct powercut_node {
	uint64_t key;	 /* of all that follows, and the image's canonical hash */
	uint32_t parent; /* POWERCUT_WALK_NONE: the beginning */
	uint32_t next;	 /* what comes of it when nothing happens; POWERCUT_WALK_NONE: not known */
	bool up;	 /* its system runs; else it is without power */
	enum powercut_reset reset; /* that the next boot sees */
	bool lost;		   /* of the state, something was lost on the way: once */
	bool lost_all;		   /* and that was both regions, or all of it */
	bool marked;		   /* the running system has marked itself good, or tried */
	bool switched;		   /* somebody went back: once */
	/* slots in whose first block something could not be read, as bits; what comes of it
	 * inherits */
	uint8_t hurt, passes_hurt;
	uint8_t trials; /* boots of a trial that was not marked good, in a row */
	uint16_t cuts;	/* on the way that was found first */
	/* how it came about */
	enum powercut_program program;
	bool program_ended; /* else: */
	uint16_t cut_at;    /* power went after so many operations of it */
	bool looked;	    /* at it: what follows is known */
	unsigned nops;	    /* of what leads to `next`, without idle flushes */
	bool touches;	    /* one of them is on a slot */
	int8_t slot, runs;  /* that runs, and its release; POWERCUT_NONE */
	bool wants_nothing; /* the running system has nothing left to do */
	enum powercut_standing standing;
	/* of the record, once the node is there */
	bool found; /* there is one */
	uint8_t floor;
	int8_t preset, once;	       /* the boot loader's; POWERCUT_NONE */
	bool rejected;		       /* the update */
	bool tried;		       /* a slot holds the update on trial */
	unsigned distance;	       /* in boots, to the next chances of slots that used one */
	int8_t open;		       /* slot of the attempt under way, or STATE_NONE */
	uint8_t tries[POWERCUT_SLOTS]; /* of a trial; POWERCUT_NO_TRIAL */
	int8_t holds[POWERCUT_SLOTS];  /* the release of such a slot, as the record has it */
	/* NULL once it was looked at */
	struct powercut_image *im;
};

/* The nodes that so many cuts lead to, as far as they are known. */
#define POWERCUT_LEVELS 256u
struct powercut_level {
	uint32_t *node, n, room, done;
};

/* Images that are played apart from the node that they are taken for. */
#define POWERCUT_APART_MAX 1000u
struct powercut_apart {
	unsigned most;		     /* of them; 0: none */
	uint64_t seed, random, seen; /* random: begins as the seed */
	bool playing;		     /* then nothing may be new */
	unsigned n, played;
	struct powercut_node one[POWERCUT_APART_MAX];
	const struct powercut_node *wrong; /* that a violation is of, or NULL */
};

struct powercut_walk {
	const struct powercut_story *story;
	struct powercut_node *node;
	uint32_t n, room, done;
	struct powercut_level level[POWERCUT_LEVELS];
	unsigned at;	  /* the level that is being looked at: all before it are done */
	struct set known; /* nodes by their keys */
	struct powercut_cut cut;
	struct cut_power power;
	struct cut_disk disk[POWERCUT_DISKS];
	uint64_t cut_points, runs, images; /* different ones, without power */
	uint64_t ranges;		   /* flushes of a part of a disk */
	uint64_t torn;	 /* systems entered that decision 0042 makes an exception for */
	uint64_t reruns; /* with a cut in the middle, for the clean-up */
	unsigned max_boots;
	/* a violation: what is wrong, and where it was found */
	char violation[CHECK_WHY];
	uint32_t violation_at;
	struct powercut_apart apart;
	bool uncut;    /* only what comes of a node when nothing happens is looked at */
	bool fixpoint; /* nothing new was found any more */
	bool endings;  /* were looked at, from everywhere */
	/* a replay: prints everything */
	bool loud;
	uint64_t limit;
};

void powercut_walk_begin(struct powercut_walk *w, const struct powercut_story *s);
/* To the fixpoint, or to the first violation. */
void powercut_walk_run(struct powercut_walk *w);
/* Looks at one node: its children are there afterwards. */
void powercut_walk_expand(struct powercut_walk *w, uint32_t i);
/* Once it was looked at and is not asked for any more: its image is not needed. */
void powercut_walk_leave(struct powercut_walk *w, uint32_t i);
/* The node with that key, or POWERCUT_WALK_NONE. */
uint32_t powercut_walk_find(const struct powercut_walk *w, uint64_t key);
/* Notes what is wrong; the first stays. */
#define powercut_walk_fail(w, at, ...)                                             \
	((w)->violation_at = (w)->violation[0] == '\0' ? (at) : (w)->violation_at, \
	 check_note((w)->violation, __VA_ARGS__))

/* powercut_node.c: in which order nodes are looked at. */
void powercut_queue_put(struct powercut_walk *w, uint32_t i);
uint32_t powercut_queue_next(struct powercut_walk *w); /* POWERCUT_WALK_NONE: all were */

/* powercut_apart.c: offer a cut, whose classes are all there; play those that were kept. */
void powercut_apart_offer(struct powercut_walk *w, const struct powercut_node *proto);
void powercut_apart_play(struct powercut_walk *w);

/* powercut_check.c: the invariants. */
/* Of an image that a cut has left. */
void powercut_check_image(struct powercut_walk *w, uint32_t i);
/* Slots whose first block shows a superblock, and in which something cannot be read, or could not
 * before: what a node inherits. Only where the state may be lost. */
uint8_t powercut_check_hurt(const struct powercut_walk *w, uint32_t i);
/* powercut_pairs.c: the same where each slot has a kernel; all is well where none has. Of an image;
 * of an operation, with the pair that runs; of a system that is entered; of one at rest. */
void powercut_pairs_check_image(struct powercut_walk *w, uint32_t i, const struct powercut_view *v);
void powercut_pairs_check_op(struct powercut_walk *w, uint32_t i, int running,
			     const struct powercut_op *op);
void powercut_pairs_check_entered(struct powercut_walk *w, uint32_t i, const struct state *s,
				  int slot);
void powercut_pairs_check_rest(struct powercut_walk *w, uint32_t i);
/* Of a disk with a part of a slot, which slot's; POWERCUT_NONE. */
int powercut_pairs_slot(enum powercut_disk disk);
/* powercut_edge.c: fills what a node knows of its record; v is what its image says. */
void powercut_check_record(struct powercut_walk *w, uint32_t i, const struct powercut_view *v);
/* From one image to what has come of it, by a cut in that program or by its end: each time that it
 * is found, also when it is known. */
void powercut_check_edge(struct powercut_walk *w, uint32_t from, uint32_t to,
			 enum powercut_program program);
/* The boots of a trial so far, with this one. */
uint8_t powercut_check_trials(struct powercut_walk *w, uint32_t from, const struct powercut_run *r);
/* What a running system does first; and what it may do as well: how many. */
unsigned powercut_check_acts(struct powercut_walk *w, uint32_t i, enum powercut_program *first,
			     enum powercut_program also[3]);
/* Of the system that is entered: fills what the node says of that. */
void powercut_check_entered(struct powercut_walk *w, uint32_t from, uint32_t to);
/* Before the operation op is done to the disks: may it be? */
void powercut_check_op(struct powercut_walk *w, uint32_t i, enum powercut_program program,
		       const struct powercut_op *op);
/* powercut_end.c: goes on from what was looked at, left alone, as far as that is not known. */
void powercut_end_settle(struct powercut_walk *w);
/* From each node on, left alone: where it ends, and after how many boots. */
void powercut_end_check(struct powercut_walk *w);

/* ---------------------------------------------------------------- powercut_node.c */
/* The key of a node with this image, whose canonical hash is given. */
uint64_t powercut_node_key_of(const struct powercut_node *n, uint64_t hash);
/* The node itself, which is copied, when it is new; else the one that is there. Takes its image
 * over. */
uint32_t powercut_node_add(struct powercut_walk *w, struct powercut_node *n);
/* Makes room for one more. */
void powercut_node_grow(struct powercut_walk *w);
/* run: NULL: no system runs. */
struct powercut_image *powercut_node_copy_image(const struct cut_disk *disk,
						const struct powercut_run *run);
void powercut_node_free_image(struct powercut_image *im);

/* powercut_follow.c: a device without power that comes of a node. */
struct powercut_node powercut_follow_dark(const struct powercut_walk *w, uint32_t from,
					  enum powercut_reset r);
/* The disks hold that, durably. */
void powercut_follow_start(struct powercut_walk *w, const struct powercut_image *im);
/* Does what a program has done to the disks, and cuts before and after each of it. */
void powercut_follow(struct powercut_walk *w, uint32_t from, enum powercut_program program,
		     const struct powercut_result *r);

/* ---------------------------------------------------------------- powercut_report.c */
/* What is reported of a walk: its numbers, and the way to a violation. Of its columns, those that
 * are asked for: */
enum { POWERCUT_REPORT_CUT_POINTS = 3, POWERCUT_REPORT_RAW = 4 };
extern const struct report_column powercut_report_columns[];
void powercut_report_take(struct report_line *l, const struct powercut_walk *w);
/* Goes one way through a story, node by node, and on to where it comes to rest, and prints
 * everything. keys: "1f2e,3d4c,...", as a violation prints them. True: all is well. */
bool powercut_report_replay(const struct powercut_story *s, const char *keys);
