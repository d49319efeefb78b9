/* SPDX-License-Identifier: Apache-2.0 */
/* By what a disk is known again in another boot. PURE. */
#pragma once

#include "selector/state.h"

/*
 * The identity of a disk, at most STATE_STR_MAX bytes: "KIND-TEXT", printable, without blanks. text
 * is what the hardware calls itself (CID, WWID, serial); longer ones become a hash, "KIND-#…".
 */
void probe_id_hardware(char out[STATE_STR_MAX + 1], const char *kind, const char *text);

/*
 * The same for a disk that has no name of its own: "path-#…", a hash of its sysfs path. The numbers
 * that the kernel gives in the order of discovery (virtio1, host0, vda, …) are left out. So it
 * stays when another disk is plugged in beside it, and differs in another port.
 */
void probe_id_path(char out[STATE_STR_MAX + 1], const char *path);
