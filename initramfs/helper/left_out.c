/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What OpenSSL and zstd bring into the helper and nothing in it reaches: as in algorithms.c, each
 * is weak, and where something else of its file is asked for, theirs come in the place of all.
 */
#include <stddef.h>

#define IN_ITS_PLACE __attribute__((weak))

/* Whatever it takes: it answers NULL, or 0, which are "no" and "failed". */
#define NONE(name)                          \
	const void *name(void);             \
	IN_ITS_PLACE const void *name(void) \
	{                                   \
		return NULL;                \
	}

/* Curves by code and tables of their own: P-256's table alone is 150 KB, and packs to as much. What
 * computes on any curve takes a quarter of a millisecond more for a signature
 * (docs/decisions/0114). */
const void *EC_GFp_mont_method(void);
#define AS_ANY_CURVE(method)                  \
	const void *method(void);             \
	IN_ITS_PLACE const void *method(void) \
	{                                     \
		return EC_GFp_mont_method();  \
	}
AS_ANY_CURVE(EC_GFp_nistz256_method)
NONE(EC_nistz256_pre_comp_dup)
NONE(EC_nistz256_pre_comp_free)
AS_ANY_CURVE(EC_GFp_nistp224_method)
NONE(EC_nistp224_pre_comp_dup)
NONE(EC_nistp224_pre_comp_free)
AS_ANY_CURVE(EC_GFp_nistp521_method)
NONE(EC_nistp521_pre_comp_dup)
NONE(EC_nistp521_pre_comp_free)
AS_ANY_CURVE(ossl_ec_GFp_nistp384_method)
NONE(ossl_ec_nistp384_pre_comp_dup)
NONE(ossl_ec_nistp384_pre_comp_free)
/* Its method stays: where there is no code for P-256, it is all there is. */
NONE(EC_nistp256_pre_comp_dup)
NONE(EC_nistp256_pre_comp_free)
NONE(EC_GF2m_simple_method)
NONE(ossl_ec_GF2m_simple_oct2point)
NONE(ossl_ec_GF2m_simple_point2oct)
NONE(ossl_ec_GF2m_simple_set_compressed_coordinates)

/* Curve 448, beside 25519. */
NONE(ossl_ed448_public_from_private)
NONE(ossl_ed448_sign)
NONE(ossl_ed448_verify)
NONE(ossl_x448)
NONE(ossl_x448_public_from_private)

/* How RSA computes with keys of 512 to 4096 bits. */
NONE(rsaz_avx2_eligible)
NONE(ossl_rsaz_avxifma_eligible)
NONE(RSAZ_512_mod_exp)
NONE(RSAZ_1024_mod_exp_avx2)
NONE(ossl_rsaz_avx512ifma_eligible)
NONE(ossl_rsaz_mod_exp_avx512_x2)

/* Engines, SHA-1, and the texts of TLS's errors. */
NONE(engine_load_afalg_int)
NONE(engine_load_dynamic_int)
NONE(engine_load_openssl_int)
NONE(engine_load_padlock_int)
NONE(engine_load_rdrand_int)
NONE(ossl_err_load_SSL_strings)
NONE(SHA1_Init)
NONE(SHA1_Update)
NONE(SHA1_Final)
NONE(ossl_sha1_ctrl)

/* Sockets and HTTP, with the C library's search for names of hosts. */
extern void *bio_lookup_lock;
IN_ITS_PLACE void *bio_lookup_lock = NULL;
NONE(bio_sock_cleanup_int)
NONE(BIO_socket_wait)
NONE(OSSL_HTTP_get)
NONE(OSSL_CMP_log_close)

/* Keys of RSA and of Diffie-Hellman, whose named groups are large numbers, and what agrees on keys.
 */
NONE(RSA_PKCS1_OpenSSL)
NONE(RSA_get_default_method)
NONE(ossl_ffc_name_to_dh_named_group)
NONE(ossl_ffc_named_group_get_keylength)
NONE(ossl_ffc_named_group_get_name)
NONE(ossl_ffc_named_group_get_q)
NONE(ossl_ffc_named_group_get_uid)
NONE(ossl_ffc_named_group_set)
NONE(ossl_ffc_numbers_to_dh_named_group)
NONE(ossl_ffc_uid_to_dh_named_group)
NONE(ossl_ec_dhkem_derive_private)
NONE(ossl_ecx_dhkem_derive_private)

/* Orders to a key as OpenSSL took them before 3.0. */
NONE(evp_pkey_ctx_ctrl_str_to_param)
NONE(evp_pkey_ctx_ctrl_to_param)
NONE(evp_pkey_ctx_get_params_to_ctrl)
NONE(evp_pkey_ctx_set_params_to_ctrl)
NONE(evp_pkey_get_params_to_ctrl)

/* Passphrases' keys, PEM, and files of configuration: the keyring reads keys itself, and no file of
 * OpenSSL's is read. */
NONE(EVP_PBE_cleanup)
NONE(ossl_pw_clear_passphrase_cache)
NONE(ossl_pw_clear_passphrase_data)
NONE(ossl_pw_enable_passphrase_caching)
NONE(ossl_pw_get_passphrase)
NONE(ossl_pw_get_password)
NONE(ossl_pw_passphrase_callback_dec)
NONE(ossl_pw_passphrase_callback_enc)
NONE(ossl_pw_pem_password)
NONE(ossl_pw_pvk_password)
NONE(ossl_pw_set_ossl_passphrase_cb)
NONE(ossl_pw_set_passphrase)
NONE(ossl_pw_set_pem_password_cb)
NONE(ossl_pw_set_ui_method)
NONE(PEM_ASN1_read)
NONE(PEM_ASN1_write)
NONE(PEM_ASN1_write_bio)
NONE(PEM_bytes_read_bio)
NONE(PEM_def_callback)
NONE(CONF_get_section)
NONE(CONF_get_string)
NONE(CONF_imodule_get_value)
NONE(CONF_module_add)
/* ossl_alone() asks for none: who did not call it gets no algorithm at all. */
NONE(CONF_modules_load_file_ex)
NONE(CONF_parse_list)
NONE(CONF_set_nconf)
NONE(NCONF_default)
NONE(NCONF_free)
NONE(NCONF_get0_libctx)
NONE(NCONF_get_section)
NONE(NCONF_get_string)
NONE(NCONF_new)
NONE(OPENSSL_load_builtin_modules)
NONE(ossl_config_modules_free)

/* To verify certificates and messages, and what is in them. */
NONE(X509_signature_dump)
NONE(X509_CINF_it)
NONE(X509_free)
NONE(X509_get0_signature)
NONE(X509_get_signature_nid)
NONE(X509_it)
NONE(ossl_x509_set0_libctx)
NONE(X509_check_purpose)
NONE(X509_CRL_digest)
NONE(X509_REQ_sign)
NONE(X509_digest)
NONE(PKCS7_dataFinal)
NONE(PKCS7_dataInit)
NONE(PKCS7_get_octet_string)
NONE(X509_STORE_CTX_get0_parent_ctx)
NONE(X509_STORE_CTX_get0_untrusted)
NONE(X509_STORE_CTX_get_current_cert)
NONE(X509_STORE_CTX_get_error)
NONE(X509_STORE_CTX_get_error_depth)
NONE(X509_cmp_current_time)
NONE(X509_self_signed)
NONE(ossl_x509_check_cert_time)
NONE(X509V3_EXT_d2i)
NONE(X509V3_EXT_get)
NONE(X509V3_EXT_get_nid)
NONE(X509V3_add1_i2d)
NONE(X509V3_add_value_bool)
NONE(X509V3_add_value_int)
NONE(X509V3_get_value_bool)
NONE(X509V3_get_value_int)
NONE(i2s_ASN1_INTEGER)
NONE(ossl_bio_print_hex)
NONE(X509V3_get_d2i)

/* Frames as zstd wrote them before 2016: each is damaged. */
#define DAMAGED ((size_t)-1)
#define REFUSES(name)                  \
	size_t name(void);             \
	IN_ITS_PLACE size_t name(void) \
	{                              \
		return DAMAGED;        \
	}
#define NO_FRAMES(v)                                                                      \
	NONE(ZBUFF##v##_createDCtx)                                                       \
	NONE(ZBUFF##v##_freeDCtx)                                                         \
	REFUSES(ZBUFF##v##_decompressContinue)                                            \
	REFUSES(ZBUFF##v##_decompressInitDictionary)                                      \
	NONE(ZSTD##v##_createDCtx)                                                        \
	NONE(ZSTD##v##_freeDCtx)                                                          \
	REFUSES(ZSTD##v##_decompress_usingDict)                                           \
	REFUSES(ZSTD##v##_getFrameParams)                                                 \
	void ZSTD##v##_findFrameSizeInfoLegacy(const void *src, size_t len, size_t *size, \
					       unsigned long long *plain);                \
	IN_ITS_PLACE void ZSTD##v##_findFrameSizeInfoLegacy(                              \
		const void *src, size_t len, size_t *size, unsigned long long *plain)     \
	{                                                                                 \
		(void)src, (void)len;                                                     \
		*size = DAMAGED;                                                          \
		*plain = 0;                                                               \
	}
NO_FRAMES(v05)
NO_FRAMES(v06)
NO_FRAMES(v07)
