/* SPDX-License-Identifier: Apache-2.0 */
#include "update/crypto/digest.h"

#include <openssl/evp.h>

enum kb_err digest_init(struct digest *d)
{
	d->ctx = EVP_MD_CTX_new();
	if (d->ctx == NULL)
		return KB_EIO;
	/* Choosing the algorithm costs a look-up; digest_begin() then only resets the context. */
	if (EVP_DigestInit_ex(d->ctx, EVP_sha256(), NULL) != 1 ||
	    EVP_MD_get_size(EVP_MD_CTX_get0_md(d->ctx)) != DIGEST_LEN) {
		digest_free(d);
		return KB_EIO;
	}
	return KB_OK;
}

void digest_free(struct digest *d)
{
	EVP_MD_CTX_free(d->ctx);
	d->ctx = NULL;
}

enum kb_err digest_begin(struct digest *d)
{
	if (d->ctx == NULL || EVP_DigestInit_ex(d->ctx, NULL, NULL) != 1)
		return KB_EIO;
	return KB_OK;
}

enum kb_err digest_add(struct digest *d, const void *buf, size_t len)
{
	return EVP_DigestUpdate(d->ctx, buf, len) == 1 ? KB_OK : KB_EIO;
}

enum kb_err digest_end(struct digest *d, uint8_t out[DIGEST_LEN])
{
	unsigned len = 0;

	if (EVP_DigestFinal_ex(d->ctx, out, &len) != 1 || len != DIGEST_LEN)
		return KB_EIO;
	return KB_OK;
}

enum kb_err digest_buf(struct digest *d, const void *buf, size_t len, uint8_t out[DIGEST_LEN])
{
	TRY(digest_begin(d));
	TRY(digest_add(d, buf, len));
	return digest_end(d, out);
}
