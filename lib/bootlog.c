/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/bootlog.h"

#include "lib/os.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RATE	 "/proc/sys/kernel/printk_devkmsg"
#define VARIABLE "KEELBOOT_LOG"

static char variable[] = VARIABLE "=65"; /* both levels, a digit each */

static char level_digit(enum log_level level)
{
	return (char)('0' + (int)level);
}

static bool is_level(char c)
{
	return c >= level_digit(LOG_LEVEL_ERR) && c <= level_digit(LOG_LEVEL_DEBUG);
}

void bootlog_set(enum log_level max, enum log_level shown)
{
	variable[sizeof(variable) - 3] = level_digit(max);
	variable[sizeof(variable) - 2] = level_digit(shown);
	log_set_level(max);
	log_show(shown);
}

const char *bootlog_levels(void)
{
	return variable + sizeof(VARIABLE);
}

bool bootlog_parse(const char *text, enum log_level *max, enum log_level *shown)
{
	if (!is_level(text[0]) || !is_level(text[1]) || text[2] != '\0')
		return false;
	*max = (enum log_level)(text[0] - '0');
	*shown = (enum log_level)(text[1] - '0');
	return true;
}

const char *const *bootlog_env(void)
{
	static const char *const env[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", variable, NULL };

	return env;
}

/* Nothing overrules printk.devkmsg= on the kernel's command line. */
static void mind_the_rate(void)
{
	char text[16];

	if (os_read_file(RATE, text, sizeof(text), NULL) != KB_OK || strcmp(text, "on\n") != 0)
		log_to_anew(BOOTLOG_KMSG);
}

void bootlog_open(void)
{
	static int kmsg = -1;

	if (os_open(BOOTLOG_KMSG, O_WRONLY, &kmsg) == KB_OK)
		log_to(kmsg, 1);
	/* Else the kernel drops what exceeds ten lines in five seconds: the end of the story. */
	if (os_write_file(RATE, "on\n", 3) != KB_OK)
		log_debug(
			"the kernel's log may lack lines: printk.devkmsg= limits it; add printk.devkmsg=on");
	mind_the_rate();
}

void bootlog_inherit(void)
{
	const char *levels = getenv(VARIABLE);
	enum log_level max, shown;

	if (levels == NULL || !bootlog_parse(levels, &max, &shown))
		return;
	/* Standard error is the kernel's log, or, where that takes nothing from us, a console,
	 * which might take nothing either. */
	log_to(os_is_kmsg(2) ? 2 : -1, 1);
	mind_the_rate();
	bootlog_set(max, shown);
}
