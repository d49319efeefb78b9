/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A config partition of EFI Boot Guard: a FAT with its environment, BGENV.DAT, and its name for the
 * loader, EFILABEL. See loader_top.h for how it is reached.
 */
#pragma once

#include "lib/conf_place.h"
#include "selector/loader/loader.h"
#include "selector/loader/loader_bgenv.h"

#define LOADER_BGPART_LABEL 32 /* bytes of a name; the loader reads 31 letters */

struct loader_bgpart {
	/* whose pair lies there */
	int slot;
	/* "/dev/vda5"; a folder stands for the partition that is mounted there */
	conf_spec dev;
	/* "/EFI/Linux/keelboot-a.efi" */
	char path[CONF_PLACE_FILE + 1];
	/* what EFILABEL has; "" : it has none */
	char label[LOADER_BGPART_LABEL];
	/* the environment as the medium has it; len is less than its size where the file is
	 * shorter, and 0 where it is missing */
	uint8_t env[LOADER_BGENV_SIZE];
	size_t len;
};

/* Reads label and environment. Errors with a reason. */
enum kb_err loader_bgpart_read(struct loader *l, struct loader_bgpart *part) KB_MUST_CHECK;

/* Writes part->env over the environment, makes it durable, and reads it back. KB_ENOSPC, KB_EPERM,
 * KB_EIO, with a reason. */
enum kb_err loader_bgpart_write(struct loader *l, struct loader_bgpart *part) KB_MUST_CHECK;
