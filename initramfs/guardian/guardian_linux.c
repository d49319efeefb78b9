/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/guardian/guardian_linux.h"

#include "initramfs/guardian/guardian_os.h"
#include "lib/log.h"
#include "lib/os.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

/* systemd's SIGRTMIN+5 "reboots the machine, starts the reboot.target". In glibc's numbers, which
 * are systemd's: another libc of ours may begin elsewhere. */
#define SYSTEMD_REBOOT (34 + 5)

static uint64_t now_ms(void *ctx)
{
	(void)ctx;
	return guardian_os_now_ms();
}

/* ---------------------------------------------------------------- what process 1 is */

/* Touches no memory of process 1, which might have to come from a disk first. */
static bool is_systemd_shutdown(int proc)
{
	char comm[32];

	guardian_os_read(proc, "1/comm", comm, sizeof(comm));
	return strncmp(comm, "systemd-shutdow", 15) == 0;
}

bool guardian_linux_shutting_down(int proc)
{
	char title[64];

	if (is_systemd_shutdown(proc))
		return true;
	guardian_os_read(proc, "1/cmdline", title, sizeof(title));
	return strstr(title, "init [0]") != NULL || strstr(title, "init [6]") != NULL;
}

bool guardian_linux_powering_off(int proc)
{
	char title[64];
	size_t len = guardian_os_read(proc, "1/cmdline", title, sizeof(title)),
	       verb = strlen(title) + 1;

	if (strstr(title, "init [0]") != NULL)
		return true;
	return is_systemd_shutdown(proc) && verb < len && strcmp(title + verb, "poweroff") == 0;
}

int guardian_linux_reboot_signal(int proc, int run)
{
	char comm[32];

	guardian_os_read(proc, "1/comm", comm, sizeof(comm));
	if (strncmp(comm, "systemd", 7) == 0 || guardian_os_exists(run, "../systemd/system"))
		return SYSTEMD_REBOOT;
	return SIGINT;
}

/* ---------------------------------------------------------------- what it hears */

/* A command that does not know its job ends by a code of its own, which is none of these. */
static enum guardian_result result_of(const struct guardian_linux *g, int code)
{
	if (g->program != NULL)
		code -= GUARDIAN_PROGRAM_EXIT;
	return code >= GUARDIAN_FAILED && code <= GUARDIAN_RECORDED ? (enum guardian_result)code
								    : GUARDIAN_FAILED;
}

/* True when the job is among the children that ended. Killed ones end when their disk lets them. */
static bool take_result(struct guardian_linux *g, enum guardian_result *result)
{
	bool ended = false;
	int status;
	pid_t pid;

	while ((pid = guardian_os_reap(&status)) > 0) {
		if (pid != g->job)
			continue;
		g->job = 0;
		if (g->notes && WIFEXITED(status) && WEXITSTATUS(status) != GUARDIAN_FAILED)
			guardian_words_forget(&g->words);
		*result = WIFEXITED(status) ? result_of(g, WEXITSTATUS(status)) : GUARDIAN_FAILED;
		ended = true;
	}
	return ended;
}

static enum guardian_event wait_event(void *ctx, uint32_t ms, enum guardian_result *result)
{
	struct guardian_linux *g = ctx;
	int sig = guardian_os_hear(ms);

	if (take_result(g, result))
		/* The other signal must not be lost; it is heard when it is sent again to us. */
		return sig > 0 && sig != SIGCHLD && !guardian_os_repeat(sig) ? GUARDIAN_TOLD
									     : GUARDIAN_DONE;
	if (sig == SIGUSR1)
		return GUARDIAN_NUDGED;
	if (sig == SIGHUP) {
		g->words.urgent = true; /* the machine goes down soon */
		return GUARDIAN_ASKED;
	}
	if (sig == SIGUSR2 || sig == SIGTERM || is_systemd_shutdown(GUARDIAN_FD_PROC))
		return GUARDIAN_TOLD;
	return GUARDIAN_TIME;
}

/* ---------------------------------------------------------------- what it does */

/* In the process of the job: becomes the command, which ends with GUARDIAN_PROGRAM_EXIT and the
 * result. */
static enum guardian_result ask_program(const struct guardian_linux *g, const char *what)
{
	const char *const argv[] = { g->program, "guard", what, NULL };
	static const char *const envp[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL };

	if (os_exec(g->program, argv, envp) != KB_OK)
		log_err("unable to start %s: %m", g->program);
	return GUARDIAN_FAILED;
}

static enum guardian_result look(const struct guardian_linux *g)
{
	return g->program != NULL ? ask_program(g, "look")
				  : guardian_record_look(GUARDIAN_FD_STATE, &g->attempt);
}

/* The verdict first: what was said last only explains it. */
static enum guardian_result record_verdict(struct guardian_linux *g)
{
	enum guardian_result result;

	if (guardian_linux_shutting_down(GUARDIAN_FD_PROC))
		return GUARDIAN_CLEAN;
	if (g->program != NULL)
		return ask_program(g, "deadline");
	result = guardian_record_bad(GUARDIAN_FD_STATE, &g->attempt, os_time_s());
	guardian_words_listen(&g->words, GUARDIAN_FD_KMSG, guardian_os_now_ms());
	if (result == GUARDIAN_RECORDED && g->words.tail.len > 0)
		(void)!guardian_record_words(GUARDIAN_FD_STATE, &g->attempt, &g->words.tail,
					     os_time_s());
	return result;
}

static enum guardian_result run_job(struct guardian_linux *g, enum guardian_step job)
{
	if (job == GUARDIAN_LOOK)
		return look(g);
	if (job == GUARDIAN_RECORD)
		return record_verdict(g);
	if (job == GUARDIAN_NOTE)
		return guardian_record_words(GUARDIAN_FD_STATE, &g->attempt, &g->words.tail,
					     os_time_s());
	if (job == GUARDIAN_PROVE)
		return guardian_os_exists(GUARDIAN_FD_RUN, GUARDIAN_REPORT_FILE)
			       ? guardian_record_proven(GUARDIAN_FD_STATE, &g->attempt)
			       : GUARDIAN_OPEN;
	if (job == GUARDIAN_SYNC) {
		guardian_os_sync();
		return GUARDIAN_FAILED;
	}
	guardian_os_restart(guardian_linux_powering_off(GUARDIAN_FD_PROC));
	log_err("the kernel refuses to reboot: %m");
	return GUARDIAN_FAILED;
}

struct job {
	struct guardian_linux *g;
	enum guardian_step step;
};

static int job_main(void *ctx)
{
	const struct job *job = ctx;

	return (int)run_job(job->g, job->step) +
	       (job->g->program != NULL ? GUARDIAN_PROGRAM_EXIT : 0);
}

static bool has_to_write(struct guardian_linux *g)
{
	guardian_words_listen(&g->words, GUARDIAN_FD_KMSG, guardian_os_now_ms());
	return guardian_words_begin(&g->words, guardian_os_now_ms());
}

static bool start_job(void *ctx, enum guardian_step step)
{
	struct guardian_linux *g = ctx;
	struct job job = { g, step };

	g->notes = step == GUARDIAN_NOTE;
	if (g->notes && (g->program != NULL || !has_to_write(g)))
		return false;
	g->job = guardian_os_start(job_main, &job);
	if (g->job > 0)
		return true;
	log_err("unable to start a process: %m");
	g->job = 0;
	return false;
}

static void press_sysrq(char what)
{
	if (!guardian_os_say(GUARDIAN_FD_SYSRQ, what))
		log_err("sysrq %c: %m", what);
}

/* Longer than the grace, if the hardware can count so far, which its driver may not know. */
static unsigned set_watchdog(const struct guardian_linux *g)
{
	unsigned seconds = GUARDIAN_PLAN_GRACE_S + GUARDIAN_PLAN_MARGIN_S, left;

	if (os_wdt_timeout(GUARDIAN_FD_WATCHDOG, &seconds) != KB_OK) {
		log_warn("watchdog: unable to set %u s for the shutdown: %m; feeding continues",
			 seconds);
		seconds = g->watchdog_s;
	}
	if (os_wdt_left(GUARDIAN_FD_WATCHDOG, &left) == KB_OK && left + 1 < seconds)
		seconds = left + 1;
	os_wdt_ping(GUARDIAN_FD_WATCHDOG);
	return seconds;
}

/* The watchdog stands behind what follows. */
static uint32_t begin_reboot(void *ctx)
{
	const struct guardian_linux *g = ctx;
	unsigned seconds = g->watchdog_s != 0 ? set_watchdog(g) : 0;

	guardian_os_signal(1, guardian_linux_reboot_signal(GUARDIAN_FD_PROC, GUARDIAN_FD_RUN));
	return seconds;
}

/* A killed job cannot give the lock back, which belongs to the descriptor that we share. */
static void kill_job(struct guardian_linux *g)
{
	if (g->job > 0)
		guardian_os_signal(g->job, SIGKILL);
	g->job = 0;
	os_unlock(GUARDIAN_FD_STATE);
}

static void carry_out(void *ctx, enum guardian_step step)
{
	struct guardian_linux *g = ctx;
	int watchdog = GUARDIAN_FD_WATCHDOG;

	switch (step) {
	case GUARDIAN_FEED:
		os_wdt_ping(GUARDIAN_FD_WATCHDOG);
		break;
	case GUARDIAN_KILL:
		kill_job(g);
		break;
	case GUARDIAN_READ_ONLY:
		press_sysrq('u');
		break;
	case GUARDIAN_RESET:
		press_sysrq('b');
		break;
	case GUARDIAN_RELEASE:
		if (guardian_os_say(watchdog, 'V'))
			os_close(&watchdog);
		g->watchdog_s = 0;
		break;
	case GUARDIAN_END:
		guardian_os_remove(GUARDIAN_FD_RUN, GUARDIAN_PID_FILE);
		guardian_os_remove(GUARDIAN_FD_RUN, GUARDIAN_OMIT_FILE);
		break;
	case GUARDIAN_WAIT:
	case GUARDIAN_ORDERLY:
	case GUARDIAN_LOOK:
	case GUARDIAN_RECORD:
	case GUARDIAN_NOTE:
	case GUARDIAN_PROVE:
	case GUARDIAN_SYNC:
	case GUARDIAN_REBOOT:
		break; /* jobs, orderly(), or nothing */
	}
}

const struct guardian_ops guardian_linux_ops = {
	.now_ms = now_ms,
	.wait = wait_event,
	.job = start_job,
	.orderly = begin_reboot,
	.act = carry_out,
};

void guardian_linux_init(const struct guardian_setup *setup)
{
	log_to(GUARDIAN_FD_KMSG, 1);
	log_set_level(setup->log);
	if (guardian_os_enter(GUARDIAN_FD_PROC)) {
		os_console_at(".", "1/root"); /* process 1 has moved on to another */
		log_show(setup->show);
	}
	log_set_name("keelboot-guardian");
	guardian_os_block();
	if (!guardian_os_spare(GUARDIAN_FD_PROC))
		log_warn("unable to disable the out-of-memory killer for this process: %m");
	if (!guardian_os_keep_memory())
		log_warn("unable to stay in memory: %m");
}
