/* SPDX-License-Identifier: Apache-2.0 */
/*
 * autoboot.txt, by which the firmware of a Raspberry Pi chooses a partition: lines NAME=VALUE, in
 * sections that begin with a filter. PURE.
 *
 * boot_partition= of [all] is what it starts; that of [tryboot], behind it, what it starts once if
 * the restart asks for that. With tryboot_a_b=1 that is another partition, and no other file.
 *
 * The file keeps its length, so that no table of the FAT changes with it; and what fits into one
 * sector, a disk writes as a whole.
 */
#pragma once

#include "selector/loader/loader.h"

#define LOADER_AUTOBOOT_MAX 512u /* bytes that the firmware reads; one sector */

struct loader_autoboot {
	/* the number of the partition that is started; 1..LOADER_AUTOBOOT_PART */
	uint8_t preset;
	/* that which tryboot starts; the preset where no other one is named */
	uint8_t once;
};

#define LOADER_AUTOBOOT_PART 62 /* the firmware keeps six bits, and 63 means to halt */

/* KB_EFORMAT: the firmware would not do what Keelboot takes it for; the reason is in l->why. */
enum kb_err loader_autoboot_read(struct loader *l, const uint8_t *text, size_t len,
				 struct loader_autoboot *is) KB_MUST_CHECK;

/*
 * Puts both numbers in, and keeps all other lines; a text that cannot be read is made anew. What
 * is left of len becomes empty lines. KB_ENOSPC: it does not fit; then the text is as it was.
 */
enum kb_err loader_autoboot_set(struct loader *l, uint8_t *text, size_t len,
				const struct loader_autoboot *want) KB_MUST_CHECK;
