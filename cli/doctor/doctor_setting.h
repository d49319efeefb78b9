/* SPDX-License-Identifier: Apache-2.0 */
/* Settings of a boot loader, a line each. PURE. */
#pragma once

#include "cli/doctor/doctor_script.h"

#define DOCTOR_SETTING_MAX 64

/* loader.conf: what stands behind the word that begins a line; the last line counts. False: no line
 * has it. */
bool doctor_setting_word(const struct doctor_script *s, const char *name,
			 char value[DOCTOR_SETTING_MAX]);

enum doctor_setting {
	DOCTOR_SETTING_NONE,
	DOCTOR_SETTING_ALL,  /* one value, of any board and any start */
	DOCTOR_SETTING_SOME, /* which one counts, a filter decides, or the order of lines */
};

/* config.txt of a Raspberry Pi: what stands behind "NAME=", below [all] or no filter at all. */
enum doctor_setting doctor_setting_filtered(const struct doctor_script *s, const char *name,
					    char value[DOCTOR_SETTING_MAX]);
