/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel seam on Linux: other programs of the running system. */
#include "lib/os_command.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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

static bool is_program(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* The folder beside one of programs for everybody: /usr/sbin for /usr/bin. */
static bool is_beside(const char *dir, size_t n, const char *name, char path[PATH_MAX])
{
	size_t base = n - 3;

	return n > 3 && memcmp(dir + base, "bin", 3) == 0 && dir[base - 1] == '/' &&
	       snprintf(path, PATH_MAX, "%.*ssbin/%s", (int)base, dir, name) < PATH_MAX &&
	       is_program(path);
}

static bool find_in(const char *dirs, bool beside, const char *name, char path[PATH_MAX])
{
	/* bound: the length of PATH */
	for (size_t n; *dirs != '\0'; dirs += n + (dirs[n] == ':')) {
		n = strcspn(dirs, ":");
		if (beside && is_beside(dirs, n, name, path))
			return true;
		/* An empty part is the folder where we are, which may be anyone's. */
		if (!beside && n > 0 &&
		    snprintf(path, PATH_MAX, "%.*s/%s", (int)n, dirs, name) < PATH_MAX &&
		    is_program(path))
			return true;
	}
	return false;
}

bool os_command_find(const char *name, char path[PATH_MAX])
{
	const char *dirs = getenv("PATH");

	dirs = dirs != NULL ? dirs : "/bin:/usr/bin";
	return find_in(dirs, false, name, path) || find_in(dirs, true, name, path);
}

enum kb_err os_command_become(const char *name, const char *const *argv)
{
	char path[PATH_MAX];

	if (os_command_find(name, path))
		execv(path, (char *const *)argv);
	else
		errno = ENOENT;
	return KB_EEXEC;
}
