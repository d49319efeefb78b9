/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a command and prints to the file that is named how many system calls it made, in all of its
 * processes, and how many of them renamed a file: calls FILE COMMAND [ARGUMENT…]. Exits as the
 * command does.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/ptrace.h>

#define OPTIONS                                                                                   \
	(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | \
	 PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL)

static unsigned long calls, renames;

static void count(pid_t pid)
{
	struct ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) <= 0 ||
	    info.op != PTRACE_SYSCALL_INFO_ENTRY)
		return;
	calls++;
	renames += info.entry.nr == SYS_rename;
}

/* The signal of a stop that the process is to get: none of those that only trace it. */
static int passed_on(int status)
{
	int signal = WSTOPSIG(status);

	return signal == SIGTRAP || signal == SIGSTOP || signal == (SIGTRAP | 0x80) ? 0 : signal;
}

int main(int argc, char **argv)
{
	int status, result = 1;
	FILE *out;
	pid_t first, pid;

	if (argc < 3 || (out = fopen(argv[1], "we")) == NULL || (first = fork()) < 0)
		return 2;
	if (first == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		execvp(argv[2], argv + 2);
		_exit(127);
	}
	if (waitpid(first, &status, 0) != first ||
	    ptrace(PTRACE_SETOPTIONS, first, 0, OPTIONS) != 0 ||
	    ptrace(PTRACE_SYSCALL, first, 0, 0) != 0)
		return 2;
	while ((pid = waitpid(-1, &status, __WALL)) > 0) {
		if (pid == first && WIFEXITED(status))
			result = WEXITSTATUS(status);
		if (!WIFSTOPPED(status))
			continue;
		if (WSTOPSIG(status) == (SIGTRAP | 0x80))
			count(pid);
		ptrace(PTRACE_SYSCALL, pid, 0, passed_on(status));
	}
	fprintf(out, "%lu %lu\n", calls, renames);
	return fclose(out) == 0 ? result : 2;
}
