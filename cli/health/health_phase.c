/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/health/health_phase.h"

#include "lib/bytes.h"
#include "lib/log.h"
#include "lib/os.h"
#include "lib/os_clock.h"
#include "lib/os_command.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* "PID check NAME", or "PID wait UNTIL". Whoever is no more does nothing. */
#define CHECK " check "
#define WAIT  " wait "

static void phase_path(const struct device *d, char path[DEVICE_PATH_MAX + 16])
{
	snprintf(path, DEVICE_PATH_MAX + 16, "%s/health", d->opts->run_dir);
}

static void write_phase(const struct device *d, const char *what, const char *detail)
{
	char path[DEVICE_PATH_MAX + 16], text[HEALTH_PHASE_MAX + 48];
	int len = snprintf(text, sizeof(text), "%d%s%.*s\n", (int)os_command_pid(), what,
			   HEALTH_PHASE_MAX - 1, detail);

	phase_path(d, path);
	if (os_write_file(path, text, (size_t)len) != KB_OK)
		log_warn(
			"%s: unable to write: %m; `keelboot status` cannot tell what is waited for",
			path);
}

void health_phase_check(const struct device *d, const char *name)
{
	write_phase(d, CHECK, name);
}

void health_phase_wait(const struct device *d, uint64_t until_ms)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, until_ms);
	write_phase(d, WAIT, text);
}

void health_phase_end(const struct device *d)
{
	char path[DEVICE_PATH_MAX + 16];

	phase_path(d, path);
	if (os_unlink(path) != KB_OK && os_exists(path))
		log_warn("%s: unable to remove: %m", path);
}

static bool take_phase(struct health_phase *phase, const char *what)
{
	uint64_t until, now = os_clock_ms();

	if (strncmp(what, CHECK, strlen(CHECK)) == 0) {
		snprintf(phase->check, sizeof(phase->check), "%s", what + strlen(CHECK));
		return phase->check[0] != '\0';
	}
	if (strncmp(what, WAIT, strlen(WAIT)) != 0 ||
	    bytes_decimal(&until, what + strlen(WAIT), UINT64_MAX) != KB_OK)
		return false;
	phase->left_s = until > now ? (until - now + 999) / 1000 : 0;
	return true;
}

bool health_phase_read(const struct device *d, struct health_phase *phase)
{
	char path[DEVICE_PATH_MAX + 16], text[HEALTH_PHASE_MAX + 48], *what;
	uint64_t pid;

	*phase = (struct health_phase){ .left_s = 0 };
	phase_path(d, path);
	if (os_read_file(path, text, sizeof(text), NULL) != KB_OK)
		return false;
	text[strcspn(text, "\n")] = '\0';
	what = strchr(text, ' ');
	if (what == NULL)
		return false;
	*what = '\0';
	if (bytes_decimal(&pid, text, INT32_MAX) != KB_OK || pid <= 1 ||
	    !os_command_runs((pid_t)pid))
		return false;
	*what = ' ';
	return take_phase(phase, what);
}
