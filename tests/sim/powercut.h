/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The closure over power cuts: life stories of a small device, told by the shipped objects on
 * simulated disks, cut before and after every operation, and gone on with from every image that a
 * cut may leave, until nothing new is found. tests/sim/POWERCUT.md says how, and what is assumed.
 */
#pragma once

#include "selector/state.h"
#include "tests/sim/bundles.h"
#include "tests/sim/cut_image.h"

#include <sys/types.h>

#define POWERCUT_SLOTS	  2
#define POWERCUT_RELEASES 3 /* 0 and 1 are installed in the beginning, 2 is the update */
#define POWERCUT_NEW	  2
#define POWERCUT_NONE	  (-1)

/* RAW: its first block; of a data partition, the one sector that says whether the staged file is
 * there. */
enum powercut_disk { POWERCUT_STATE, POWERCUT_A, POWERCUT_B, POWERCUT_RAW, POWERCUT_DISKS };

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
	POWERCUT_HANGS,	  /* the same, and nothing tells of that */
	POWERCUT_IS_BAD,  /* it marks itself bad */
	POWERCUT_FLAKY,	  /* works or crashes */
	POWERCUT_PANICS,  /* the kernel panics when its file system is mounted */
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
	bool heavy;	 /* not in the small geometry: the counts of an apply multiply everything */
	unsigned unit;	 /* sectors of a physical one: 1, 8 */
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
};

struct powercut_image {
	struct cut_content disk[POWERCUT_DISKS];
	struct powercut_run run; /* of a system that runs */
};

/* ---------------------------------------------------------------- powercut_media.c */
extern struct bundles_release powercut_release[POWERCUT_RELEASES];
/* Makes images, key and bundles of a story, in a folder that ends with the process. */
void powercut_media_make(const struct powercut_story *s);
/* What the data partition holds, as a folder: with the staged file, or without. */
const char *powercut_media_data(bool staged);
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
	int code;		 /* of a command; of a death: the signal */
	struct powercut_run run; /* then */
	unsigned nops;
};

/* Before the first program of a story, after powercut_media_make(). */
void powercut_child_begin(void);
/* Behind the last one: the process that started them is waited for, and what it used is counted. */
void powercut_child_end(void);
/* Runs a program in a process of its own on disks that durably hold the image. */
void powercut_child_run(const struct powercut_job *job, const struct powercut_image *im,
			struct powercut_result *out);
/* The operations of the last run; the data stays until the next. */
const struct powercut_op *powercut_child_ops(void);

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
/* Which release a slot's partition holds, byte for byte; POWERCUT_NONE. */
int powercut_view_content(const struct cut_content *slot);
bool powercut_view_mounts(const struct cut_content *slot);
/* The same, with garbage in its first block as well: the exception that
 * decision 0042 makes.
 * healed: or with zeroes, where something could not be read before. */
int powercut_view_torn(const struct cut_content *slot, bool healed);
void powercut_view_print(const struct powercut_image *im);

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
	uint8_t chunk[POWERCUT_SLOTS][POWERCUT_CHUNKS];
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
bool powercut_map_exact_first(void);
enum powercut_page powercut_map_kind(enum powercut_disk disk, uint64_t page);
/* Page of a slot's manifest cell (0: its header), or -1. */
int powercut_map_manifest(uint64_t page, unsigned *slot);
