/* SPDX-License-Identifier: Apache-2.0 */
/* The boot loader, where each slot has a pair of its own: what it starts, and will start. All of it
 * is nothing on a device without pairs. What fails is reported. */
#pragma once

#include "cli/device/device.h"

/* Init starts the kernels of the slots itself, and no boot loader keeps anything. */
bool device_loader_is_kexec(const struct device *d);

/* kexec started what runs, as by hand, and nobody says whose kernel it is. That lasts until a
 * reset, which starts the first kernel. */
bool device_loader_is_unnamed(const struct device *d);

/* The first kernel runs a slot itself. */
bool device_loader_is_first(const struct device *d);

/* A slot of it has a kernel of its own. */
bool device_loader_has_pairs(const struct conf *c);

/*
 * Why no boot of this device tries a release, so that none installs any; NULL: one may. By kexec
 * that lasts. With a loader a restart may mend it, and then that boot does install.
 */
const char *device_loader_why_untried(const struct device *d);

/* The same of the slot's own kernel, for one that is there and was chosen; NULL: that may start, or
 * runs. The state was read. */
const char *device_loader_why_unstarted(const struct device *d, int slot);

struct device_loader_is {
	/* slots, or STATE_NONE */
	int8_t preset, once;
	/* of the preset, that nobody answered */
	uint8_t starts;
	/* why it cannot be read */
	char why[240];
};

/* What it starts; unreported. root: what stands before /sys and /dev, and before fw_env.config.
 * KB_ENOENT: there are no pairs.
 */
enum kb_err device_loader_read(const struct device *d, const char *root,
			       struct device_loader_is *is) KB_MUST_CHECK;

/* The boot loader counted this start where Linux does not look, or kexec started this kernel. */
bool device_loader_has_other_store(const struct device *d);

/* The booted slot proved itself, and so did its pair, if that is the one that runs: the loader
 * starts it from now on. *changed: it did not before. KB_ENODEV, reported: nobody knows whose
 * kernel runs, or the loader has another store. */
enum kb_err device_loader_confirm(const struct device *d, bool *changed) KB_MUST_CHECK;

/* This start is fine: the counter that system.conf names is 0 again. *changed: it was not. */
enum kb_err device_loader_reset_count(const struct device *d, bool *changed) KB_MUST_CHECK;

/* Before an install, which may overwrite any other pair than those that run or are fallen back
 * to: the loader starts one of these. */
enum kb_err device_loader_secure(const struct device *d) KB_MUST_CHECK;
