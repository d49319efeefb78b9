/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 through OpenSSL's EVP, with contexts that are made once and used again. */
#pragma once

#include "lib/err.h"

#include <stddef.h>
#include <stdint.h>

#define DIGEST_LEN 32

struct digest {
	/* EVP_MD_CTX */
	void *ctx;
};

/* Makes a context; digest_free() releases it. KB_EIO when OpenSSL refuses. */
enum kb_err digest_init(struct digest *d) KB_MUST_CHECK;
void digest_free(struct digest *d);

/* Starts anew; adds; ends. Results of OpenSSL are checked at each step: KB_EIO. */
enum kb_err digest_begin(struct digest *d) KB_MUST_CHECK;
enum kb_err digest_add(struct digest *d, const void *buf, size_t len) KB_MUST_CHECK;
enum kb_err digest_end(struct digest *d, uint8_t out[DIGEST_LEN]) KB_MUST_CHECK;

/* All three in one. */
enum kb_err digest_buf(struct digest *d, const void *buf, size_t len,
		       uint8_t out[DIGEST_LEN]) KB_MUST_CHECK;
