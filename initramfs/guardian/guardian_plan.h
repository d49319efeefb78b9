/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the guardian does, and when: events in, steps out. PURE; times are milliseconds of any clock
 * that only goes forward.
 *
 *	WATCH -- deadline --> a job records the verdict --> ORDERLY -- grace --> FORCE
 *	  |                                 `-- it is good: PROVE; bad: KEEP or the end,
 *	  |                                     or ORDERLY, if that was asked for
 *	PROVE -- stable --> a job records that the slot has proved itself --> KEEP or the end
 *	  `-- shutdown announced --> SHUTDOWN -- limit --> FORCE
 *	                                `-- a verdict after all: KEEP or the end
 *
 * Everything that may wait for a disk is a job: a process of its own, one at a time, with a limit.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define GUARDIAN_PLAN_GRACE_S  30 /* for a shutdown that the guardian asked for */
#define GUARDIAN_PLAN_JOB_S    20 /* limit of one job */
#define GUARDIAN_PLAN_NOTE_S   5  /* between two looks at the kernel's log */
#define GUARDIAN_PLAN_AGAIN_S  60 /* between two jobs that record the proof, should one fail */
#define GUARDIAN_PLAN_PROOFS   5  /* of these jobs at most */
#define GUARDIAN_PLAN_MARGIN_S 30 /* how far the watchdog's timeout is above the grace */

enum guardian_step {
	GUARDIAN_WAIT,	    /* nothing is due */
	GUARDIAN_FEED,	    /* the watchdog */
	GUARDIAN_LOOK,	    /* job: is the attempt still open? */
	GUARDIAN_RECORD,    /* job: record the verdict, if it is */
	GUARDIAN_NOTE,	    /* job: write what the kernel says, if that matters */
	GUARDIAN_PROVE,	    /* job: record that the slot has proved itself, if it reported */
	GUARDIAN_RELEASE,   /* stop the watchdog; it is fed no more */
	GUARDIAN_KILL,	    /* the job that runs: its time is over */
	GUARDIAN_ORDERLY,   /* set the watchdog above the grace, ask process 1 to reboot */
	GUARDIAN_SYNC,	    /* job: sync() */
	GUARDIAN_READ_ONLY, /* all file systems, by sysrq */
	GUARDIAN_REBOOT,    /* job: RB_AUTOBOOT, or the power-off that was asked for */
	GUARDIAN_RESET,	    /* by sysrq; again and again, should it not help */
	GUARDIAN_END,
};

enum guardian_event {
	GUARDIAN_TIME,	 /* nothing but time has passed */
	GUARDIAN_NUDGED, /* somebody wrote a verdict */
	GUARDIAN_TOLD,	 /* an orderly shutdown is under way */
	GUARDIAN_ASKED,	 /* to restart the machine as soon as the verdict is bad */
	GUARDIAN_DONE,	 /* the job ended, with a result */
};

/* How a job ended. */
enum guardian_result {
	GUARDIAN_FAILED,   /* not done, or not known */
	GUARDIAN_OPEN,	   /* the attempt waits for its verdict */
	GUARDIAN_CLOSED,   /* it has one, or another took its place; the slot is not good */
	GUARDIAN_GOOD,	   /* the same, and the slot is good now */
	GUARDIAN_CLEAN,	   /* a shutdown is under way */
	GUARDIAN_RECORDED, /* the verdict is durable: bad */
};

enum guardian_phase {
	GUARDIAN_PHASE_WATCH,
	GUARDIAN_PHASE_PROVE,
	GUARDIAN_PHASE_KEEP,
	GUARDIAN_PHASE_SHUTDOWN,
	GUARDIAN_PHASE_ORDERLY,
	GUARDIAN_PHASE_FORCE,
	GUARDIAN_PHASE_ENDED,
};

/* What it is held to, as process 1 passes it on. */
struct guardian_terms {
	/* a verdict matters; else there is stable_s to note, or only a watchdog to keep */
	bool trial;
	/* for the verdict; 0: none, since there is nothing to fall back to */
	uint32_t deadline_s;
	/* after which a good slot has proved itself; 0: nothing to prove */
	uint32_t stable_s;
	/* for a shutdown that another process began; the grace at least */
	uint32_t shutdown_s;
	/* timeout of the one to feed; 0: none */
	uint32_t watchdog_s;
	/* fed only until the slot is good: then GUARDIAN_RELEASE */
	bool release;
	/* limit of a look and of a record; 0: GUARDIAN_PLAN_JOB_S */
	uint32_t verdict_s;
};

struct guardian_plan {
	struct guardian_terms terms;
	/* between two feedings */
	uint32_t feed_ms;
	enum guardian_phase phase;
	/* a look is due */
	bool nudged;
	/* for a restart, should the verdict of another be bad */
	bool asked;
	/* by us */
	bool recorded;
	/* that runs; GUARDIAN_WAIT: none */
	enum guardian_step job;
	/* of what is left to do in the phase; GUARDIAN_WAIT: see due */
	enum guardian_step next;
	uint64_t due, job_end, feed_at;
	uint64_t stable_at;
	/* jobs that could not record the proof: an install held the lock, or the disk failed */
	uint8_t proofs_failed;
	/* the next look at the kernel's log, on a trial that waits for its verdict */
	uint64_t note_at;
};

void guardian_plan_start(struct guardian_plan *p, const struct guardian_terms *terms, uint64_t now);

/* Takes in what happened. result counts only with GUARDIAN_DONE. */
void guardian_plan_event(struct guardian_plan *p, enum guardian_event e,
			 enum guardian_result result, uint64_t now);

/* Behind GUARDIAN_ORDERLY: the watchdog counts that long, 0: it is not ours. One that is shorter
 * than the grace with its margin would end a good shutdown, so it is fed until the grace is over.
 */
void guardian_plan_counts(struct guardian_plan *p, uint32_t watchdog_s, uint64_t now);

/* What to do now. A step is given once and counts as done; a job goes on until GUARDIAN_DONE, or
 * until GUARDIAN_KILL was given, which ends it as GUARDIAN_FAILED. */
enum guardian_step guardian_plan_next(struct guardian_plan *p, uint64_t now);

/* How long nothing will be due, at most a minute. */
uint32_t guardian_plan_wait_ms(const struct guardian_plan *p, uint64_t now);
