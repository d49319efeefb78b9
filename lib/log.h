/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line per decision. In the boot to the kernel's log (and so to the console and to pstore), in
 * the commands to standard error.
 */
#pragma once

enum log_level {
	LOG_LEVEL_ERR = 3,     /* something failed that should not */
	LOG_LEVEL_WARNING = 4, /* works, but a person should know */
	LOG_LEVEL_NOTICE = 5,  /* a decision of the boot: shown even with "quiet" */
	LOG_LEVEL_INFO = 6,    /* how it came to it */
	LOG_LEVEL_DEBUG = 7,
};

/* Where lines go from now on: fd of /dev/kmsg (lines get "<level>keelboot: "), or 2 with kmsg = 0.
 * fd is borrowed. */
void log_to(int fd, int kmsg);

/* Lines above this level are dropped. Default: LOG_LEVEL_INFO. */
void log_set_level(enum log_level max);

/* What stands before each line; default "keelboot". The pointer is kept. */
void log_set_name(const char *name);

/* Writes one line; bounded at 900 bytes, control characters replaced. Never fails, never allocates.
 */
void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_err(...)	log_line(LOG_LEVEL_ERR, __VA_ARGS__)
#define log_warn(...)	log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...) log_line(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...)	log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)	log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)
