/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel calls by which a process in a cage gets the files of one partition of the device. A
 * process beside it, which was started before the cage, mounts that partition when it is asked to,
 * where nobody else sees it. It lends the folder. Process 1 links none of them. Chosen at link time
 * as those of os.h.
 *
 * It mounts FAT only, and no partition but those that it was started with. Nothing here allocates
 * or logs.
 */
#pragma once

#include "lib/err.h"

#include <stdbool.h>
#include <stdint.h>

#define OS_LEND_DEVICES 8u
#define OS_LEND_PATH	128u

struct os_lend {
	/* to the lender; -1: there is none */
	int sock;
	/* after os_lend_begin() failed: why, to stand behind "no process can be started: " */
	const char *why;
};

/* What can be mounted: "/dev/vda1". */
struct os_lend_list {
	unsigned n;
	char dev[OS_LEND_DEVICES][OS_LEND_PATH];
};

/*
 * Starts the lender, which ends with this process, or by os_lend_end(), and waits until it is
 * ready. To be called before a second thread is started. KB_EIO: there is no process; KB_EPERM: it
 * may not mount. l->why says it.
 */
enum kb_err os_lend_begin(struct os_lend *l, const struct os_lend_list *list) KB_MUST_CHECK;

/*
 * The top folder of a partition: first to be read, then, by another call, to be written. The caller
 * closes it, and all that it opened below it, before it asks for another partition, or to write the
 * same one for the first time. One partition at a time. No mount of the system is changed.
 * KB_ENODEV, KB_EMOUNT (no FAT, or the kernel has no vfat), KB_EBUSY (to be written: others have it
 * mounted read-only), KB_EPERM (it is not on the list, there is no lender, or the disk is
 * write-protected), KB_ETIMEDOUT, KB_ECHILD.
 */
enum kb_err os_lend_ask(struct os_lend *l, const char *dev, bool write, int *dir) KB_MUST_CHECK;

/* Of such a folder, lent to be read: others have the partition mounted read-only, so it
 * cannot be lent to be written. */
bool os_lend_is_fixed(int dir);

/* It is mounted no more. All that was opened there is closed before. */
void os_lend_give_back(struct os_lend *l);

/* Ends the lender. Without effect where there is none. */
void os_lend_end(struct os_lend *l);
