/* SPDX-License-Identifier: Apache-2.0 */
/* A partial bundle, which has only some ranges of a bundle, as its readers see it. */
#pragma once

#include "update/bundle/reader.h"

/*
 * If a file begins as a partial bundle does, reads its head; else nothing happens, as on a device,
 * where there is none. KB_EFORMAT, KB_ENEWER, KB_EIO; r->why says what is wrong.
 */
enum kb_err reader_partial_open(struct reader *r, uint64_t size) KB_MUST_CHECK;

/* Behind the header: all that is signed is there, and no byte that is none of the bundle's.
 * KB_EFORMAT; r->why. */
enum kb_err reader_partial_fits(struct reader *r) KB_MUST_CHECK;
