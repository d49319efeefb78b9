/* SPDX-License-Identifier: Apache-2.0 */
/* keelboot.enable=0: the root that the command line names, as if Keelboot were not there. */
#pragma once

#include "initramfs/boot_data.h"

/*
 * Waits for root= and mounts it, read-only unless the command line says rw. No state is read or
 * written, no update looked at, nothing counted. False: there is no root= or it does not mount,
 * which was said. A wrong word stops no boot: the slots are there.
 */
bool plain_mount(struct boot *b) KB_MUST_CHECK;

/* Becomes the init of what plain_mount() mounted. Returns only on failure. */
enum kb_err plain_enter(struct boot *b) KB_MUST_CHECK;
