/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the programs of the boot log: process 1, and those of its children that have something to
 * say. lib/log.h has what comes of a line.
 */
#pragma once

#include "lib/log.h"

#include <stdbool.h>

#define BOOTLOG_KMSG "/dev/kmsg"

/* For process 1: opens the kernel's log. Without it (printk.devkmsg=off) only the consoles are
 * left, and all lines that the kernel would have shown go to them. */
void bootlog_open(void);

/* The lines that are logged, and those that are seen on every console; for children too. */
void bootlog_set(enum log_level max, enum log_level shown);

/* Both of them, for a child that has no environment: bootlog_parse() reads it. */
const char *bootlog_levels(void);

/* False: no such text. */
bool bootlog_parse(const char *text, enum log_level *max, enum log_level *shown);

/* The environment of a child that is to log as this one does. */
const char *const *bootlog_env(void);

/* In a child: logs as process 1 does, if its environment says so. Otherwise nothing changes. */
void bootlog_inherit(void);
