/* SPDX-License-Identifier: Apache-2.0 */
/* `keelboot state export`. */
#pragma once

#include "cli/output/args.h"
#include "cli/device/device.h"

/* Reads the arguments behind "export"; the exit code. */
int state_export_cmd(struct args *a, struct device_options *o);
