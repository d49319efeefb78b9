/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A new boot loader, in the copy that is not started. In this order: that copy is written, with
 * zeroes behind it, made durable, read back from the medium and compared; Linux's protection of it
 * is on again; only then the eMMC is set to it. What is U-Boot's environment there stays. A power
 * cut before the last step leaves the old loader, and behind it the new one is whole.
 */
#pragma once

#include "cli/loader/copies.h"

/*
 * Whether c, after copies_look(), may take an image of so many bytes: the copy that runs is the
 * one that is set, the other one may be written and has room, and so may the register. Else c->why
 * says why not: KB_EBUSY, KB_ENOTARGET, KB_ENOSPC, KB_EPERM, KB_EINVAL (c->environment).
 */
enum kb_err copies_write_allowed(struct copies *c, uint64_t size) KB_MUST_CHECK;

/*
 * Writes image, which the caller has checked against its signature, and sets the eMMC to it. len is
 * a multiple of BDEV_ALIGN, and image is aligned so. version: that it will say when it runs.
 * KB_ECOMPAT: its text is not in the image, so nobody would know that it runs. KB_EAPPLIED: that of
 * the version that runs is in it, so nobody could tell the two apart. Nothing is written then.
 * KB_EBUSY, KB_EPERM, KB_EIO: the eMMC is set as before, unless c->why says that this is not known.
 */
enum kb_err copies_write_image(struct copies *c, const uint8_t *image, size_t len,
			       const char *version) KB_MUST_CHECK;

/* The copy that runs, which is not the one that is set, is set. KB_EAPPLIED: it is already;
 * KB_ENOTARGET: nobody knows which one runs; KB_EIO. */
enum kb_err copies_write_keep(struct copies *c) KB_MUST_CHECK;
