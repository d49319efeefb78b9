/* SPDX-License-Identifier: Apache-2.0 */
/* The guardian. Process 1 of the initramfs starts it (initramfs/guard.c). */
#include "initramfs/guardian/guardian_linux.h"
#include "initramfs/guardian/guardian_os.h"

#include <stdio.h>

int main(int argc, char **argv)
{
	static struct guardian_setup setup;
	static struct guardian_linux hands;

	if (!guardian_args(&setup, argc, argv) || !guardian_os_is_open(GUARDIAN_FD_KMSG)) {
		fprintf(stderr,
			"keelboot-guardian: process 1 of the initramfs starts it; it does nothing elsewhere\n");
		return 3;
	}
	guardian_linux_init(&setup);
	hands = (struct guardian_linux){
		.attempt = setup.attempt,
		.watchdog_s = setup.terms.watchdog_s,
		.program = setup.program,
	};
	guardian_run(&setup, &guardian_linux_ops, &hands);
	return 0;
}
