/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel seam on Linux: other programs of the running system. */
#include "lib/os_command.h"

#include <errno.h>
#include <signal.h>
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

enum kb_err os_command_become(const char *name, const char *const *argv)
{
	execvp(name, (char *const *)argv);
	return KB_EEXEC;
}
