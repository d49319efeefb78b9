/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/image.h"

#include "cli/output.h"
#include "lib/log.h"
#include "lib/util.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
	"Usage: keelboot image build OPTIONS\n"
	"       keelboot image boot OPTIONS\n\n"
	"build makes an initramfs and is keelboot-mkinitramfs(8); boot runs it in QEMU, with\n"
	"your disks, on this terminal. Each has a --help of its own. Needs Python 3; boot also "
	"qemu-system-x86.\n\n"
	"Example:  keelboot image build -o i.img --conf system.conf --keys keys/\n"
	"          keelboot image boot --initrd i.img --disk disk.img --watchdog\n";

/* Where the tools are, seen from the folder of this program: installed, or in build/ of a source
 * tree. */
static const struct tool {
	const char *verb, *where[2];
} tools[] = {
	{ "build", { "../lib/keelboot/mkinitramfs", "../initramfs/mkinitramfs" } },
	{ "boot", { "../lib/keelboot/qemu/run", "../qemu/run" } },
};

static int run(const struct tool *tool, char **argv)
{
	char path[PATH_MAX + 64] = "";
	ssize_t len = readlink("/proc/self/exe", path, PATH_MAX);
	char *end = len > 0 ? memrchr(path, '/', (size_t)len) : NULL;

	for (size_t i = 0; end != NULL && i < KB_ARRAY_LEN(tool->where); i++) {
		snprintf(end + 1, 64, "%s", tool->where[i]);
		argv[0] = path;
		execv(path, argv);
	}
	log_err("image %s: %s is not there, or cannot be started: %m (`make install` puts it "
		"there; it needs python3)",
		tool->verb, tool->where[0]);
	return OUTPUT_FAILURE;
}

int image_main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";

	if (strcmp(verb, "--help") == 0 || strcmp(verb, "-h") == 0) {
		fputs(help, stdout);
		return output_exit_code(output_flush());
	}
	for (size_t i = 0; i < KB_ARRAY_LEN(tools); i++)
		if (strcmp(verb, tools[i].verb) == 0)
			return run(&tools[i], argv + 1);
	log_err(verb[0] == '\0' ? "image: build or boot?" : "image %s: not understood", verb);
	fputs(help, stderr);
	return OUTPUT_USAGE;
}
