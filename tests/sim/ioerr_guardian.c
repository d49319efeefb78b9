/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guardian beside a system that was booted: the program that ships, in a process of its own.
 * Its calls of initramfs/guardian/guardian_os.h end here, on the simulation's time and files. What
 * the system does meanwhile is a script: a verdict, a shutdown, one that hangs, or nothing at all.
 */
#include "initramfs/guardian/guardian_linux.h"
#include "initramfs/guardian/guardian_os.h"
#include "tests/sim/command.h"
#include "tests/sim/ioerr.h"
#include "tests/sim/os_sim_int.h"

#include <sys/prctl.h>
#include <sys/wait.h>

#define DOWN_MS 10000u /* that a shutdown takes which the guardian asks for */
#define CALM_MS 90000u /* for which a system that is well is looked at */
#define SPIN_MS 100u   /* that a wait takes which fails */
#define NEVER	UINT64_MAX
#define RUN	"/run/keelboot/"

static struct ioerr_world *world;
static struct ioerr_world_guard *guard; /* of the world */
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

static uint64_t since(void)
{
	return os_now_ms() - began;
}

/* ---------------------------------------------------------------- time and the system */

static void leave_if_over(void)
{
	if (guard->down_ms != 0 || guard->forced_ms != 0 || guard->fired)
		_exit(0);
}

static uint64_t down_at(void)
{
	unsigned own = scripts[guard->script].down_ms;

	if (own != 0)
		return own;
	if (guard->asked_ms != 0)
		return guard->asked_ms + DOWN_MS;
	return guard->script == IOERR_WORLD_VERDICT ? CALM_MS : IOERR_WORLD_HORIZON_MS;
}

static uint64_t verb_at(void)
{
	unsigned at = scripts[guard->script].verb_ms;

	return at == 0 || world->boot.commanded || world->boot.act == IOERR_WORLD_IDLE ? NEVER : at;
}

/* To the next thing that the system does, at most to that time. The command is the system's, not a
 * call of the guardian. */
static void pass_to(uint64_t end)
{
	uint64_t next = verb_at() < down_at() ? verb_at() : down_at();

	next = next < end ? next : end;
	os_sim_advance(next > since() ? (unsigned)(next - since()) : 0);
	if (since() >= verb_at())
		ioerr_process_command(world);
	if (since() >= down_at())
		guard->down_ms = since();
	guard->fired = os_sim_ended() == OS_SIM_WATCHDOG;
	leave_if_over();
}

static void note(uint64_t *at)
{
	if (*at == 0)
		*at = since();
}

void ioerr_guardian_kill(pid_t pid, int sig)
{
	if (pid == 1 && ioerr_world_process == IOERR_FAULT_GUARDIAN)
		note(&guard->asked_ms);
	else if (guard != NULL && (pid == guard->pid || pid == getpid()))
		guard->pending |= 1u << sig;
	else if (pid != 1)
		kill(pid, sig);
}

static void reset(void)
{
	note(&guard->forced_ms);
	_exit(0);
}

/* ---------------------------------------------------------------- its calls */

static bool fails(const char *call)
{
	return os_sim_turn(call) != KB_OK;
}

uint64_t guardian_os_now_ms(void)
{
	return os_now_ms();
}

static const char *path_of(int dir, const char *name)
{
	static char path[64];

	snprintf(path, sizeof(path), "%s%s", dir == GUARDIAN_FD_PROC ? "/proc/" : RUN, name);
	return path;
}

size_t guardian_os_read(int dir, const char *name, char *buf, size_t size)
{
	const char *text = fails("guardian_read") ? NULL : os_sim_text(path_of(dir, name));

	snprintf(buf, size, "%s", text != NULL ? text : "");
	return strlen(buf);
}

/* The report is another process's file. */
bool guardian_os_exists(int dir, const char *name)
{
	if (fails("guardian_exists"))
		return false;
	return strcmp(name, GUARDIAN_REPORT_FILE) == 0 ? guard->reported
						       : os_sim_text(path_of(dir, name)) != NULL;
}

void guardian_os_remove(int dir, const char *name)
{
	if (!fails("guardian_remove"))
		os_sim_remove(path_of(dir, name));
}

bool guardian_os_say(int fd, char what)
{
	int held = fd;

	if (fails("guardian_say"))
		return false;
	if (fd == GUARDIAN_FD_WATCHDOG && what == 'V')
		os_wdt_release(&held);
	if (fd == GUARDIAN_FD_SYSRQ && what == 'b')
		reset();
	return true;
}

/* Its signals are the simulation's; that one is blocked would hide that it hangs. */
void guardian_os_block(void)
{
}

static int take_signal(void)
{
	static const int all[] = { SIGUSR1, SIGUSR2, SIGTERM };

	for (unsigned i = 0; i < KB_ARRAY_LEN(all); i++) {
		if (!(guard->pending >> all[i] & 1))
			continue;
		guard->pending &= ~(1u << all[i]);
		return all[i];
	}
	return 0;
}

/* A job takes no time, as long as it ends; that it has ended is told once. */
static bool job_ended(void)
{
	siginfo_t si = { .si_pid = 0 };

	if (waitid(P_ALL, 0, &si, WEXITED | WNOWAIT) < 0 || si.si_pid == heard)
		return false;
	heard = si.si_pid;
	return true;
}

int guardian_os_hear(uint32_t ms)
{
	uint64_t end = since() + ms;

	if (fails("guardian_hear")) {
		pass_to(since() + SPIN_MS);
		return 0;
	}
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

bool guardian_os_signal(pid_t pid, int sig)
{
	if (fails("guardian_signal"))
		return false;
	ioerr_guardian_kill(pid, sig);
	return true;
}

bool guardian_os_repeat(int sig)
{
	return guardian_os_signal(getpid(), sig);
}

pid_t guardian_os_start(int (*job)(void *ctx), void *ctx)
{
	pid_t pid = fails("guardian_start") ? -1 : fork();

	if (pid != 0)
		return pid;
	alarm(IOERR_WORLD_HANG_S);
	_exit(job(ctx));
}

pid_t guardian_os_reap(int *status)
{
	pid_t pid = fails("guardian_reap") ? 0 : waitpid(-1, status, WNOHANG);

	return pid > 0 ? pid : 0;
}

void guardian_os_sync(void)
{
}

/* That nothing here can restart the machine that runs the test. */
void guardian_os_restart(bool power_off)
{
	(void)power_off;
	if (!fails("guardian_restart"))
		reset();
}

bool guardian_os_enter(int dir)
{
	return dir == GUARDIAN_FD_PROC && !fails("guardian_enter");
}

bool guardian_os_spare(int proc)
{
	return proc == GUARDIAN_FD_PROC && !fails("guardian_spare");
}

bool guardian_os_keep_memory(void)
{
	return !fails("guardian_keep_memory");
}

/* ---------------------------------------------------------------- its process */

/* The arguments that process 1 has given it, from the trace. */
static int read_args(char *argv[COMMAND_WORDS + 1])
{
	static const char before[] = "detach @";
	const char *at = strstr(os_sim_trace(), "detach @keelboot-guardian ");
	char line[256];

	if (at == NULL)
		return 0;
	at += sizeof(before) - 1;
	snprintf(line, sizeof(line), "%.*s", (int)strcspn(at, ";\n"), at);
	return command_words(line, argv);
}

static void put_fd(int from, int to)
{
	if (from < 0 || dup3(from, to, 0) < 0)
		abort();
}

/* As main() of keelboot-guardian, behind what process 1 gives it. */
static void run(const struct guardian_setup *setup)
{
	static struct guardian_linux hands;

	put_fd(memfd_create("lock", 0), GUARDIAN_FD_STATE);
	put_fd(os_sim_log_fd(), GUARDIAN_FD_KMSG);
	os_sim_file("/proc/1/comm", "init\n");
	os_sim_file("/proc/1/cmdline", "init [2]");
	os_sim_bdev_quiet();
	os_sim_bdev_fd(GUARDIAN_FD_STATE, IOERR_CONTENT_STATE);
	if (setup->terms.watchdog_s != 0)
		os_sim_watchdog_held(GUARDIAN_FD_WATCHDOG);
	guardian_linux_init(setup);
	hands.attempt = setup->attempt;
	hands.watchdog_s = setup->terms.watchdog_s;
	guardian_run(setup, &guardian_linux_ops, &hands);
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

	waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT);
	kill(-pid, SIGKILL);
	code = ioerr_process_end(w, pid);
	while (waitpid(-pid, NULL, 0) > 0)
		continue;
	return code < 0;
}

bool ioerr_guardian_run(struct ioerr_world *w)
{
	char *argv[COMMAND_WORDS + 1], path[64], stat[64];
	struct guardian_setup setup;
	int argc = w->story->guarded ? read_args(argv) : 0;
	const char *is;
	pid_t pid;

	if (argc == 0)
		return false;
	if (!guardian_args(&setup, argc, argv)) {
		ioerr_world_fail(w, "the guardian does not take its arguments");
		return true;
	}
	world = w;
	guard = &w->guard;
	began = os_now_ms();
	is = os_sim_text(RUN GUARDIAN_PID_FILE);
	*guard = (struct ioerr_world_guard){ .script = IOERR_WORLD_VERDICT, .started = true };
	if (setup.terms.deadline_s != 0 && w->boot.act != IOERR_WORLD_GOOD)
		guard->script = w->script;
	guard->pid = is != NULL ? atoi(is) : 0;
	snprintf(path, sizeof(path), "/proc/%d/stat", guard->pid);
	snprintf(stat, sizeof(stat), "%d (keelboot-guardi) S 1 1 1 0\n", guard->pid);
	os_sim_file(path, stat);
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		abort();
	pid = ioerr_process_begin(w, IOERR_FAULT_GUARDIAN);
	if (pid == 0) {
		if (setpgid(0, 0) < 0)
			abort();
		run(&setup);
	}
	guard->died = end_all(w, pid);
	return true;
}
