/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a bundle is for this device and fits its slots; why not is said in these words only. */
#pragma once

#include "update/bundle/manifest.h"

#include <stddef.h>

/* Formats, each for the class of an image. */
#define MANIFEST_FITS_NO_PARTITION \
	"the bundle has an image for %s, but the slot has no such partition"
#define MANIFEST_FITS_NO_IMAGE "the bundle has no image for %s, which the slot needs"
#define MANIFEST_FITS_NOT_ITS_DIGEST \
	"image %s: its chunks are right, but digest= in the manifest differs: the bundle was made wrongly; make it again"

/* KB_ECOMPAT, with the reason in why: it is made for other devices, by its names of them. Of what a
 * slot holds, no more is asked: the kernel that judges it need not be the one that boots it. */
enum kb_err manifest_fits_model(char why[MANIFEST_WHY], const struct manifest *m,
				const char *compatible) KB_MUST_CHECK;

/* The same, or for other processors than the device has: before anything is written. */
enum kb_err manifest_fits_device(char why[MANIFEST_WHY], const struct manifest *m,
				 const char *compatible) KB_MUST_CHECK;

/* KB_ECOMPAT, with the reason in why: it has a boot loader, which belongs to no slot. copies: what
 * system.conf says of the device's own. */
enum kb_err manifest_fits_slots(char why[MANIFEST_WHY], const struct manifest *m,
				const char *copies) KB_MUST_CHECK;

/* KB_ECOMPAT, with the reason in why: the partition is too small, or its sectors are larger than
 * the blocks of dm-verity. part: its name for the reason, or NULL. */
enum kb_err manifest_fits_part(char why[MANIFEST_WHY], const struct manifest_image *im,
			       const char *part, uint64_t size, uint32_t sector) KB_MUST_CHECK;

/* KB_ECOMPAT, with the reason in why: the image boot is a program of UEFI for another processor
 * than this program. chunk: its first one; NULL: all zero. A kernel in a file system is not looked
 * at. */
enum kb_err manifest_fits_processor(char why[MANIFEST_WHY], const struct manifest_image *im,
				    const uint8_t *chunk, size_t len) KB_MUST_CHECK;
