/* SPDX-License-Identifier: Apache-2.0 */
/* keelboot.enable=0: the root that the command line names, as if Keelboot were not there. */
#pragma once

#include "initramfs/boot.h"

/*
 * Waits for root=, mounts it (read-only unless the command line says rw) and becomes its init. No
 * state is read or written, no update looked at, nothing counted. Returns only on failure.
 * KB_EINVAL: no root=. KB_ENODEV: it did not appear.
 */
enum kb_err plain_boot(struct boot *b) KB_MUST_CHECK;
