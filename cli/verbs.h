/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verbs. Each gets its arguments behind the verb, and the global options so far; what it
 * returns is the exit code (cli/output/output.h).
 */
#pragma once

#include "cli/output/args.h"
#include "cli/device/device.h"
#include "cli/output/output.h"

int status_cmd(struct args *a, struct device_options *o);
int mark_cmd(struct args *a, struct device_options *o);
int stage_cmd(struct args *a, struct device_options *o);
int unstage_cmd(struct args *a, struct device_options *o);
int install_cmd(struct args *a, struct device_options *o);
int switch_cmd(struct args *a, struct device_options *o);
int why_cmd(struct args *a, struct device_options *o);
int reset_data_cmd(struct args *a, struct device_options *o);
int history_cmd(struct args *a, struct device_options *o);
int check_cmd(struct args *a, struct device_options *o);
int health_cmd(struct args *a, struct device_options *o);
int guard_cmd(struct args *a, struct device_options *o);
int doctor_cmd(struct args *a, struct device_options *o);
int check_config_cmd(struct args *a, struct device_options *o);
int adopt_cmd(struct args *a, struct device_options *o);
int loader_cmd(struct args *a, struct device_options *o);
int measure_cmd(struct args *a, struct device_options *o);
int state_cmd(struct args *a, struct device_options *o);
