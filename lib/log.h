/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line per decision. In the commands to standard error. In the boot to the kernel's log, and so
 * to pstore; and to every console: the kernel shows there what its log level lets through, and
 * what it does not is written to them here.
 */
#pragma once

enum log_level {
	LOG_LEVEL_NONE = -1,
	LOG_LEVEL_ERR = 3,     /* something failed that should not */
	LOG_LEVEL_WARNING = 4, /* works, but a person should know */
	LOG_LEVEL_NOTICE = 5,  /* a decision of the boot, or how far an install is */
	LOG_LEVEL_INFO = 6,    /* how it came to it */
	LOG_LEVEL_DEBUG = 7,
};

/* Where lines go from now on: fd of /dev/kmsg (lines get "<level>keelboot: "), or 2 with kmsg = 0.
 * fd is borrowed. */
void log_to(int fd, int kmsg);

/* The same where the kernel drops what exceeds ten lines in five seconds: it counts for each open
 * file, so path is opened anew for each line, until log_to() is called. The pointer is kept. */
void log_to_anew(const char *path);

/* From now on lines up to this level are seen on every console, whatever the kernel shows there.
 * What it shows itself is not written a second time. LOG_LEVEL_NONE: the kernel alone, as before.
 */
void log_show(enum log_level max);

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
