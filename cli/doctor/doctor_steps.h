/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands of a boot loader's script in the order in which they come: those of a function, or
 * of a variable that is run, where it is called. Conditions are not understood: both ways of an
 * `if` are steps. PURE.
 */
#pragma once

#include "cli/doctor/doctor_command.h"
#include "cli/doctor/doctor_script.h"

#define DOCTOR_STEPS_MAX     2048u
#define DOCTOR_STEPS_BODIES  512u
#define DOCTOR_STEPS_INCLUDE "custom.cfg" /* the one file that GRUB takes in, and that is known */

enum doctor_language { DOCTOR_GRUB, DOCTOR_UBOOT };

struct doctor_step {
	/* its words without quotes, a blank between two; "${x}" is "$x" */
	const char *text;
	/* it starts a kernel; or what it calls does, whose steps follow */
	bool starts, leads_to_start;
	/* whether it runs cannot be known: a condition without Keelboot's words, or a menu */
	bool doubtful;
	/* of an entry of GRUB's menu; they stand behind all others */
	bool in_menu;
};

/* A text that a name stands for; without a name, an entry of GRUB's menu. */
struct doctor_body {
	const char *name, *text;
	size_t name_len, len;
};

struct doctor_steps {
	enum doctor_language language;
	/* all that may run was seen */
	bool whole;
	unsigned n, nbodies;
	/* bodies that were looked at for entries of the menu */
	unsigned nentries;
	/* bodies that somebody named, and what they take */
	unsigned nnamed;
	size_t named_used;
	struct doctor_step step[DOCTOR_STEPS_MAX];
	struct doctor_body body[DOCTOR_STEPS_BODIES];
	struct doctor_room room;
};

void doctor_steps_begin(struct doctor_steps *s, enum doctor_language language);

/* A variable of U-Boot, or a file that GRUB takes in: a text without comments, which stays where it
 * is. The name is copied. */
void doctor_steps_name(struct doctor_steps *s, const char *name, const char *text, size_t len);

/* Forgets all steps, and what they defined. What was named stays. */
void doctor_steps_again(struct doctor_steps *s);

/* Adds the steps of what was named so. False: nothing was. */
bool doctor_steps_run(struct doctor_steps *s, const char *name);

/* Adds the steps of a text without comments. */
void doctor_steps_add(struct doctor_steps *s, const char *text, size_t len);

/* Whether that is its command. */
bool doctor_steps_is(const struct doctor_step *step, const char *command);

/* Whether it does nothing but print. */
bool doctor_steps_prints(const struct doctor_step *step);

/* Whether one that does more than print has the word. */
bool doctor_steps_have(const struct doctor_steps *s, const char *word);
