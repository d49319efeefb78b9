/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine around the disks, as the simulated kernel shows it to the boot: powercut, ioerr and
 * the traces boot this one. Slot a is the second partition of its disk, slot b the third one.
 */
#pragma once

#include "initramfs/boot.h"
#include "tests/sim/os_sim.h"

#define BOARD_SLOTS	2
#define BOARD_DISK_PATH "/devices/pci0000:00/0000:00:04.0/virtio1/block/"

struct board {
	const char *cmdline; /* NULL: nothing of ours */
	const char *conf;    /* system.conf of the initramfs and the slots; NULL: none */
	struct os_sim_disk disk;
	const char *slot[BOARD_SLOTS]; /* their devices */
	const char *init[BOARD_SLOTS]; /* NULL: none is in it */
	struct os_wdt_info watchdog;
	bool no_pstore, no_disk, no_watchdog;
	/* Of a slot: whether what is in it mounts now, and whether a prober sees a file system.
	 * NULL: as the disk has it. */
	bool (*mounts)(int slot);
	bool (*seen)(int slot);
};

/* The usual one. slot: bytes. More partitions are the caller's to add. */
struct os_sim_disk board_disk(const char *name, uint64_t slot);
struct os_wdt_info board_watchdog(void);

/* One more partition. */
void board_part(struct os_sim_disk *d, const char *label, const char *fstype);
/* What keelboot-apply is, once it is started; its status, as from waitpid(). */
void board_apply(void (*run)(void *ctx, const char *const *argv), void *ctx, const int *status);

/* What the boot finds. d stays until the next. */
void board_lay_out(const struct board *d);
/* A stick on USB that is plugged in at that time. */
void board_plug(const char *name, const char *fstype, unsigned at_ms);
/* What a prober sees in the slots from now on. */
void board_look(void);
/* The first sector of a raw stage partition, as far as the boot looks at it. */
void board_raw(const char *path, const uint8_t *block);

/* Process 1, as main() in init.c has it. argv and envp of b are the usual ones if it has none. */
enum os_sim_end board_boot(struct boot *b);
