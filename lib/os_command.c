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

enum kb_err os_command_become(const char *name, const char *const *argv)
{
	execvp(name, (char *const *)argv);
	return KB_EEXEC;
}
