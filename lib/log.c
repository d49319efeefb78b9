/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/log.h"

#include "lib/util.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int log_fd = 2;
static int log_kmsg;
static enum log_level log_max = LOG_LEVEL_INFO;
static const char *log_name = "keelboot";

void log_to(int fd, int kmsg)
{
	log_fd = fd;
	log_kmsg = kmsg;
}

void log_set_level(enum log_level max)
{
	log_max = max;
}

void log_set_name(const char *name)
{
	log_name = name;
}

void log_line(enum log_level level, const char *fmt, ...)
{
	char text[900], safe[900], line[1000];
	va_list ap;
	int n;

	if (level > log_max || log_fd < 0)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	util_print_safe(safe, sizeof(safe), text);
	if (log_kmsg)
		n = snprintf(line, sizeof(line), "<%d>%s: %s\n", (int)level, log_name, safe);
	else
		n = snprintf(line, sizeof(line), "%s: %s\n", log_name, safe);
	if (n <= 0)
		return;
	/* One write, so that lines of several processes do not mix. Nobody can be told when it
	 * fails. */
	if (write(log_fd, line, strnlen(line, sizeof(line))) < 0)
		return;
}
