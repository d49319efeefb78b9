/* SPDX-License-Identifier: Apache-2.0 */
/* Commands of the device, as somebody types them: "mark good", "install --progress=none FILE". */
#pragma once

#include "cli/device/device.h"

#define COMMAND_WORDS 20

/* Runs it in this process: its exit code. */
int command_run(const char *line, struct device_options *o);
/* The words of a line; NULL ends them. How many. */
int command_words(const char *line, char *argv[COMMAND_WORDS + 1]);
