/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peak FILE PROGRAM ARGV…: runs the program, ends as it does, and writes the most memory that it
 * had, in KiB, to FILE. A large program that starts it by itself would measure its own size: a
 * process is charged with what it was before exec.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static int end_like(int status)
{
	const struct rlimit none = { 0, 0 };

	if (!WIFSIGNALED(status))
		return WEXITSTATUS(status);
	setrlimit(RLIMIT_CORE, &none);
	signal(WTERMSIG(status), SIG_DFL);
	raise(WTERMSIG(status));
	return 125;
}

int main(int argc, char **argv)
{
	struct rusage usage;
	int status;
	pid_t pid;
	FILE *out;

	if (argc < 4)
		return 125;
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execvp(argv[2], argv + 3);
		perror(argv[2]);
		_exit(125);
	}
	if (pid < 0 || wait4(pid, &status, 0, &usage) != pid)
		return 125;
	out = fopen(argv[1], "w");
	if (out == NULL || fprintf(out, "%ld\n", usage.ru_maxrss) < 0 || fclose(out) != 0)
		return 125;
	return end_like(status);
}
