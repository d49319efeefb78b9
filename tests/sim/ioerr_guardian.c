/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/ioerr_guardian.h"

#include "initramfs/guardian/guardian_linux.h"
#include "tests/sim/bundles.h"
#include "tests/sim/ioerr_content.h"
#include "tests/sim/ioerr_process.h"
#include "tests/sim/os_sim_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define DOWN_MS 10000u /* that a shutdown takes which the guardian asks for */
#define CALM_MS 90000u /* for which a system that is well is looked at */
#define NEVER	UINT64_MAX
#define ARGS	10

static struct ioerr_world *world;
static uint64_t began;
static pid_t heard; /* the last child whose end was told */

/* Of the system, in milliseconds since the guardian has begun. */
static const struct {
	unsigned verb_ms; /* of the command; 0: none */
	unsigned down_ms; /* the machine is down; 0: when it is asked */
} scripts[] = {
	[IOERR_WORLD_VERDICT] = { .verb_ms = 20000 },
	[IOERR_WORLD_SHUTDOWN] = { .verb_ms = 50000, .down_ms = 80000 },
	[IOERR_WORLD_HANGING] = { .verb_ms = IOERR_WORLD_HANGS_AT_MS,
				  .down_ms = IOERR_WORLD_HORIZON_MS },
	[IOERR_WORLD_SILENT] = { .verb_ms = 0 },
	[IOERR_WORLD_STUCK] = { .down_ms = IOERR_WORLD_HORIZON_MS },
};

static struct ioerr_world_guard *guard(void)
{
	return &world->guard;
}

static uint64_t since(void)
{
	return os_now_ms() - began;
}

/* ---------------------------------------------------------------- time and the system */

static bool is_over(void)
{
	return guard()->down_ms != 0 || guard()->forced_ms != 0 || guard()->fired;
}

static void leave_if_over(void)
{
	if (is_over())
		_exit(0);
}

static uint64_t down_at(void)
{
	const struct ioerr_world_guard *g = guard();
	unsigned own = scripts[g->script].down_ms;

	if (own != 0)
		return own;
	if (g->asked_ms != 0)
		return g->asked_ms + DOWN_MS;
	return g->script == IOERR_WORLD_VERDICT ? CALM_MS : IOERR_WORLD_HORIZON_MS;
}

static uint64_t verb_at(void)
{
	unsigned at = scripts[guard()->script].verb_ms;

	return at == 0 || world->boot.commanded || world->boot.act == IOERR_WORLD_IDLE ? NEVER : at;
}

void ioerr_guardian_carry_report(void)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/" GUARDIAN_REPORT_FILE, bundles_path("run"));
	if (!os_exists("/run/keelboot/" GUARDIAN_REPORT_FILE)) {
		unlink(path);
		return;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		abort();
	close(fd);
}

/* What is due. The command is the system's, not a call of the guardian. */
static void run_due(void)
{
	enum ioerr_fault_target me = ioerr_world_process;

	if (since() >= verb_at()) {
		ioerr_world_process = IOERR_FAULT_TARGETS;
		ioerr_process_command(world);
		ioerr_world_process = me;
	}
	if (since() >= down_at())
		guard()->down_ms = since();
	guard()->fired = os_sim_ended() == OS_SIM_WATCHDOG;
}

void ioerr_guardian_pass(unsigned ms)
{
	os_sim_advance(ms);
	run_due();
	leave_if_over();
}

/* To the next thing that the system does, at most to that time. */
static void pass_to(uint64_t end)
{
	uint64_t next = verb_at() < down_at() ? verb_at() : down_at();

	if (next > end)
		next = end;
	ioerr_guardian_pass(next > since() ? (unsigned)(next - since()) : 0);
}

/* ---------------------------------------------------------------- what it hears */

static int take_signal(void)
{
	static const int all[] = { SIGUSR1, SIGUSR2, SIGTERM };

	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (!(guard()->pending >> all[i] & 1))
			continue;
		guard()->pending &= ~(1u << all[i]);
		return all[i];
	}
	return 0;
}

/* A job takes no time, as long as it ends; that it has ended is told once. */
static bool job_ended(void)
{
	siginfo_t si = { .si_pid = 0 };

	if (syscall(SYS_waitid, P_ALL, 0, &si, WEXITED | WNOWAIT, NULL) < 0 || si.si_pid == heard)
		return false;
	heard = si.si_pid;
	return true;
}

int ioerr_guardian_hear(uint32_t ms)
{
	uint64_t end = since() + ms;

	for (;;) {
		int sig;

		leave_if_over();
		sig = take_signal();
		if (sig != 0)
			return sig;
		if (job_ended())
			return SIGCHLD;
		leave_if_over(); /* the job was the end of it */
		if (since() >= end)
			return 0;
		pass_to(end);
	}
}

/* ---------------------------------------------------------------- what it does */

static void note(uint64_t *at)
{
	if (*at == 0)
		*at = since();
}

bool ioerr_guardian_kill(pid_t pid, int sig)
{
	if (pid == 1 && ioerr_world_process == IOERR_FAULT_GUARDIAN)
		note(&guard()->asked_ms);
	if (pid == 1)
		return true;
	if (world == NULL || (pid != guard()->pid && pid != getpid()) || sig > 31)
		return syscall(SYS_kill, pid, sig) == 0;
	guard()->pending |= 1u << sig;
	return true;
}

void ioerr_guardian_say(int fd, char what)
{
	int held = fd;

	if (fd == GUARDIAN_FD_WATCHDOG && what == 'V')
		os_wdt_release(&held);
	if (fd == GUARDIAN_FD_SYSRQ && what == 'b')
		ioerr_guardian_reset();
}

void ioerr_guardian_reset(void)
{
	note(&guard()->forced_ms);
	_exit(0);
}

/* ---------------------------------------------------------------- its process */

/* The arguments that process 1 has given it, from the trace. */
static bool read_args(char *argv[ARGS + 1])
{
	static char line[256];
	const char *at = strstr(os_sim_trace(), "detach @keelboot-guardian ");
	int argc = 0;

	if (at == NULL)
		return false;
	snprintf(line, sizeof(line), "%.*s", (int)strcspn(at, ";\n"), at);
	for (char *p = strtok(line, " "); p != NULL && argc < ARGS + 1; p = strtok(NULL, " "))
		argv[argc++] = p;
	memmove(argv, argv + 1, ARGS * sizeof(*argv)); /* without "detach" */
	argv[ARGS] = NULL;
	return argc == ARGS + 1;
}

static void put_fd(int from, int to)
{
	if (from < 0 || syscall(SYS_dup3, from, to, 0) < 0)
		abort();
}

/* Before the first call that is the guardian's own. */
static void lay_out(char *const argv[])
{
	ioerr_world_process = IOERR_FAULT_TARGETS;
	put_fd(memfd_create("lock", 0), GUARDIAN_FD_STATE);
	put_fd(os_sim_log_fd(), GUARDIAN_FD_KMSG);
	put_fd(open(bundles_path("proc"), O_RDONLY | O_DIRECTORY), GUARDIAN_FD_PROC);
	put_fd(open(bundles_path("run"), O_RDONLY | O_DIRECTORY), GUARDIAN_FD_RUN);
	os_sim_bdev_quiet();
	os_sim_bdev_fd(GUARDIAN_FD_STATE, IOERR_CONTENT_STATE);
	if (strcmp(argv[7], "0") != 0)
		os_sim_watchdog_held(GUARDIAN_FD_WATCHDOG);
	ioerr_world_process = IOERR_FAULT_GUARDIAN;
}

/* As main() of keelboot-guardian. */
static void run(char *argv[])
{
	static struct guardian_setup setup;
	static struct guardian_linux hands;

	if (!guardian_args(&setup, ARGS, argv)) {
		ioerr_world_fail(world, "the guardian does not take its arguments");
		_exit(1);
	}
	guardian_linux_init(&setup);
	hands = (struct guardian_linux){
		.attempt = setup.attempt,
		.watchdog_s = setup.terms.watchdog_s,
	};
	guardian_run(&setup, &guardian_linux_ops, &hands);
	/* Nobody guards any more. */
	for (;;)
		pass_to(NEVER);
}

/* With the machine all of its processes end. A job that lived on would do in the next boot what it
 * was to do in this one. */
static bool end_all(struct ioerr_world *w, pid_t pid)
{
	siginfo_t si;
	int code;

	syscall(SYS_waitid, P_PID, pid, &si, WEXITED | WNOWAIT, NULL);
	syscall(SYS_kill, -pid, SIGKILL);
	code = ioerr_process_end(w, pid);
	while (syscall(SYS_wait4, -pid, NULL, 0, NULL) > 0)
		continue;
	return code < 0;
}

bool ioerr_guardian_run(struct ioerr_world *w)
{
	char *argv[ARGS + 1], path[64];
	pid_t pid;

	if (!w->guarded || !read_args(argv))
		return false;
	world = w;
	ioerr_guardian_carry_report(); /* the one of the boot before is gone */
	began = os_now_ms();
	w->guard = (struct ioerr_world_guard){ .script = IOERR_WORLD_VERDICT, .started = true };
	if (strcmp(argv[4], "0") != 0 && w->boot.act != IOERR_WORLD_GOOD)
		w->guard.script = w->script;
	w->guard.pid = atoi(os_sim_text("/run/keelboot/guardian") != NULL
				    ? os_sim_text("/run/keelboot/guardian")
				    : "0");
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)w->guard.pid);
	os_sim_file(path, "keelboot-guardi\n");
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		abort();
	pid = ioerr_process_begin(w, IOERR_FAULT_GUARDIAN);
	if (pid == 0) {
		if (setpgid(0, 0) < 0)
			abort();
		lay_out(argv);
		run(argv);
	}
	w->guard.died = end_all(w, pid);
	return true;
}
