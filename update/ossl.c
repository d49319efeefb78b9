/* SPDX-License-Identifier: Apache-2.0 */
#include "update/ossl.h"

#include <openssl/crypto.h>

bool ossl_alone(void)
{
	return OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) == 1;
}

/*
 * OpenSSL's clean-up at the end of a process names these three. Each would bring a compressor
 * along: 0.5 MB of zstd's alone, and nothing here compresses through OpenSSL. They are weak: where
 * something does, OpenSSL's own come in their place.
 */
void ossl_comp_zlib_cleanup(void);
void ossl_comp_zstd_cleanup(void);
void ossl_comp_brotli_cleanup(void);

__attribute__((weak)) void ossl_comp_zlib_cleanup(void)
{
}

__attribute__((weak)) void ossl_comp_zstd_cleanup(void)
{
}

__attribute__((weak)) void ossl_comp_brotli_cleanup(void)
{
}
