/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The boot loader's half of a choice. A slot has a pair: what the loader starts before Keelboot
 * runs. Which one that is stands in the loader's own store, as two words:
 *
 *	default  the slot whose pair is started when nothing else is asked
 *	once     the slot whose pair is started once; the loader clears it durably before that
 *
 * A loader that can, counts how often it started the default in vain, and starts another pair in
 * the end.
 *
 * What is in that store was written by others, too. It is checked before it is believed, and what
 * does not fit is refused, with a reason; then nothing was written. Nothing here logs.
 *
 * Not for process 1: it starts keelboot-loader (loader_main.h), with a bounded wait.
 */
#pragma once

#include "lib/conf.h"

#include <stdbool.h>
#include <stdint.h>

#define LOADER_WHY	  240 /* bytes of a reason */
#define LOADER_STARTS_MAX 9

/* Slots by number, or STATE_NONE. */
struct loader_choice {
	/* the word "default" */
	int8_t preset;
	int8_t once;
	/* of the default, since the last of which loader_came_up() knows; 0..LOADER_STARTS_MAX */
	uint8_t starts;
};

/* How the loader came to start the pair that runs. */
enum loader_start {
	LOADER_START_PLAIN,   /* its store does not say it */
	LOADER_START_COUNTED, /* as the default, and waits to hear that it came up */
	LOADER_START_INSTEAD, /* of the default, which did not come up */
	LOADER_START_ONCE,
	LOADER_START_UNSAVED, /* it did not note that, and would start it again and again */
};

struct loader {
	enum conf_loader kind;
	/* GRUB: the partition that holds grubenv, "/dev/vda5". U-Boot: the path of
	 * fw_env.config(5). UEFI: the partitions of all pairs, "a=/dev/vda2,b=/dev/vda3".
	 * systemd-boot: the entries of all pairs, and their partitions where they are there:
	 * "a=/dev/vda1:x.efi,b=/dev/vda1:y.efi".
	 * EFI Boot Guard: the files of both pairs, "a=/dev/vda2:/EFI/Linux/x.efi,b=...".
	 * A Raspberry Pi: the partition with autoboot.txt, and those of all pairs,
	 * "/dev/mmcblk0p1,a=/dev/mmcblk0p2,b=/dev/mmcblk0p3". Of barebox, that of its state, magic
	 * and stride, and for each slot a target with the places of its two variables. That is
	 * "/dev/vda5:0x27031977:1024,a=system0:0:4,b=system1:8:12". Borrowed. */
	const char *where;
	/* What stands before /sys and /dev, also before U-Boot's devices in fw_env.config, and not
	 * before where; "" on a device. Borrowed. */
	const char *root;
	/* What cannot be read may be written, so that it can: not by who only looks. */
	bool mends;
	/* Why the last call failed, for a person; printable ASCII. */
	char why[LOADER_WHY];
};

/*
 * What the loader will start, as the medium has it: a cache is not believed. STATE_NONE for a word
 * that names no slot: it is unset, or the firmware starts something else first. KB_EFORMAT: the
 * store is damaged, or holds what should not be there. KB_ENODEV: of U-Boot, a device with its
 * environment is missing, and may come. KB_ENOENT, KB_EIO, KB_EINVAL (where).
 */
enum kb_err loader_read(struct loader *l, struct loader_choice *c) KB_MUST_CHECK;

/*
 * Makes it durable that the pair of a slot is started once, and reads it back. `default` stays; a
 * store that keeps no `once` for that one says what it starts anyway.
 * tryboot: by a restart that asks for it (loader_tryboot.h), and it is read until the next default.
 * Errors as above; KB_ENOSPC when the store is full, KB_EPERM when it cannot be written. After
 * KB_EIO what is there is unknown.
 */
enum kb_err loader_set_once(struct loader *l, int slot) KB_MUST_CHECK;

/* The same for `default`; it clears `once`, and the count of starts. */
enum kb_err loader_set_preset(struct loader *l, int slot) KB_MUST_CHECK;

/* The default came up: forgets how often it was started. Writes nothing where nothing was counted.
 */
enum kb_err loader_came_up(struct loader *l) KB_MUST_CHECK;

/*
 * Whose pair was started, where UEFI's variables say that: UEFI, systemd-boot, EFI Boot Guard; or
 * the device tree: tryboot; or a word of the kernel's command line that is the loader's own:
 * barebox. GRUB and U-Boot put it there as keelboot.pair=. KB_ENOENT: nothing says it, or it came
 * from another disk.
 */
enum kb_err loader_booted(struct loader *l, int *slot) KB_MUST_CHECK;

/* How it came to that slot, where the store says it, before anything is set: barebox. Others put it
 * behind keelboot.pair=. What cannot be read may count (LOADER_START_COUNTED), and l->why has the
 * reason. */
enum loader_start loader_started(struct loader *l, int slot);
