/* SPDX-License-Identifier: Apache-2.0 */
/* The simulation's children. */
#include "lib/os_adopt.h"
#include "lib/os_command.h"
#include "tests/sim/os_sim_int.h"

#include <signal.h>

#define CHILDREN_MAX 48
#define PROCS_MAX    256
#define UNWAITED_MAX 32 /* CHILDREN_MAX of lib/os_proc.c */
#define FIRST_PID    1000
#define DETACHED_PID 164
#define COMMAND_PID  900
#define ARGS_MAX     96

struct proc {
	const struct os_sim_child *child;
	uint64_t start, ended; /* ended: UINT64_MAX while it runs */
	int status;
	bool killed, waited;
	char *argv[ARGS_MAX + 1];
};

static struct os_sim_child child[CHILDREN_MAX];
static unsigned started[CHILDREN_MAX];
static unsigned nchildren;
static struct proc proc[PROCS_MAX];
static int nprocs;

void os_sim_procs_reset(void)
{
	for (int i = 0; i < nprocs; i++) {
		for (unsigned k = 0; proc[i].argv[k] != NULL; k++)
			free(proc[i].argv[k]);
	}
	memset(proc, 0, sizeof(proc));
	memset(started, 0, sizeof(started));
	nchildren = 0;
	nprocs = 0;
}

void os_sim_child(const struct os_sim_child *c)
{
	if (nchildren == CHILDREN_MAX)
		abort();
	child[nchildren++] = *c;
}

static bool has_arg(const char *const *argv, const char *arg)
{
	for (; *argv != NULL; argv++) {
		if (strcmp(*argv, arg) == 0)
			return true;
	}
	return false;
}

static const struct os_sim_child *find_child(const char *const *argv)
{
	for (unsigned i = 0; i < nchildren; i++) {
		if (strcmp(child[i].argv0, argv[0]) != 0 ||
		    (child[i].times != 0 && started[i] >= child[i].times) ||
		    (child[i].arg != NULL && !has_arg(argv, child[i].arg)))
			continue;
		started[i]++;
		return &child[i];
	}
	return NULL;
}

static unsigned unwaited(void)
{
	unsigned n = 0;

	for (int i = 0; i < nprocs; i++)
		n += !proc[i].waited;
	return n;
}

enum kb_err os_spawn(const struct os_spawn *sp, pid_t *pid)
{
	const struct os_sim_child *c = os_sim_over() ? NULL : find_child(sp->argv);
	struct os_sim_fd *f = os_sim_fd_get(sp->fd3);
	char args[2048];
	struct proc *p;

	os_sim_join(args, sizeof(args), sp->argv);
	if (sp->tty != NULL)
		snprintf(args + strlen(args), sizeof(args) - strlen(args), "; on %s", sp->tty);
	*pid = -1;
	TRY(os_sim_turn("spawn"));
	if (unwaited() >= UNWAITED_MAX)
		return KB_EBUSY;
	if (os_sim_call(c != NULL ? KB_OK : KB_EEXEC, "spawn%s", args) != KB_OK)
		return KB_EEXEC;
	if (nprocs == PROCS_MAX)
		abort();
	p = &proc[nprocs];
	*p = (struct proc){ .child = c, .start = os_sim_now(), .ended = UINT64_MAX };
	for (unsigned i = 0; sp->argv[i] != NULL && i < ARGS_MAX; i++)
		p->argv[i] = strdup(sp->argv[i]);
	if (f != NULL && os_sim_fd_get(f->peer) != NULL)
		os_sim_fd_get(f->peer)->proc = nprocs;
	*pid = FIRST_PID + nprocs++;
	return KB_OK;
}

enum kb_err os_detach(const char *path, const char *const *argv, const int *fds, unsigned n,
		      pid_t *pid)
{
	char args[512], passed[32] = "";

	(void)path;
	os_sim_join(args, sizeof(args), argv);
	for (unsigned i = 0; i < n && i < sizeof(passed) - 1; i++)
		passed[i] = fds[i] < 0 ? '-' : (char)('3' + i);
	*pid = -1;
	TRY(OS_SIM_CALL("detach", KB_OK, "detach%s; descriptors %s", args, passed));
	*pid = DETACHED_PID;
	return KB_OK;
}

static bool ends_by_itself(const struct proc *p)
{
	return p->ended == UINT64_MAX && !p->child->hangs;
}

/* Nothing more comes from it. */
static bool is_closed(const struct proc *p)
{
	const struct os_sim_child *c = p->child;

	return p->ended != UINT64_MAX ||
	       (c->closes_ms != 0 && os_sim_now() >= p->start + c->closes_ms);
}

uint64_t os_sim_procs_next(void)
{
	uint64_t next = UINT64_MAX;

	for (int i = 0; i < nprocs; i++) {
		const struct proc *p = &proc[i];
		const struct os_sim_say *s = p->child->say;

		if (ends_by_itself(p) && p->start + p->child->duration_ms < next)
			next = p->start + p->child->duration_ms;
		if (!is_closed(p) && p->child->closes_ms != 0 &&
		    p->start + p->child->closes_ms < next)
			next = p->start + p->child->closes_ms;
		for (unsigned k = 0; k < 6 && s[k].text != NULL && p->ended == UINT64_MAX; k++) {
			uint64_t at = p->start + s[k].at_ms;

			if (at > os_sim_now() && at < next)
				next = at;
		}
	}
	return next;
}

void os_sim_procs_run(void)
{
	for (int i = 0; i < nprocs; i++) {
		struct proc *p = &proc[i];

		if (!ends_by_itself(p) || os_sim_now() < p->start + p->child->duration_ms)
			continue;
		p->ended = p->start + p->child->duration_ms;
		p->status = p->child->status;
		if (p->child->run != NULL)
			p->child->run(p->child->ctx, (const char *const *)p->argv);
		if (p->child->result != NULL)
			p->status = *p->child->result;
	}
}

static size_t say_len(const struct os_sim_say *s)
{
	return s->len != 0 ? s->len : strlen(s->text);
}

/* Bytes that a child has said by now, with a copy of those from `from` on. */
static size_t said(const struct proc *p, size_t from, char *out, size_t size, size_t *got)
{
	size_t all = 0;

	*got = 0;
	for (unsigned k = 0; k < 6 && p->child->say[k].text != NULL; k++) {
		const struct os_sim_say *s = &p->child->say[k];
		uint64_t at = p->start + s->at_ms;

		if (at > os_sim_now() || (at > p->ended))
			break;
		for (size_t i = 0; i < say_len(s); i++, all++) {
			if (all >= from && *got < size)
				out[(*got)++] = ((const char *)s->text)[i];
		}
	}
	return all;
}

bool os_sim_procs_readable(struct os_sim_fd *f)
{
	size_t got;
	char c;

	if (f->proc < 0)
		return f->peer < 0;
	return said(&proc[f->proc], f->told, &c, 1, &got) > f->told || is_closed(&proc[f->proc]);
}

enum kb_err os_read(int fd, void *buf, size_t size, size_t *len)
{
	struct os_sim_fd *f = os_sim_fd_get(fd);

	*len = 0;
	TRY(os_sim_turn("read"));
	if (f == NULL || f->kind != OS_SIM_FD_READ || os_sim_over())
		return KB_EIO;
	if (f->proc < 0)
		return f->peer < 0 ? KB_OK : KB_EBUSY;
	said(&proc[f->proc], f->told, buf, size, len);
	f->told += *len;
	if (*len > 0 || (is_closed(&proc[f->proc]) && f->peer < 0))
		return KB_OK;
	return KB_EBUSY;
}

/* ---------------------------------------------------------------- of the running system */

static void (*on_signal)(pid_t pid, int sig);

void os_sim_on_signal(void (*fn)(pid_t pid, int sig))
{
	on_signal = fn;
}

enum kb_err os_command_signal(pid_t pid, int sig)
{
	TRY(os_sim_turn("command_signal"));
	if (on_signal != NULL)
		on_signal(pid, sig);
	return KB_OK;
}

bool os_command_find(const char *name, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "/sbin/%s", name);
	return true;
}

enum kb_err os_command_become(const char *name, const char *const *argv)
{
	(void)name;
	(void)argv;
	TRY(os_sim_turn("command_become"));
	return KB_EEXEC;
}

static struct proc *by_pid(pid_t pid)
{
	int i = pid - FIRST_PID;

	return i >= 0 && i < nprocs && !proc[i].waited ? &proc[i] : NULL;
}

bool os_command_runs(pid_t pid)
{
	const struct proc *p = by_pid(pid);

	return pid == DETACHED_PID || pid == COMMAND_PID || (p != NULL && p->ended == UINT64_MAX);
}

pid_t os_command_pid(void)
{
	return COMMAND_PID;
}

enum kb_err os_wait(pid_t pid, unsigned timeout_ms, int *status)
{
	uint64_t end = os_sim_now() + timeout_ms;
	struct proc *p = by_pid(pid);

	*status = 0;
	TRY(os_sim_turn("wait"));
	if (p == NULL || os_sim_over())
		return KB_ECHILD;
	os_sim_advance(0);
	while (p->ended == UINT64_MAX) {
		if (os_sim_now() >= end)
			return KB_ETIMEDOUT;
		os_sim_pass(end);
	}
	p->waited = true;
	*status = p->status;
	return KB_OK;
}

void os_forget(pid_t pid)
{
	struct proc *p = by_pid(pid);

	if (p != NULL)
		p->waited = true;
}

/* Nothing here leaves anything behind. */
void os_adopt_begin(struct os_adopt *a)
{
	a->n = 0;
}

void os_adopt_leave(struct os_adopt *a, pid_t pid)
{
	a->pid[a->n++] = pid;
}

enum kb_err os_adopt_end(const struct os_adopt *a, void (*idle)(void *ctx), void *ctx)
{
	(void)a;
	if (idle != NULL)
		idle(ctx);
	return os_sim_turn("adopt_end");
}

/* Killing one that has ended does nothing, and is no line. */
void os_kill_begin(pid_t pid)
{
	struct proc *p = by_pid(pid);

	if (p == NULL || p->ended != UINT64_MAX || p->killed ||
	    os_sim_call(KB_OK, "kill %s", p->argv[0]) != KB_OK)
		return;
	p->killed = true;
	if (p->child->stuck)
		return;
	p->ended = os_sim_now();
	p->status = SIGKILL;
}

enum kb_err os_kill(pid_t pid)
{
	int status;

	enum kb_err err;

	os_kill_begin(pid);
	err = os_wait(pid, 5000, &status);
	if (err == KB_ETIMEDOUT)
		os_forget(pid);
	return err;
}
