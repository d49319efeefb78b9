/* SPDX-License-Identifier: Apache-2.0 */
/* What the command tells the guardian: initramfs/guardian/guardian.h has the other end. */
#include "cli/state/mark.h"

#include "lib/bytes.h"
#include "lib/log.h"
#include "lib/os.h"
#include "lib/os_command.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define PID_MAX 4194304		      /* the kernel's own limit */
#define NAME	" (keelboot-guardi) " /* as much of its name as the kernel keeps */

pid_t mark_guardian_find(const struct device *d)
{
	char path[DEVICE_PATH_MAX + 16], text[256];
	const char *state;
	uint64_t pid;

	snprintf(path, sizeof(path), "%s/guardian", d->opts->run_dir);
	if (os_read_file(path, text, sizeof(text), NULL) != KB_OK)
		return 0;
	text[strcspn(text, "\n")] = '\0';
	if (bytes_decimal(&pid, text, PID_MAX) != KB_OK || pid <= 1)
		return 0;
	snprintf(path, sizeof(path), "/proc/%" PRIu64 "/stat", pid);
	if (os_read_file(path, text, sizeof(text), NULL) != KB_OK)
		return 0;
	state = strstr(text, NAME);
	/* A zombie is gone, though whoever started it has not heard of it. */
	return state != NULL && state[strlen(NAME)] != 'Z' ? (pid_t)pid : 0;
}

void mark_guardian_notify(const struct device *d, int sig)
{
	pid_t pid = mark_guardian_find(d);

	if (pid > 0 && os_command_signal(pid, sig) != KB_OK)
		log_warn("unable to notify the guardian (process %d): %m", (int)pid);
}

void mark_guardian_nudge(const struct device *d)
{
	mark_guardian_notify(d, SIGUSR1);
}

void mark_guardian_ask(const struct device *d)
{
	mark_guardian_notify(d, SIGHUP);
}
