/* SPDX-License-Identifier: Apache-2.0 */
/* Process 1 of the initramfs. The story is in boot.c. */
#include "initramfs/boot.h"

#include "lib/log.h"
#include "lib/os.h"

#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	static struct boot b;
	enum kb_err err;

	(void)argc;
	if (!os_is_init()) {
		fprintf(stderr,
			"keelboot init " KB_VERSION
			": this is process 1 of an initramfs; it does nothing elsewhere. To pack one: keelboot image build --help\n");
		return 3;
	}
	/* Until /dev is there: what the kernel opened for us waits for whoever reads it. */
	log_to(-1, 0);
	log_show(LOG_LEVEL_NOTICE);
	b.argv = argv;
	b.envp = environ;
	err = boot(&b);
	boot_recover(&b, err);
	return 1; /* the end of process 1 panics the kernel, which restarts by panic=, or else by
		     the watchdog */
}
