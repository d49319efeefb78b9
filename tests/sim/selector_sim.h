/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model of a device over the shipped selector/: every world that a device can
 * come into by power cuts, write errors, lost copies, decaying slots, lying hardware and bad
 * updates, walked breadth first to the fixpoint, each step made by the code that boots the device.
 */
#pragma once

#include "selector/attempt.h"
#include "selector/plan.h"
#include "selector/reset.h"
#include "tests/sim/report.h"
#include "tests/sim/set.h"

#define SIM_SLOTS 3
#define SIM_NONE  7u /* no slot */

/* What is really in a slot. */
enum sim_truth {
	SIM_NOTHING, /* no file system */
	SIM_PART,    /* half an image: must never be booted */
	SIM_WORK,
	SIM_HANG,  /* mounts, starts, never gets ready */
	SIM_LATE,  /* reports good in each boot, and crashes before it has proved itself */
	SIM_NOMNT, /* does not mount */
	SIM_UNFIT, /* preflight already sees that it is no file system */
	SIM_DEAD,  /* its pair does not come up */
};

enum sim_event { SIM_POWER, SIM_CRASH, SIM_SOFT };

#define SIM_RETRIES 1u
#define SIM_WAIT    (1u << SIM_RETRIES)

/* retries and wait are cut off, so that a distance grows to SIM_WAIT and stays. */
struct sim_slot {
	uint32_t st : 3, tries : 2, grace : 3, streak : 2, ever : 1, release : 3, doubt : 1;
	uint32_t retries : 2, wait : 3;
};

/* A record, packed. Reasons, strings and the order of ledgers are left out: nothing depends on
 * them. */
struct sim_state {
	struct sim_slot slot[SIM_SLOTS];
	int16_t pref : 3, last : 3, open : 3, lr : 3, oneshot : 3;
	bool clean : 1, rebuilt : 1, handed : 1;
	bool lost : 1; /* there is no record at all */
	uint8_t installs;
	uint8_t apply_count : 2, apply_excused : 3, apply_open : 1; /* of usb */
	uint8_t applied, rejected;				    /* bit n: release n */
	uint8_t floor : 4, back : 4;
};

/* All that decides what happens from here on. No padding: compared and hashed as bytes. */
struct sim_world {
	struct sim_state new, old; /* the newest record, and the one in the other region */
	uint8_t truth[SIM_SLOTS];  /* enum sim_truth, + 8 * release of the manifest cell, + SIM_CELL
				    */
	uint8_t event;		   /* how the last run ended */
	uint8_t fresh;	       /* slot of the image that was installed last and never was good */
	uint8_t run;	       /* boots of it in a row */
	uint8_t lost, decayed; /* faults used up */
	uint8_t killed;	       /* boots in a row that an apply ended; or in which it died */
	/* what a bystander knows, to hold the ledgers against */
	uint8_t failed, committed; /* bit n: release n failed its trial / was marked good */
	uint8_t top;		   /* highest sequence that was ever marked good */
	uint8_t preset, once;	   /* the loader's; SIM_NONE: no pairs, or none */
	uint8_t spare[2];
};

#define SIM_CELL 64u /* the slot's manifest cell is valid */

_Static_assert(sizeof(struct sim_world) == 56, "worlds are compared as bytes: no padding");

enum sim_says { SIM_SAYS_TRUTH, SIM_SAYS_POWER, SIM_SAYS_CRASH, SIM_SAYS_NOTHING };

struct sim_config {
	const char *name;
	uint8_t nslots;
	enum sim_says says;    /* what the hardware claims */
	enum conf_count count; /* count= */
	uint8_t grace; /* trials begin with this much of their grace left, to keep it small */
	bool installs; /* from the running system */
	bool oneshots;
	bool errors;	/* writes fail, with and without landing */
	uint8_t losses; /* how often the newest record, or both, are lost */
	bool decay;
	bool pairs; /* each slot has one, and a loader starts it; one image's does not come up */
	bool mute;  /* ... but does not say that it was asked for it once */
	bool kexec; /* ... and not a loader starts them, but the base; `once` is what it has loaded
		     */
	bool unfit; /* installed images include one that preflight refuses */
	bool late;  /* ... and one that reports and then crashes */
	/* a stick that is always in: its releases, newest first; 0 ends */
	uint8_t stick[2];
	enum sim_truth stick_truth[2];
	bool stick_kills;  /* applying takes the kernel down */
	bool stick_stalls; /* apply does not end by itself, and the boot goes on */
	bool stick_downgrade;
	/* ... but that stick comes in a rescue only; what decays is the root */
	bool rescue;
};

/* ---- selector_sim_world.c */

void sim_world_pack(const struct sim_config *cfg, const struct state *s, struct sim_state *p);
void sim_world_unpack(const struct sim_config *cfg, const struct sim_state *p, struct state *s);
void sim_world_print(const struct sim_config *cfg, const struct sim_world *w);
/* The shipped text form has to bring s back as it was. False if not. */
bool sim_world_codec_holds(const struct sim_config *cfg, const struct state *s);
static inline enum sim_truth sim_truth_of(const struct sim_world *w, int slot)
{
	return (enum sim_truth)(w->truth[slot] & 7);
}
static inline bool sim_starts(enum sim_truth t)
{
	return t == SIM_WORK || t == SIM_HANG || t == SIM_LATE;
}
static inline bool sim_bootable(const struct state_slot *t)
{
	return t->st != STATE_EMPTY && t->st != STATE_WRITING;
}
void sim_world_set_truth(struct sim_world *w, int slot, enum sim_truth t);
void sim_world_set_cell(struct sim_world *w, int slot, bool valid, unsigned release);
/* As initramfs/ would find them: slots that preflight takes for mountable. */
choose_mask sim_world_mountable(const struct sim_config *cfg, const struct sim_world *w);

/* ---- selector_sim_boot.c */

#define SIM_CHOICES 16

/* What one boot did; writes are decided by `choice`. */
struct sim_boot {
	const struct sim_config *cfg;
	struct sim_world w; /* the medium as it goes */
	uint8_t choice[SIM_CHOICES];
	unsigned nchoices, at;
	bool quiet;	/* no cuts */
	bool no_writes; /* all of them fail */
	/* results */
	struct state settled;
	struct attempt a;
	bool handed;  /* and restarted */
	bool by_once; /* the loader was asked for this kernel once */
	bool instead; /* of the loader's preset, which did not come up */
	unsigned writes;
	/* a write of the state, or of the loader's store, failed; or that could not be read */
	bool write_failed;
	bool unheard; /* the loader's store could not be read, or written */
	choose_mask tried;
	bool killed;  /* the apply took it down */
	bool died;    /* apply did not end by itself */
	bool rescued; /* a stick was installed where nothing mounted */
	bool booted;
};

enum { SIM_WRITE_OK, SIM_WRITE_LOST, SIM_WRITE_LANDED, SIM_WRITE_WAYS };

void sim_boot_run(struct sim_boot *b);
/* Moves to the next combination of choices; false when all were made. */
bool sim_boot_next(struct sim_boot *b);
/* s becomes the newest record; what a bystander sees by that is noted and checked. */
void sim_boot_land(const struct sim_config *cfg, struct sim_world *w, const struct state *s);
/* Puts a release there, with a cut after each of its writes. True if all of them landed. */
bool sim_boot_install(struct sim_boot *b, struct state *s, int target, const struct plan_release *r,
		      enum plan_mode mode, enum sim_truth truth);
/* save of struct attempt_ops. */
enum kb_err sim_boot_save(void *ctx, struct state *s);
/* Checks what a whole boot must have kept to. */
void sim_boot_check(const struct sim_boot *b, const struct sim_world *before);

/* A world that can follow, unless b is quiet. */
void sim_boot_emit(struct sim_boot *b, enum sim_event event, const char *step);
/* How the next write goes; *is_first: what a cut leaves there is still to be told. */
uint8_t sim_boot_way(struct sim_boot *b, bool *is_first);

/* ---- selector_sim_loader.c */

/* What it starts once is forgotten before it is started: a->running, and a->role. */
void sim_loader_start(struct sim_boot *b);
/* look_for_pair, hand_over and go_back of struct attempt_ops. */
enum kb_err sim_loader_look(void *ctx, int slot, char *reason);
enum kb_err sim_loader_ask(void *ctx, int slot, char *reason);
bool sim_loader_go_back(void *ctx, int slot);
/* By kexec: the next start is that of a slot's kernel. */
bool sim_loader_has_loaded(const struct sim_world *w);
/* I11: a root is entered with its own kernel. */
void sim_loader_check(const struct sim_boot *b, const struct sim_world *before);
/* Before any other pair is overwritten. */
void sim_loader_secure(struct sim_boot *b, const struct state *s, enum plan_mode mode);

/* ---- selector_sim_rescue.c */

/* Nothing mounts, and a person comes with a stick. True: its release is there to try. */
bool sim_rescue_install(struct sim_boot *b, struct state *s);
/* That the stick has helped, if it could. */
void sim_rescue_check(const struct sim_boot *b, const struct sim_world *before);

/* ---- selector_sim_live.c */

/* True if, with no more faults, a working slot is reached. */
bool sim_live(const struct sim_config *cfg, const struct sim_world *w);
/* Whatever can be written or read no more, restarts come to an end. NULL, or what goes on forever.
 */
const char *sim_live_restarts(const struct sim_config *cfg, const struct sim_world *w);

/* ---- selector_sim_after.c */

/* All that may follow once b has booted a slot. */
void sim_after(const struct sim_boot *b, const struct sim_world *before);
/* ... and once b has handed one over. */
void sim_after_handed(const struct sim_boot *b, const struct sim_world *before);
/* The slot that b booted reports, as `mark good` does. False: its report is not accepted. */
bool sim_after_report(const struct sim_boot *b, struct sim_world *w, bool *committed);
/* Faults that come over a device that is off. */
void sim_after_rot(const struct sim_config *cfg, const struct sim_world *w);
/* Holds the choice of an install's target against what must never be overwritten. */
void sim_after_check_target(const struct sim_config *cfg, const struct sim_world *w,
			    const struct state *s, int target, unsigned release);

/* ---- selector_sim_walk.c */

/* A world that can follow from the one at hand, whose last run ends like that; step names how, and
 * is kept as it is. */
void sim_walk_emit(const struct sim_world *w, enum sim_event event, const char *step);
/* An invariant is broken in the world at hand. */
void sim_walk_violate(const char *what, const struct sim_world *w);
/* Before any story. */
void sim_walk_begin(void);
/* Behind so many worlds a walk ends, though others are known. */
extern uint32_t sim_walk_most;
/* How many kinds of steps led to worlds, of all stories. */
unsigned sim_walk_kinds(void);
/* Walks all, or until an invariant breaks, which is reported with its trace. */
void sim_walk(const struct sim_config *cfg, const struct sim_world *starts, unsigned n,
	      struct report_line *l);
enum { SIM_WALK_STATES, SIM_WALK_TRANSITIONS }; /* numbers of the line */

/* ---- selector_sim_story.c */

/* The name of a story; NULL: there are no more. */
const char *sim_story_name(unsigned i);
void sim_story_run(unsigned i, struct report_line *l);
