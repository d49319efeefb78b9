/* SPDX-License-Identifier: Apache-2.0 */
/* `keelboot status`: what was found out, and its two forms. */
#pragma once

#include "cli/device/device.h"
#include "cli/output/output.h"

#define STATUS_WARNINGS_MAX 24
#define STATUS_WARNING_LEN  480
#define STATUS_WAITS_LEN    256
#define STATUS_PROBLEMS_MAX 16
#define STATUS_PROBLEM_LEN  240

enum status_region { STATUS_REGION_OK, STATUS_REGION_NO_RECORD, STATUS_REGION_UNREADABLE };

/* As boot.json has it, and what became of it. */
struct status_guardian {
	/* by this boot */
	bool started;
	/* 0: it does not run (any more) */
	pid_t pid;
	char mode[16];
	/* 0: none */
	uint64_t deadline_s;
	/* after which it notes that the boot has proved itself; 0: never */
	uint64_t stable_s;
	/* for the verdict: then left_s counts */
	bool waits;
	uint64_t left_s;
	/* it is there, and does nothing */
	bool stopped;
	/* its deadline is past, and it did nothing; 0: not so */
	uint64_t overdue_s;
	/* what nobody does, since it ended before its time; or NULL */
	const char *missed;
};

struct status_watchdog {
	/* boot.json says something of it */
	bool known;
	char device[64], handover[16], feeder[16];
	uint64_t timeout_s;
};

/* Of a partial bundle that is staged. */
struct status_part {
	bool staged;
	/* of the bundle: that are here, and that it has */
	uint64_t bytes, total;
};

/* Of the trial that runs. */
struct status_trial {
	bool runs;
	/* the number of this one, and how many there are */
	unsigned number, tries;
	/* what has to happen before it is marked good */
	char waits[STATUS_WAITS_LEN];
};

/* What is wrong with the state, and what to do about it. */
struct status_problem {
	/* else a warning */
	bool severe;
	/* `keelboot doctor` prints it */
	const char *id;
	char text[STATUS_PROBLEM_LEN];
	const char *fix;
};

struct status {
	struct device *d;
	/* result of device_open_to_read() */
	enum kb_err opened;
	/* d->state is valid */
	bool have_state;
	bool have_last;
	/* the newest event that is more than a boot as usual, else the newest */
	struct history_event last;
	/* the number under which `keelboot why` has last words of it, or of boots of a slot that
	 * crashed since; 0: there are none */
	unsigned why;
	int protected;
	/* slot that an orderly reboot would take, or STATE_NONE */
	int next;
	/* the same, once the slot that runs has reported */
	int next_proven;
	enum status_region region[2];
	bool have_staged_file;
	/* "" unless staged on the data partition */
	char staged_path[DEVICE_PATH_MAX];
	/* of what is staged, as the history has it; "" when it does not */
	char staged_version[STATE_STR_MAX + 1];
	struct status_part part;
	/* each is a warning, too */
	unsigned nproblems;
	struct status_problem problem[STATUS_PROBLEMS_MAX];
	unsigned nwarnings;
	char warning[STATUS_WARNINGS_MAX][STATUS_WARNING_LEN];
	/* boot.json, or NULL; borrowed */
	json_object *boot;
	/* the initramfs has one */
	bool debug_shell;
	struct status_guardian guardian;
	struct status_watchdog watchdog;
	struct status_trial trial;
};

/* Fills st from d, which device_init() was called on. Never fails: what is missing is a warning. */
void status_collect(struct status *st, struct device *d, json_object *boot);

/* A member of boot.json as text; "" when it is missing or no string. */
const char *status_boot_text(const struct status *st, const char *key);

/* Adds a warning; those that exceed the room are dropped. */
void status_warn(struct status *st, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The parts of it that look for what is wrong with the state. */
void status_check_regions(struct status *st);
void status_check_usable(struct status *st);
void status_check_updates(struct status *st);

/* The part of it that is about guardian and watchdog: see above. */
void status_guard_collect(struct status *st);
void status_guard_text(const struct status *st);
void status_guard_json(const struct status *st, json_object *o);

/* The part of it that is about the trial that runs; behind status_guard_collect(). */
void status_trial_collect(struct status *st);
void status_trial_text(const struct status *st);
void status_trial_json(const struct status *st, json_object *o);

/* The part of it that is about what a staged bundle lacks; json: of "staged". */
void status_part_collect(struct status *st);
void status_part_text(const struct status *st);
void status_part_json(const struct status *st, json_object *staged);

/* The part of it that is about the data partition: that nothing can be staged there is a warning.
 */
void status_data_collect(struct status *st);
void status_data_text(const struct status *st);
void status_data_json(const struct status *st, json_object *o);

/* The slot on trial that holds what is staged: the boot that installed it left that; STATE_NONE. */
int status_staged_on_trial(const struct status *st);

/* What the next boot does with what is staged; something must be staged. why: unless it is
 * installed. */
enum status_fate { STATUS_INSTALLED, STATUS_SKIPPED, STATUS_FORGOTTEN };
enum status_fate status_staged_fate(const struct status *st, const char **why);
/* It is skipped, and no boot lifts that: it is to be staged anew. */
bool status_staged_lasting(const struct status *st);

/* Prints what the next boot will do, if that is not what this one did. */
void status_next_text(const struct status *st);

void status_text(const struct status *st);

/* The caller releases it by printing it. */
json_object *status_json(const struct status *st);
