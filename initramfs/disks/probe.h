/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The disks that are there, as process 1 sees them: found in /sys/block, followed by uevents,
 * and looked at by one prober process for each, several side by side.
 *
 * Which partitions a disk has, where they begin and how large they are is the kernel's word, since
 * it is the kernel's partitions that get mounted. The prober adds names, UUIDs and file systems.
 * When it crashes or hangs the disk keeps the kernel's partitions and their GPT names
 * (PROBE_UNREADABLE, after a second try), so that even then slots are found by PARTLABEL=.
 *
 * A struct probe is about 600 KiB: static, zeroed, and touched only as far as used.
 */
#pragma once

#include "initramfs/disks/mapped.h"
#include "initramfs/prober/prober.h"
#include "lib/err.h"
#include "selector/state.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PROBE_DISKS_MAX	  16
#define PROBE_SKIPPED_MAX 48 /* disks that may lose their place in the table to others */
#define PROBE_JOBS_MAX	  8  /* probers at the same time */
#define PROBE_DEADLINE_MS \
	5000 /* of a prober; the second and last one for a disk gets three times as long */
/* The prober alone, in an initramfs that cannot install; else the helper is the prober, too. */
#define PROBE_ALONE  "/usr/lib/keelboot/keelboot-prober"
#define PROBE_HELPER "/usr/lib/keelboot/keelboot-helper"

enum probe_state {
	PROBE_FREE,	  /* no disk in this place of the table */
	PROBE_WAITING,	  /* not looked at yet: a prober is at work, or will be */
	PROBE_READY,	  /* looked at */
	PROBE_UNREADABLE, /* two probers failed; part[] is the kernel's word alone, without file
			     systems */
};

/* What a disk is good for, from the least: more of them than there are places compete. */
enum probe_worth {
	PROBE_WORTH_NONE,    /* it was looked at, and has nothing that anybody wants */
	PROBE_WORTH_MEDIUM,  /* it may carry an update */
	PROBE_WORTH_UNKNOWN, /* not looked at yet */
	PROBE_WORTH_OURS,    /* it has something of the device */
};

struct probe_disk {
	enum probe_state state;
	/* "/dev/vda" */
	char dev[32];
	/* sysfs path behind /sys: "/devices/pci0000:00/…/block/vda"; for ranking and for disk= */
	char path[256];
	/* bytes */
	uint64_t size;
	/* sysfs says so, of it or of the slot of an MMC card, or it is an SD card: the medium, or
	 * the disk itself, may go */
	bool removable;
	/* the path leads through a USB port */
	bool usb;
	/* an SD card (not eMMC) */
	bool sd;
	/* its own: CID, WWID or serial number; "" when it has none */
	char name[144];
	/* by what it is known again: see probe_id.h */
	char id[STATE_STR_MAX + 1];
	/* It stands on disks, and is a slot: the name that system.conf has for it, and they. NULL:
	 * it is a disk. */
	const char *mapped;
	unsigned non;
	char on[MAPPED_DISKS_MAX][32];
	/* it has partitions; else look at whole */
	bool has_table;
	/* its table is damaged, but not the copy at its end */
	bool gpt_backup;
	/* the file system on the bare disk; dev is always set */
	struct prober_part whole;
	/* partitions of which /sys has no number, or no size, that can be read; or beyond the
	 * PROBER_PARTS_MAX with the lowest numbers */
	unsigned unused;
	unsigned n;
	/* by number */
	struct prober_part part[PROBER_PARTS_MAX];
	/* probers started since it changed */
	unsigned tries;
	/* how often it was not what it was */
	unsigned changes;
	/* wants a prober */
	bool queued;
	/* since then */
	uint64_t queued_ms;
};

/* A prober at work. Private. */
struct probe_job {
	/* 0: free */
	pid_t pid;
	int fd;
	/* index; -1: its disk is gone, or it was given up: only to be reaped */
	int disk;
	/* the same while the process is there; -1: that disk is gone */
	int of;
	uint64_t deadline_ms;
	size_t len;
	struct prober_answer answer;
};

struct probe {
	/* in the order of appearance; gaps are PROBE_FREE */
	struct probe_disk disk[PROBE_DISKS_MAX];
	struct probe_job job[PROBE_JOBS_MAX];
	/* when USB had its last uevent, or when probe_start() was called */
	uint64_t usb_ms;
	/* -1: none; then /sys is looked through again and again */
	int uevent_fd;
	uint64_t scanned_ms;
	/* since the last probe_step() returned */
	bool changed;
	/* a disk has no place: /sys is looked through again when something changes */
	bool full;
	bool full_reported;
	/* lost their place: "sdx" */
	char skipped[PROBE_SKIPPED_MAX][32];
	/* Set before probe_start(), which leaves them alone. NULL: all are worth the same. */
	enum probe_worth (*worth)(void *ctx, const struct probe *p, const struct probe_disk *d);
	/* The name that system.conf has for a mapped device ("dm-3"), which has to stay; NULL: it
	 * is no slot. NULL for the function itself: no slot is such a device. */
	const char *(*mapped_as)(void *ctx, const char *name);
	void *ctx;
	/* Gets each uevent before probe.c looks at it, of whatever device; NULL, 0: something may
	 * be there that had none. It may load what makes more of them. May be NULL; set before
	 * probe_start(). */
	void (*hear)(void *ctx, const char *uevent, size_t len);
	void *hear_ctx;
};

/*
 * Opens the uevent socket, then takes in what is there already and starts probers. Does not wait.
 * Never fails: without the socket it polls, without /sys there are no disks, and each is logged.
 */
void probe_start(struct probe *p);

/*
 * Handles uevents and answers until the table changed (a disk became ready, unreadable, or went) or
 * timeout_ms are over. KB_OK: changed. KB_ETIMEDOUT: not. timeout_ms 0 handles what is there.
 */
enum kb_err probe_step(struct probe *p, unsigned timeout_ms) KB_MUST_CHECK;

/* Disks that a prober is at work on, or is to be started for. */
unsigned probe_pending(const struct probe *p);

/* Kills and reaps probers that are still at work, and closes the socket. The table stays. */
void probe_stop(struct probe *p);

/*
 * The partition that spec names: "PARTLABEL=x", "PARTUUID=x", "LABEL=x", "UUID=x" (UUIDs in either
 * case), on this disk. "/dev/x" is a partition of this disk, the bare disk itself, or a mapped
 * device that lies on it. disk NULL: the first of all ready disks that has it. Of several that
 * match, the one with the lowest number. NULL: none. The pointer is good until the next
 * probe_step().
 */
const struct prober_part *probe_find(const struct probe *p, const struct probe_disk *disk,
				     const char *spec);

/* Another partition of this disk that spec names as well, or NULL. */
const struct prober_part *probe_find_other(const struct probe_disk *disk, const char *spec,
					   const struct prober_part *part);

/* The disk with this "/dev/x", or NULL. */
const struct probe_disk *probe_disk_by_dev(const struct probe *p, const char *dev);
