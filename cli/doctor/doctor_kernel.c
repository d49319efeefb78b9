/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/doctor/doctor_checks.h"
#include "cli/doctor/doctor_config.h"

#include "lib/os_file.h"
#include "lib/util.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct option {
	/* without CONFIG_ */
	const char *name;
	/* the first kernel that has it; 0: each */
	unsigned since;
	enum doctor_severity severity;
	/* what does not work without it */
	const char *why;
};

static const struct option options[] = {
	{ "BLK_DEV_INITRD", 0, DOCTOR_ERROR, "the kernel cannot load an initramfs" },
	{ "DEVTMPFS", 0, DOCTOR_ERROR, "the boot finds no devices" },
	{ "TMPFS", 0, DOCTOR_ERROR, "the boot has no /run" },
	{ "MULTIUSER", 0, DOCTOR_ERROR,
	  "the programs that read disks and bundles cannot drop root, and refuse to work" },
	{ "NET", 0, DOCTOR_ERROR,
	  "the decoder has no socket: no bundle is installed, and the boot polls for disks" },
	{ "UNIX", 0, DOCTOR_ERROR, "the decoder has no socket: no bundle is installed" },
	{ "NAMESPACES", 0, DOCTOR_ERROR, "media cannot be mounted apart from the rest" },
	{ "SECCOMP_FILTER", 0, DOCTOR_ERROR,
	  "the decoder refuses to work: no bundle is installed" },
	/* before, it came with TMPFS */
	{ "MEMFD_CREATE", DOCTOR_VERSION(4, 18), DOCTOR_ERROR,
	  "the decoder refuses to work: no bundle is installed" },
	{ "WATCHDOG", 0, DOCTOR_ERROR, "there is no watchdog" },
	{ "WATCHDOG_SYSFS", 0, DOCTOR_NOTE, "the state of the watchdog cannot be read" },
	{ "PSTORE", 0, DOCTOR_WARNING, "a panic looks like a power cut" },
	{ "MAGIC_SYSRQ", 0, DOCTOR_WARNING, "the guardian has one way fewer to force a restart" },
};

static bool is_set(const char *text, const char *name)
{
	const char *value = doctor_config_value(text, name);

	return value != NULL && (value[0] == 'y' || value[0] == 'm');
}

static void check_options(struct doctor *doc)
{
	const char *text = doctor_config_text(doc);
	unsigned version = doctor_version_read(doc);

	if (text == NULL) {
		doctor_report(
			doc, DOCTOR_NOTE, "kernel-options-unknown",
			"build the kernel with CONFIG_IKCONFIG_PROC=y",
			"neither /proc/config.gz nor /boot/config-* of this kernel can be read");
		return;
	}
	for (size_t i = 0; i < KB_ARRAY_LEN(options); i++) {
		char fix[80];

		if (version < options[i].since || is_set(text, options[i].name))
			continue;
		snprintf(fix, sizeof(fix), "build the kernel with CONFIG_%s=y", options[i].name);
		doctor_report(doc, options[i].severity, "kernel-option", fix,
			      "the kernel has no CONFIG_%s: %s", options[i].name, options[i].why);
	}
}

static void check_panic(struct doctor *doc)
{
	char text[16];

	if (!doctor_read(doc, "/proc/sys/kernel/panic", text, sizeof(text)))
		return;
	if (strcmp(text, "0") == 0)
		doctor_report(
			doc, DOCTOR_ERROR, "panic-hangs",
			"add panic=10 to the kernel command line, and make sure that no sysctl sets kernel.panic to 0",
			"a kernel panic stops the machine forever");
	if (doctor_read(doc, "/proc/sys/kernel/panic_on_oops", text, sizeof(text)) &&
	    strcmp(text, "0") == 0)
		doctor_report(
			doc, DOCTOR_NOTE, "oops-survives",
			"add oops=panic to the kernel command line if a half-dead system is worse than a restart",
			"the kernel continues after an oops");
}

/* Alone, and not behind what is for init. */
static bool has_word(char *text, const char *word)
{
	for (char *rest = text, *at; (at = strsep(&rest, " \t\n")) != NULL;) {
		if (strcmp(at, "--") == 0)
			return false;
		if (strcmp(at, word) == 0)
			return true;
	}
	return false;
}

/* The header is in the second sector, of 512 or of 4096 bytes. */
static bool has_gpt(const struct doctor *doc, const char *dev)
{
	char path[DEVICE_PATH_MAX], magic[8];
	KB_CLEANUP_FD int fd = -1;
	size_t got;

	snprintf(path, sizeof(path), "%s%s", doc->sys_root, dev);
	if (os_file_device(path, &fd) != KB_OK)
		return false;
	for (uint64_t at = 512; at <= 4096; at *= 8) {
		if (os_file_read(fd, at, magic, sizeof(magic), &got) == KB_OK &&
		    got == sizeof(magic) && memcmp(magic, "EFI PART", sizeof(magic)) == 0)
			return true;
	}
	return false;
}

static void check_gpt(struct doctor *doc)
{
	static char text[CMDLINE_MAX + 1];
	char dev[DEVICE_PATH_MAX];

	if (!doctor_read(doc, "/proc/cmdline", text, sizeof(text)) || has_word(text, "gpt") ||
	    !doctor_boot_device(doc, "disk", dev, sizeof(dev)) || !has_gpt(doc, dev))
		return;
	doctor_report(
		doc, DOCTOR_WARNING, "gpt-copy-unused", "add gpt to the kernel command line",
		"one bad sector in the partition table of %.60s ends this device: without `gpt` the kernel does not read the copy at the end of the disk",
		dev);
}

static void check_command_line(struct doctor *doc)
{
	const struct cmdline *c = &doc->cmd;

	for (unsigned i = 0; i < c->nwarnings; i++)
		doctor_report(doc, DOCTOR_WARNING, "command-line",
			      "correct it in the boot loader's configuration",
			      "kernel command line: %.200s", c->warning[i]);
	if (!c->enable)
		doctor_report(doc, DOCTOR_ERROR, "command-line-disabled",
			      "remove keelboot.enable=0 from the kernel command line",
			      "keelboot.enable=0: no update is installed, and nothing falls back");
	if (c->slot >= 0)
		doctor_report(
			doc, DOCTOR_ERROR, "command-line-slot",
			"remove keelboot.slot= from the kernel command line; choose a slot with `keelboot switch`",
			"keelboot.slot=%c: each boot uses this slot, uncounted, and installs no update",
			state_slot_letter(c->slot));
	if (c->sources == CMDLINE_SOURCE_NONE)
		doctor_report(doc, DOCTOR_WARNING, "command-line-sources",
			      "remove keelboot.sources=none from the kernel command line",
			      "keelboot.sources=none: no boot looks for an update");
}

static void check_pstore(struct doctor *doc)
{
	char text[64];

	if (doctor_read(doc, "/sys/module/pstore/parameters/backend", text, sizeof(text)) &&
	    (text[0] == '\0' || strcmp(text, "(null)") == 0))
		doctor_report(doc, DOCTOR_NOTE, "pstore-none",
			      "reserve memory for ramoops, or load efi_pstore",
			      "pstore has no memory for the kernel's last messages");
}

void doctor_kernel(struct doctor *doc)
{
	check_command_line(doc);
	check_gpt(doc);
	check_panic(doc);
	check_options(doc);
	check_pstore(doc);
}
