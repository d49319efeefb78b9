/* SPDX-License-Identifier: Apache-2.0 */
/* What is on the disks of ioerr_world.h: three images, a bundle with one of them, and the names of
 * the devices, which no machine that runs this has. */
#pragma once

#include "tests/sim/bundles.h"

#define IOERR_CONTENT_DISK   "vdq"
#define IOERR_CONTENT_STATE  "/dev/vdq1"
#define IOERR_CONTENT_SLOT_A "/dev/vdq2"
#define IOERR_CONTENT_SLOT_B "/dev/vdq3"
#define IOERR_CONTENT_DATA   "/dev/vdq4"
#define IOERR_CONTENT_RAW    "/dev/vdq5"
#define IOERR_CONTENT_STICK  "sdq"

#define IOERR_CONTENT_IMAGE (224u << 10)
#define IOERR_CONTENT_SLOT  (4u << 20) /* so that there is something to discard and to clear */

/* The releases: what slot b holds in the beginning, what slot a holds, and the bundle. Each image
 * has IOERR_CONTENT_IMAGE bytes. */
#define IOERR_CONTENT_RELEASES 3
const struct bundles_release *ioerr_content_release(unsigned sequence);
/* That of an image; NULL: of none. */
const struct bundles_release *ioerr_content_of(const uint8_t *image);
/* Puts the bundle onto the raw stage partition. */
void ioerr_content_raw(void);
/* The bundle's path on this machine. */
const char *ioerr_content_bundle(void);
