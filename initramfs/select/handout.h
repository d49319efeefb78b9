/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What keelboot-select hands out: which device is the root. It lies in /run/keelboot for the rest
 * of the boot, as lines that a shell can read, and for the later calls of keelboot-select.
 */
#pragma once

#include "initramfs/boot_data.h"

#define HANDOUT_FILE "/run/keelboot/root.env"
/* A link to the root's device: units of systemd name it before it is known. */
#define HANDOUT_LINK "/run/keelboot/root"

/* The root mounts by another type or other options than the generator of systemd knew: that reads
 * HANDOUT_FILE at its next run. */
#define HANDOUT_OTHERWISE "/run/keelboot/mounts-otherwise"

/* Why Keelboot has nothing to say in this boot. */
#define ASIDE_FILE "/run/keelboot/aside"

struct handout {
	/* as in struct attempt */
	struct choose_candidate chosen;
	/* what to mount */
	struct root_mounted root;
	/* it is write-protected: no fsck, no rw */
	bool protected;
	/* the partition or mapping that the slot is: root.dev, unless dm-verity stands between */
	char slot_dev[DEVICES_NAME];
	/* what system.conf calls that: "PARTLABEL=root-a", "/dev/mapper/root-a" */
	const char *name;
	/* "" where it is unknown */
	char state_dev[DEVICES_NAME];
	/* that select_enter() has to see to; "": none, or the guardian has it */
	char watchdog[64];
	/* it counts so long */
	uint32_t watchdog_s;
	/* of [system] shutdown-deadline= */
	uint32_t shutdown_s;
	enum conf_handover handover;
};

/* Of a boot that has chosen. */
struct handout handout_of(const struct boot *b);

/* Any error, which is logged: nothing was handed out. */
enum kb_err handout_write(const struct handout *h) KB_MUST_CHECK;

/* KB_ENOENT: nothing was handed out in this boot. KB_EFORMAT, which is logged. */
enum kb_err handout_read(struct handout *h) KB_MUST_CHECK;
