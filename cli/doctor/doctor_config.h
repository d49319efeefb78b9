/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/doctor/doctor.h"

/*
 * The options of the running kernel, ended by NUL: /proc/config.gz, else /boot/config-VERSION. NULL
 * when there is neither, or it cannot be unpacked.
 */
const char *doctor_config_text(const struct doctor *doc);
