/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every way in which one operation can fail, for each operation of each story: no process crashes
 * or hangs, nothing half-written is booted, a committed slot is not written, nobody says that all
 * went well when it did not, and once the fault is gone the device settles.
 */
#include "initramfs/guardian/guardian.h"
#include "tests/sim/ioerr.h"
#include "update/decoder/decoder_limits.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>

/* ---------------------------------------------------------------- in place of what ships */

/* The decoder's cage would be that of the simulation. */
static enum kb_err limit(void)
{
	return ioerr_fault_call(ioerr_world_process, "limits") != 0 ? KB_EPERM : KB_OK;
}

enum kb_err decoder_limits_privileges(void)
{
	return limit();
}

enum kb_err decoder_limits_syscalls(void)
{
	return limit();
}

/* Threads are none of the kernel seam's; one that does not start is an install without it. */
int pthread_create(pthread_t *id, const pthread_attr_t *attr, void *(*fn)(void *arg), void *arg)
{
	int errnum = ioerr_fault_call(ioerr_world_process, "pthread_create");
	__typeof__(&pthread_create) real = dlsym(RTLD_NEXT, "pthread_create");

	return errnum != 0 ? errnum : real(id, attr, fn, arg);
}

int main(int argc, char **argv)
{
	int rc;

	/* 3 is where apply tells its progress, if that is a pipe: here it is none. The others are
	 * those that a guardian has. */
	while (open("/dev/null", O_RDWR) < GUARDIAN_FD_END)
		;
	ioerr_process_hooks();
	ioerr_files_begin();
	signal(SIGPIPE, SIG_IGN);
	ioerr_world_make();
	rc = ioerr_sweep_main(argc, argv);
	bundles_end();
	return rc;
}
