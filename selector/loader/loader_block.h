/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GRUB's environment block: a line that names it, lines NAME=VALUE in which a backslash protects
 * the byte behind it, and '#' up to its end. PURE.
 *
 * Ours are keelboot_default, keelboot_once and keelboot_starts. Only the first sector of a block
 * may change, because a disk writes one sector as a whole.
 */
#pragma once

#include "selector/loader/loader.h"

#define LOADER_BLOCK	    1024 /* bytes */
#define LOADER_BLOCK_SECTOR 512

/* KB_EFORMAT: it is no such block, or holds something else; the reason is in l->why. */
enum kb_err loader_block_read(struct loader *l, const uint8_t *block,
			      struct loader_choice *c) KB_MUST_CHECK;

/* Puts the choice in, and keeps all other lines. KB_EFORMAT; KB_ENOSPC when that does not fit the
 * first sector. After an error the block is as it was. */
enum kb_err loader_block_set(struct loader *l, uint8_t *block,
			     const struct loader_choice *c) KB_MUST_CHECK;
