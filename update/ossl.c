/* SPDX-License-Identifier: Apache-2.0 */
#include "update/ossl.h"

#include <openssl/crypto.h>

bool ossl_alone(void)
{
	return OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) == 1;
}

/*
 * OpenSSL's clean-up at the end of a process names these two. Each would bring a whole compressor
 * along, zlib's and zstd's: 0.6 MB that nothing here calls. Where something does call them,
 * OpenSSL's own come in place of these, which are weak.
 */
void ossl_comp_zlib_cleanup(void);
void ossl_comp_zstd_cleanup(void);

__attribute__((weak)) void ossl_comp_zlib_cleanup(void)
{
}

__attribute__((weak)) void ossl_comp_zstd_cleanup(void)
{
}
