/* SPDX-License-Identifier: Apache-2.0 */
/* Which partitions this boot uses: state, data, slots, and the media that may carry an update. */
#pragma once

#include "initramfs/disks/probe.h"
#include "kernel-cmdline/cmdline.h"
#include "lib/conf.h"
#include "selector/choose.h"

#define DEVICES_NAME 32
#define DEVICES_FSTYPE_UNSURE \
	"auto" /* the prober could not tell: root_mount() tries the usual ones */
#define DEVICES_FSTYPE_SEVERAL "several" /* only of an overlay: a person has to tell */
#define DEVICES_MEDIA_MAX      16
#define DEVICES_WARNINGS_MAX \
	7 /* its table, a state of another disk, its equal, containers, shared ones, names */
#define DEVICES_WARNING_LEN 256

struct devices_slot {
	/* "/dev/vda2" for each class of system.conf; "" if absent */
	char part[CONF_CLASSES_MAX][DEVICES_NAME];
	/* of its root; "" if there is no file system */
	char fstype[DEVICES_NAME];
	/* a file system: the prober could look, and there is one */
	bool seen;
};

struct devices {
	char disk[DEVICES_NAME];
	/* by what it is known again; what the state is bound to */
	char diskid[STATE_STR_MAX + 1];
	/* fixed, or named by its path: no stranger's (devices_rank.h) */
	bool firm;
	/* a disk that looks the same: then nothing may be installed; "" : there is none */
	char equal[DEVICES_NAME];
	/* of the choice of the disk */
	struct devices_warning {
		/* as in `keelboot doctor` */
		const char *id;
		char text[DEVICES_WARNING_LEN];
	} warning[DEVICES_WARNINGS_MAX];
	unsigned nwarnings;
	/* "" if absent */
	char state[DEVICES_NAME], data[DEVICES_NAME], raw[DEVICES_NAME];
	/* [loader] environment= names it, of GRUB */
	char loader[DEVICES_NAME];
	/* root-overlay= names it; and its file system, "" if there is none */
	char overlay[DEVICES_NAME], overlay_fstype[DEVICES_NAME];
	struct devices_slot slot[CONF_SLOTS_MAX];
	unsigned nmedia;
	/* whole disks and partitions: see sources.h */
	char media[DEVICES_MEDIA_MAX][DEVICES_NAME];
	/* else it is on USB */
	bool medium_is_sd[DEVICES_MEDIA_MAX];
	/* there are more, and that was said */
	bool media_full;
};

struct devices_wait {
	/* for the disk with all its partitions */
	uint32_t timeout_s;
	/* sources_allowed(): what is waited for */
	unsigned sources;
	/* called at least once a second */
	void (*idle)(void *ctx);
	/* Called once where no disk has all by then, though none is being probed: its driver may
	 * not be loaded. May be NULL. */
	void (*missing)(void *ctx);
	/* Drivers are still being loaded: a better disk, or a stick, may be theirs. May be NULL. */
	bool (*loading)(void *ctx);
	void *ctx;
};

/*
 * Waits for the device's disk and, in parallel, for sticks. A disk that is not complete in time is
 * used as it is, with a warning for each thing that is missing. KB_ENODEV: no disk has any of them.
 */
enum kb_err devices_find(struct devices *d, struct probe *p, const struct conf *conf,
			 const struct devices_wait *wait) KB_MUST_CHECK;

/*
 * Looks at the device's disk again, because an install has changed what a slot holds. Neither the
 * disk nor the media are chosen anew. When the disk cannot be looked at, d stays as it was.
 */
void devices_refresh(struct devices *d, struct probe *p, const struct conf *conf,
		     const struct devices_wait *wait);

/*
 * The device's disk may go, and come back under another name or in another port while a rescue
 * waits. To be asked again and again when no prober is at work: gone keeps what was seen. True:
 * there is one that is whole and that a boot would take at once; d names what is on it as
 * devices_find() would.
 */
bool devices_returned(struct devices *d, const struct probe *p, const struct conf *conf,
		      bool *gone) KB_MUST_CHECK;

/* Index of a class of a slot, or -1; and of its class "root". */
int devices_class(const struct conf *conf, unsigned slot, const char *name);
int devices_root_class(const struct conf *conf, unsigned slot);

/* The slots on whose root the prober saw a file system, and no container of one. */
choose_mask devices_seen(const struct devices *d, const struct conf *conf);

/* The same, those into which it could not look, and those that root-filesystem= says to have one.
 */
choose_mask devices_mountable(const struct devices *d, const struct conf *conf);
