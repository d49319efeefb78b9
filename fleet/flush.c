/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/flush.h"

#include "lib/os_file.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Bytes that are not on the disk are fetched again: the file may be as long as if they were. */
static bool flush_now(const struct flush *x, int fd)
{
	return os_file_sync(fd) == KB_OK && files_save(x->files, x->a) == KB_OK;
}

/* In the process beside. The end of the other one is its end: no lock is held beyond that. */
static _Noreturn void run_beside(const struct flush *x, int fd, pid_t parent)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 || getppid() != parent)
		_exit(1);
	_exit(flush_now(x, fd) ? 0 : 1);
}

/* Takes its end in, if there is one yet; or waits for it. */
static void take_end(struct flush *x, bool wait)
{
	int status = 0;
	pid_t pid;

	do
		pid = waitpid(x->pid, &status, wait ? 0 : WNOHANG);
	while (pid < 0 && errno == EINTR);
	if (pid == 0)
		return;
	x->failed = pid != x->pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0;
	x->pid = 0;
	if (x->failed)
		folder_changes(x->files->dir);
	else
		x->a->durable = x->begun;
}

/* Its memory is a copy, with the record of this moment. */
static void begin_beside(struct flush *x, int fd, uint64_t have, uint64_t to_come)
{
	uint64_t before = x->a->durable;
	pid_t parent = getpid();

	x->a->durable = x->begun = have;
	meter_note(x->meter, to_come);
	x->pid = fork();
	if (x->pid == 0)
		run_beside(x, fd, parent);
	if (x->pid > 0) {
		x->a->durable = before;
		return;
	}
	/* No process can be had: the transfer waits. */
	x->pid = 0;
	x->failed = !flush_now(x, fd);
}

bool flush_some(struct flush *x, int fd, uint64_t have, uint64_t to_come)
{
	uint64_t most = x->meter->limits->daily > 0 ? FLUSH_COUNTED : FLUSH_MOST;

	if (have - (x->pid > 0 ? x->begun : x->a->durable) < FLUSH_STEP)
		return true;
	if (x->pid > 0)
		take_end(x, have - x->a->durable >= most);
	if (x->pid == 0 && !x->failed)
		begin_beside(x, fd, have, to_come);
	return !x->failed;
}

bool flush_all(struct flush *x, int fd, uint64_t have, uint64_t to_come)
{
	if (x->pid > 0)
		take_end(x, true);
	x->failed = x->failed || os_file_sync(fd) != KB_OK;
	if (x->failed)
		return false;
	x->a->durable = have;
	meter_note(x->meter, to_come);
	return files_save(x->files, x->a) == KB_OK;
}
