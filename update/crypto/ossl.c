/* SPDX-License-Identifier: Apache-2.0 */
#include "update/crypto/ossl.h"

#include <openssl/crypto.h>
#include <stdlib.h>

bool ossl_alone(void)
{
	return OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) == 1;
}

/*
 * What OpenSSL brings along and nothing here uses. Each is weak: where something else of its file
 * is asked for, OpenSSL's own come in the place of all of them.
 */
#define UNUSED __attribute__((weak))

/* Its clean-up names these three. Each would bring a compressor: 0.5 MB of zstd's alone. */
void ossl_comp_zlib_cleanup(void);
void ossl_comp_zstd_cleanup(void);
void ossl_comp_brotli_cleanup(void);

UNUSED void ossl_comp_zlib_cleanup(void)
{
}

UNUSED void ossl_comp_zstd_cleanup(void)
{
}

UNUSED void ossl_comp_brotli_cleanup(void)
{
}

/* The list of compressors for TLS, with zlib (0.1 MB) in it. An empty one is allowed. */
void *ossl_load_builtin_compressions(void);
void ossl_free_compression_methods_int(void *methods);

UNUSED void *ossl_load_builtin_compressions(void)
{
	return NULL;
}

UNUSED void ossl_free_compression_methods_int(void *methods)
{
	(void)methods;
}

/*
 * AES-GCM a second time, for processors with AVX-512: 0.7 MB. The first function says whether the
 * processor can do it; with no as its answer OpenSSL takes its other AES-GCM, and calls none of the
 * rest.
 */
int ossl_vaes_vpclmulqdq_capable(void);

UNUSED int ossl_vaes_vpclmulqdq_capable(void)
{
	return 0;
}

#define NEVER_CALLED(name)     \
	void name(void);       \
	UNUSED void name(void) \
	{                      \
		abort();       \
	}

NEVER_CALLED(ossl_aes_gcm_init_avx512)
NEVER_CALLED(ossl_aes_gcm_setiv_avx512)
NEVER_CALLED(ossl_aes_gcm_update_aad_avx512)
NEVER_CALLED(ossl_aes_gcm_encrypt_avx512)
NEVER_CALLED(ossl_aes_gcm_decrypt_avx512)
NEVER_CALLED(ossl_aes_gcm_finalize_avx512)
NEVER_CALLED(ossl_gcm_gmult_avx512)
