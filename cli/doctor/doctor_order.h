/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a boot loader's script has to do, and in which order: what it starts once is forgotten on
 * the disk before a kernel is started, a count is there before the start that it counts. A few
 * rules about steps, and no interpreter: what they cannot know, they say.
 */
#pragma once

#include "cli/doctor/doctor_steps.h"

/* A word that a loader cannot do without. */
struct doctor_words {
	const char *word;
	/* another one that will do; NULL: none */
	const char *or_word;
	/* it counts as a command only */
	bool is_command;
	/* the line to add; and what happens without it */
	const char *fix, *lacks;
};

enum doctor_order {
	DOCTOR_ORDER_RIGHT,
	/* the rule is kept, if a condition that is not understood holds */
	DOCTOR_ORDER_UNCLEAR,
	DOCTOR_ORDER_WRONG,
};

/* What is wrong: a sentence without its subject, the script. */
struct doctor_fault {
	enum doctor_order is;
	const char *says, *fix;
};

/* Of the pair that is tried once, and of the default. The first rule that is broken counts. PURE.
 */
struct doctor_fault doctor_order_of_trial(const struct doctor_steps *s);

/* Of the starts that are counted; right where none are. PURE. */
struct doctor_fault doctor_order_of_count(const struct doctor_steps *s);

/* Whether a watchdog is armed before each start. PURE. */
bool doctor_order_arms_watchdog(const struct doctor_steps *s);

/* Reports what is missing or comes too late: as an error, or as what cannot be known where the
 * steps are not whole. */
void doctor_order_check(struct doctor *doc, const struct doctor_steps *s,
			const struct doctor_words *words, unsigned n);
