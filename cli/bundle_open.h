/* SPDX-License-Identifier: Apache-2.0 */
/* Opening a bundle for the verbs that read one. */
#pragma once

#include "update/reader.h"

struct bundle_open {
	const char *path;
	int fd;
	bool have_keys; /* a keyring was given: k is what the signature was checked with */
	struct keyring k;
	struct reader r;
};

/*
 * Adds to the keyring: a folder (--keys), a file (--key). KB_ENOENT, KB_EFORMAT …, which they have
 * told.
 */
enum kb_err bundle_open_keys(struct bundle_open *b, const char *dir) KB_MUST_CHECK;
enum kb_err bundle_open_key(struct bundle_open *b, const char *path) KB_MUST_CHECK;

/*
 * Opens path: a file, or a device that begins with a bundle. Without keys the signature is not
 * checked. Errors as of reader_open() and open(), which it has told. bundle_open_close() is due
 * even then.
 */
enum kb_err bundle_open_file(struct bundle_open *b, const char *path) KB_MUST_CHECK;

void bundle_open_close(struct bundle_open *b);
