/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel seam on Linux: what a program leaves behind, in whatever session. */
#include "lib/os_adopt.h"

#include "lib/os.h"
#include "lib/os_proc.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define END_MS	 5000
#define AGAIN_MS 10

/* 0: it is none. */
static pid_t child_named(const char *name)
{
	pid_t parent, session;

	return os_proc_kin(name, &parent, &session) && parent == getpid()
		       ? (pid_t)strtol(name, NULL, 10)
		       : 0;
}

void os_adopt_leave(struct os_adopt *a, pid_t pid)
{
	if (a->n < OS_ADOPT_MAX)
		a->pid[a->n++] = pid;
}

static enum kb_err note_child(void *ctx, const char *name)
{
	pid_t pid = child_named(name);

	if (pid != 0)
		os_adopt_leave(ctx, pid);
	return KB_OK;
}

void os_adopt_begin(struct os_adopt *a)
{
	*a = (struct os_adopt){ .n = 0 };
	/* Without /proc, or with too many, nobody could tell theirs from those of a stranger. */
	if (os_each("/proc", note_child, a) == KB_OK && a->n < OS_ADOPT_MAX)
		prctl(PR_SET_CHILD_SUBREAPER, 1);
	else
		a->n = OS_ADOPT_MAX;
}

struct ending {
	const struct os_adopt *before;
	uint64_t end;
	unsigned found;
};

static enum kb_err end_child(void *ctx, const char *name)
{
	struct ending *e = ctx;
	pid_t pid = child_named(name);

	/* Who forks without a pause makes the list as long as there are numbers. */
	if (os_now_ms() >= e->end)
		return KB_ETIMEDOUT;
	for (unsigned i = 0; i < e->before->n; i++)
		if (e->before->pid[i] == pid)
			return KB_OK;
	if (pid == 0)
		return KB_OK;
	e->found++;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, WNOHANG);
	return KB_OK;
}

enum kb_err os_adopt_end(const struct os_adopt *a, void (*idle)(void *ctx), void *ctx)
{
	struct ending e = { .before = a, .end = os_now_ms() + END_MS, .found = 1 };
	enum kb_err err = KB_OK;

	if (a->n == OS_ADOPT_MAX)
		return KB_EIO;
	/* What one leaves when it dies is ours in the next round. */
	while (err == KB_OK && e.found > 0) {
		e.found = 0;
		err = os_each("/proc", end_child, &e);
		if (idle != NULL)
			idle(ctx);
		if (e.found > 0)
			os_sleep_ms(AGAIN_MS);
	}
	prctl(PR_SET_CHILD_SUBREAPER, 0);
	return err;
}
