/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a boot loader was set up with, as words to be searched for: no comments, each command on one
 * line. It is not understood: a word that is there may still do nothing.
 */
#pragma once

#include "cli/doctor/doctor.h"

#define DOCTOR_SCRIPT_MAX (256u * 1024)

enum doctor_script_kind {
	DOCTOR_SCRIPT_SHELL, /* of GRUB and U-Boot: with quotes, and comments behind a blank */
	DOCTOR_SCRIPT_LINES, /* settings: a comment is a line */
};

struct doctor_script {
	/* all of it was read, and is text: a word that is missing is missing */
	bool whole;
	size_t len;
	char text[DOCTOR_SCRIPT_MAX + 1];
};

void doctor_script_clear(struct doctor_script *s);

/* Adds a text. What exceeds the room is dropped, and the script is not whole any more. PURE. */
void doctor_script_add(struct doctor_script *s, enum doctor_script_kind kind, const char *text,
		       size_t len);

/* Adds a file below sys_root; one of U-Boot's `mkimage -T script` as well. False: there is none,
 * and nothing was added. */
bool doctor_script_add_file(const struct doctor *doc, struct doctor_script *s,
			    enum doctor_script_kind kind, const char *path);

/* Whether it has the word. What is no letter, digit or '_' ends one. PURE. */
bool doctor_script_has(const struct doctor_script *s, const char *word);

/* The same of one line. PURE. */
bool doctor_script_line_has(const char *line, const char *word);

/* What stands behind each "NAME=", up to a blank, a quote or ';'. False: there is none, or they
 * differ, or do not fit. PURE. */
bool doctor_script_value(const struct doctor_script *s, const char *name, char *value, size_t size);
