/* SPDX-License-Identifier: Apache-2.0 */
/* What the process of a program has: its disks; and the programs themselves. */
#pragma once

#include "tests/sim/powercut.h"

#define POWERCUT_CHILD_DISK   "kbsim0"
#define POWERCUT_CHILD_STATE  "/dev/" POWERCUT_CHILD_DISK "p1"
#define POWERCUT_CHILD_A      "/dev/" POWERCUT_CHILD_DISK "p2"
#define POWERCUT_CHILD_B      "/dev/" POWERCUT_CHILD_DISK "p3"
#define POWERCUT_CHILD_RAW    "/dev/" POWERCUT_CHILD_DISK "p4"
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
const char *powercut_world_conf(void);

/* powercut_files.c: from now on files of this machine stand for those of the device. After
 * os_sim_reset(). */
void powercut_child_files(void);
