/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/doctor/doctor.h"

/*
 * The options of the running kernel, ended by NUL: /proc/config.gz, else /boot/config-VERSION. NULL
 * when there is neither, or it cannot be unpacked.
 */
const char *doctor_config_text(const struct doctor *doc);

/* The value of CONFIG_name in such a text, up to the end of its line, and further; NULL: it is not
 * set. */
const char *doctor_config_value(const char *text, const char *name);
