/* SPDX-License-Identifier: Apache-2.0 */
/* Which partitions and files of a configuration exclude each other. PURE. */
#pragma once

#include "lib/conf.h"

/* What else the partition of a class is for, or NULL; of slots and classes, those before it are
 * looked at. */
const char *conf_use_before(const struct conf *c, unsigned slot, unsigned cls);

/* False: the class is a file, and the slot's entry in the boot loader cannot load it. It must be in
 * the folder of the kernel, and that must be no image which has all in it. */
bool conf_use_is_beside(const struct conf_slot *s, unsigned cls);
