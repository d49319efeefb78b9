/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/grub.h"

#include "selector/loader/loader_main.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

const char grub_board_conf[] = "[slot.a]\nroot=PARTLABEL=root-a\nboot=PARTLABEL=boot-a\n"
			       "[slot.b]\nroot=PARTLABEL=root-b\nboot=PARTLABEL=boot-b\n"
			       "[loader]\nkind=grub\nenvironment=PARTLABEL=grubenv\n";

static char said[128];
static int status, output;
static int (*run_process)(int (*fn)(int argc, char **argv), const char *const *argv);

static int be_loader(int argc, char **argv)
{
	dup2(output, 1);
	return loader_main(argc, argv);
}

static void run(void *ctx, const char *const *argv)
{
	ssize_t n;

	(void)ctx;
	output = memfd_create("said", MFD_CLOEXEC);
	status = run_process(be_loader, argv);
	n = pread(output, said, sizeof(said) - 1, 0);
	said[n > 0 ? n : 0] = '\0';
	close(output);
}

void grub_board_child(int (*process)(int (*fn)(int argc, char **argv), const char *const *argv))
{
	const struct os_sim_child c = { .argv0 = "keelboot-loader",
					.say = { { 10, said, 0 } },
					.duration_ms = 10,
					.run = run,
					.result = &status };

	run_process = process;
	os_sim_child(&c);
}

void grub_board_parts(struct board *d, int pair, const char *how)
{
	static char cmdline[64];

	board_part(&d->disk, "boot-a", NULL);
	board_part(&d->disk, "boot-b", NULL);
	board_part(&d->disk, "grubenv", NULL);
	snprintf(cmdline, sizeof(cmdline), "quiet keelboot.pair=%c%s\n", 'a' + pair, how);
	d->cmdline = cmdline;
}
