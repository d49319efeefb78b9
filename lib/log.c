/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/log.h"

#include "lib/os.h"
#include "lib/util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int log_fd = 2;
static int log_kmsg;
static const char *log_path;
static enum log_level log_max = LOG_LEVEL_INFO, log_shown = LOG_LEVEL_NONE;
static const char *log_name = "keelboot";

void log_to(int fd, int kmsg)
{
	log_fd = fd;
	log_kmsg = kmsg;
	log_path = NULL;
}

void log_to_anew(const char *path)
{
	log_path = path;
}

void log_show(enum log_level max)
{
	log_shown = max;
}

void log_set_level(enum log_level max)
{
	log_max = max;
}

void log_set_name(const char *name)
{
	log_name = name;
}

/* One write, so that lines of several processes do not mix. Its failure cannot be reported. */
static bool write_line(const char *line, size_t len)
{
	KB_CLEANUP_FD int anew = -1;
	int fd = log_fd;

	if (log_path != NULL && os_open(log_path, O_WRONLY | O_NONBLOCK, &anew) == KB_OK)
		fd = anew;
	return fd >= 0 && write(fd, line, len) == (ssize_t)len;
}

/* To the consoles go what the kernel does not bring there, and what it would have brought. */
static void show_on_consoles(enum log_level level, bool logged, const char *line, size_t len)
{
	bool by_kernel = os_console_shows((int)level);

	if (by_kernel ? !logged : level <= log_shown)
		os_console_write(line, len);
}

void log_line(enum log_level level, const char *fmt, ...)
{
	char text[900], safe[900], line[1000];
	int saved = errno, start = 0;
	bool logged;
	size_t len;
	va_list ap;

	if (level > log_max)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	util_print_safe(safe, sizeof(safe), text);
	if (log_kmsg)
		start = snprintf(line, sizeof(line), "<%d>", (int)level);
	snprintf(line + start, sizeof(line) - (size_t)start, "%s: %s\n", log_name, safe);
	len = strlen(line);
	logged = write_line(line, len) && log_kmsg;
	if (log_shown != LOG_LEVEL_NONE)
		show_on_consoles(level, logged, line + start, len - (size_t)start);
	errno = saved;
}
