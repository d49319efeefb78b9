/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The environment of EFI Boot Guard, as its file BGENV.DAT has it: what it starts, how far its
 * trial is, and a checksum over all of that. PURE.
 */
#pragma once

#include "lib/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOADER_BGENV_SIZE 132104u /* bytes; what follows them, the loader does not read */
#define LOADER_BGENV_TEXT 256	  /* bytes of a text, with its NUL */

enum loader_bgenv_ustate {
	LOADER_BGENV_OK = 0,
	LOADER_BGENV_INSTALLED = 1, /* is started once: the loader makes it TESTING before that */
	LOADER_BGENV_TESTING =
		2, /* was started once: the loader makes it FAILED, and starts the other */
	LOADER_BGENV_FAILED = 3,
};

struct loader_bgenv {
	/* the loader believes it; else all below is nothing */
	bool sound;
	/* the loader goes past it, as if it were older */
	bool in_progress;
	/* one of enum loader_bgenv_ustate; another number is as OK */
	uint8_t ustate;
	/* seconds; 0: the loader arms none */
	uint16_t watchdog;
	uint32_t revision;
	/* what is started, "C:LABEL:\EFI\Linux\x.efi"; "": that is no printable ASCII, or a text in
	 * it has no end */
	char file[LOADER_BGENV_TEXT];
	/* what stands behind keelboot.pair= in the kernel's words; 0: they do not have it */
	char pair;
};

/* As the loader reads it. A file that is shorter, or whose checksum is wrong, is not sound. */
void loader_bgenv_parse(struct loader_bgenv *e, const uint8_t *data, size_t len);

/* Changes what is started, in one that is sound: the file, and the letter behind keelboot.pair=.
 * KB_ENOSPC: it is too long; nothing was changed. */
enum kb_err loader_bgenv_rename(uint8_t data[LOADER_BGENV_SIZE], const char *file,
				char pair) KB_MUST_CHECK;

/* Not in progress, with this state and revision, and a right checksum. */
void loader_bgenv_seal(uint8_t data[LOADER_BGENV_SIZE], uint8_t ustate, uint32_t revision);
