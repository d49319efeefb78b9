/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/image/image.h"

#include "cli/output/output.h"
#include "cli/output/tool.h"
#include "lib/log.h"
#include "lib/util.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* In the order of the help. The tools ask by NAME how they are called. */
#define NAME "KEELBOOT_IMAGE"

#define PACKAGE "keelboot-tools"

static const struct verb {
	const char *name, *what;
	struct tool tool;
} verbs[] = {
	{ "build",
	  "make an initramfs; keelboot-mkinitramfs(8)",
	  { NULL, "../initramfs/mkinitramfs", "mkinitramfs", PACKAGE } },
	{ "boot",
	  "run it in QEMU, with your disks, on this terminal",
	  { NULL, "../qemu/run", "qemu/run", PACKAGE } },
	{ "loop",
	  "boot it many times, and measure; cut its power, or reset it",
	  { NULL, "../qemu/bootloop", "qemu/bootloop", PACKAGE } },
	{ "test",
	  "boot a system of yours through updates, failures and power cuts",
	  { NULL, "../qemu/imagetest", "qemu/imagetest", PACKAGE } },
	{ "disk",
	  "make a disk image with partitions, or take one apart",
	  { NULL, "../qemu/mkdisk", "qemu/mkdisk", PACKAGE } },
	{ "kernel",
	  "fetch Debian's kernel for QEMU, without installing it",
	  { NULL, "../qemu/kernel", "qemu/kernel", PACKAGE } },
};

static void print_image_help(FILE *to)
{
	fputs("Usage: keelboot image VERB OPTIONS\n\n"
	      "Makes initramfs and disk images on the host, and tries them in QEMU.\n\n"
	      "Verbs:\n",
	      to);
	for (size_t i = 0; i < KB_ARRAY_LEN(verbs); i++)
		fprintf(to, "  %-8s %s\n", verbs[i].name, verbs[i].what);
	fputs("\nEach has a --help of its own. They need Python 3; boot, loop and test also QEMU.\n\n"
	      "Example:  keelboot image build -o i.img --conf system.conf --keys keys/\n"
	      "          keelboot image boot --initrd i.img --disk disk.img --watchdog\n"
	      "          keelboot image test --roots rootfs-1.0/ rootfs-2.0/\n",
	      to);
}

static int exec_tool(const struct verb *verb, char **argv)
{
	static char path[PATH_MAX];

	if (!tool_find(&verb->tool, path))
		return OUTPUT_FAILURE;
	if (setenv(NAME, "1", 1) < 0) {
		log_err("image %s: %m", verb->name);
		return OUTPUT_FAILURE;
	}
	argv[0] = path;
	execv(path, argv);
	log_err("image %s: %s: %m; it needs python3", verb->name, path);
	return OUTPUT_FAILURE;
}

int image_main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";

	if (strcmp(verb, "--help") == 0 || strcmp(verb, "-h") == 0) {
		print_image_help(stdout);
		return output_exit_code(output_flush());
	}
	for (size_t i = 0; i < KB_ARRAY_LEN(verbs); i++)
		if (strcmp(verb, verbs[i].name) == 0)
			return exec_tool(&verbs[i], argv + 1);
	log_err(verb[0] == '\0'
			? "image: expected \"build\", \"boot\", \"loop\", \"test\", \"disk\" or \"kernel\""
			: "image %s: unknown verb; expected \"build\", \"boot\", \"loop\", \"test\", \"disk\" or \"kernel\"",
		verb);
	print_image_help(stderr);
	return OUTPUT_USAGE;
}
