/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated end of initramfs/guardian/guardian_os.h: calls that can fail, on the simulation's
 * time. Files are real ones. */
#include "initramfs/guardian/guardian_os.h"
#include "tests/sim/ioerr_guardian.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* initramfs/guardian/guardian_os.o once more, with other names: see the Makefile. */
__typeof__(guardian_os_read) real_guardian_os_read;
__typeof__(guardian_os_exists) real_guardian_os_exists;
__typeof__(guardian_os_remove) real_guardian_os_remove;
__typeof__(guardian_os_reap) real_guardian_os_reap;
__typeof__(guardian_os_enter) real_guardian_os_enter;
__typeof__(guardian_os_spare) real_guardian_os_spare;

static bool fails(const char *call)
{
	int errnum = ioerr_fault_call(ioerr_world_process, call);

	if (errnum != 0)
		errno = errnum;
	return errnum != 0;
}

uint64_t guardian_os_now_ms(void)
{
	return os_now_ms();
}

size_t guardian_os_read(int dir, const char *name, char *buf, size_t size)
{
	buf[0] = '\0';
	return fails("guardian_read") ? 0 : real_guardian_os_read(dir, name, buf, size);
}

bool guardian_os_exists(int dir, const char *name)
{
	return !fails("guardian_exists") && real_guardian_os_exists(dir, name);
}

void guardian_os_remove(int dir, const char *name)
{
	if (!fails("guardian_remove"))
		real_guardian_os_remove(dir, name);
}

bool guardian_os_say(int fd, char what)
{
	if (fails("guardian_say"))
		return false;
	ioerr_guardian_say(fd, what);
	return true;
}

/* Its signals are the simulation's; that one is blocked would hide that it hangs. */
void guardian_os_block(void)
{
}

int guardian_os_hear(uint32_t ms)
{
	if (!fails("guardian_hear"))
		return ioerr_guardian_hear(ms);
	ioerr_guardian_pass(100); /* it may spin, but in no time nothing happens */
	return 0;
}

bool guardian_os_signal(pid_t pid, int sig)
{
	return !fails("guardian_signal") && ioerr_guardian_kill(pid, sig);
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
	return fails("guardian_reap") ? 0 : real_guardian_os_reap(status);
}

void guardian_os_sync(void)
{
}

/* That nothing here can restart the machine that runs the test. */
void guardian_os_restart(bool power_off)
{
	(void)power_off;
	if (!fails("guardian_restart"))
		ioerr_guardian_reset();
}

bool guardian_os_enter(int dir)
{
	return !fails("guardian_enter") && real_guardian_os_enter(dir);
}

bool guardian_os_spare(int proc)
{
	return !fails("guardian_spare") && real_guardian_os_spare(proc);
}

bool guardian_os_keep_memory(void)
{
	return !fails("guardian_keep_memory");
}
