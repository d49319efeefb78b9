/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every way in which one operation can fail, for each operation of each story: no process crashes
 * or hangs, nothing half-written is booted, a committed slot is not written, nobody says that all
 * went well when it did not, and once the fault is gone the device settles.
 */
#include "initramfs/guardian/guardian.h"
#include "tests/sim/bundles.h"
#include "tests/sim/ioerr_files.h"
#include "tests/sim/ioerr_libc.h"
#include "tests/sim/ioerr_libc_proc.h"
#include "tests/sim/ioerr_process.h"
#include "tests/sim/ioerr_sweep.h"

#include <signal.h>

int main(int argc, char **argv)
{
	int rc;

	/* 3 is where apply tells its progress, if that is a pipe: here it is none. The others are
	 * those that a guardian has. */
	while (open("/dev/null", O_RDWR) < GUARDIAN_FD_END)
		;
	ioerr_process_memory();
	ioerr_files_begin();
	signal(SIGPIPE, SIG_IGN);
	ioerr_world_make();
	rc = ioerr_sweep_main(argc, argv);
	bundles_end();
	return rc;
}
