/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel seam on Linux: other programs of the running system. */
#include "lib/os_command.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum kb_err os_command_signal(pid_t pid, int sig)
{
	return kill(pid, sig) == 0 ? KB_OK : err_errno(errno);
}

bool os_command_runs(pid_t pid)
{
	return kill(pid, 0) == 0 || errno == EPERM;
}

pid_t os_command_pid(void)
{
	return getpid();
}

bool os_command_is(const char *name)
{
	const char *dir = getenv("PATH");
	char path[PATH_MAX];

	if (dir == NULL)
		dir = "/bin:/usr/bin"; /* as execvp() */
	/* bound: the length of PATH */
	for (size_t n; *dir != '\0'; dir += n + (dir[n] == ':')) {
		n = strcspn(dir, ":");
		if (snprintf(path, sizeof(path), "%.*s/%s", (int)n, dir, name) <
			    (int)sizeof(path) &&
		    access(path, X_OK) == 0)
			return true;
	}
	return false;
}

enum kb_err os_command_become(const char *name, const char *const *argv)
{
	execvp(name, (char *const *)argv);
	return KB_EEXEC;
}
