/* SPDX-License-Identifier: Apache-2.0 */
/* fw_env.config(5): where the copies of U-Boot's environment lie. libubootenv reads and writes them
 * (loader_uboot.h); where they are, others must know, too. */
#pragma once

#include "lib/err.h"

#include <stdbool.h>
#include <stdint.h>

#define LOADER_FWENV_COPIES   2
#define LOADER_FWENV_NAME     128	 /* bytes of a device in the file, with its end */
#define LOADER_FWENV_MAX      (1u << 20) /* of a copy, whose size the library takes memory for */
#define LOADER_FWENV_OVERHEAD 5u	 /* bytes of a copy: checksum and counter */

struct loader_fwenv_copy {
	/* "/dev/mmcblk0boot0"; "/dev/ubi0:env"; below a root, with that before it */
	char dev[2 * LOADER_FWENV_NAME];
	/* below 0: from the end of the device */
	int64_t offset;
	uint32_t size;
};

struct loader_fwenv {
	unsigned n;
	struct loader_fwenv_copy copy[LOADER_FWENV_COPIES];
};

/* Lines DEVICE OFFSET SIZE, as libubootenv reads them: the offset in any base, the size in
 * hexadecimal. KB_EINVAL: another line, or one too many. PURE. */
enum kb_err loader_fwenv_parse(struct loader_fwenv *env, const char *text) KB_MUST_CHECK;

/* The same of the file at path. KB_ENOENT and other errors: it cannot be read. */
enum kb_err loader_fwenv_read(struct loader_fwenv *env, const char *path) KB_MUST_CHECK;

/* Puts root before each device. False: that is too long. PURE. */
bool loader_fwenv_below(struct loader_fwenv *env, const char *root) KB_MUST_CHECK;

/* Where it begins in its device of so many bytes, of which 0 says nothing. False: that is not
 * known, or is before the device. PURE. */
bool loader_fwenv_begin(const struct loader_fwenv_copy *copy, uint64_t bytes, uint64_t *begin);

/* Two copies share no byte. bytes: as above, of the device of both. PURE. */
bool loader_fwenv_apart(const struct loader_fwenv *env, uint64_t bytes);
