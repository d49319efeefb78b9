/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a bundle may be signed and hashed with, and no other algorithm: this takes the place of the
 * default provider of OpenSSL, and of its lists of ciphers, digests and texts of errors. They drag
 * in all that OpenSSL can, a third of the helper. The code of the algorithms stays OpenSSL's.
 *
 * Its static library has these names, and its headers do not: where it has others, the Makefile
 * links the helper without this file. All that is defined here is weak, as in update/crypto/ossl.c.
 */
#include <openssl/core.h>
#include <openssl/core_dispatch.h>
#include <openssl/types.h>

#define IN_ITS_PLACE __attribute__((weak))
#define DEFAULT	     "provider=default"

extern const OSSL_DISPATCH ossl_sha256_functions[], ossl_sha512_functions[],
	ossl_ec_keymgmt_functions[], ossl_ecdsa_signature_functions[],
	ossl_ed25519_keymgmt_functions[], ossl_ed25519_signature_functions[];

/* The context that the functions above expect of their provider. */
struct prov_ctx_st;
struct prov_ctx_st *ossl_prov_ctx_new(void);
void ossl_prov_ctx_free(struct prov_ctx_st *ctx);
void ossl_prov_ctx_set0_libctx(struct prov_ctx_st *ctx, OSSL_LIB_CTX *lib);
void ossl_prov_ctx_set0_handle(struct prov_ctx_st *ctx, const OSSL_CORE_HANDLE *handle);

OSSL_provider_init_fn ossl_default_provider_init, ossl_base_provider_init, ossl_null_provider_init;
void openssl_add_all_ciphers_int(void);
void openssl_add_all_digests_int(void);
int ossl_err_load_crypto_strings(void);

/* libubootenv 0.3.5 has a second kind of configuration, in YAML. It is not read here, and libyaml
 * is left out. */
#define NO_YAML(name)               \
	int name(void);             \
	IN_ITS_PLACE int name(void) \
	{                           \
		return 0;           \
	}
NO_YAML(yaml_parser_initialize)
NO_YAML(yaml_parser_set_input_file)
NO_YAML(yaml_parser_parse)
NO_YAML(yaml_parser_delete)
NO_YAML(yaml_event_delete)

/* How OpenSSL 3.5 computes on the curve SM2, by a table of 512 KiB on AArch64: no key is of that
 * curve. */
const void *EC_GFp_sm2p256_method(void);
IN_ITS_PLACE const void *EC_GFp_sm2p256_method(void)
{
	return NULL;
}

/* Ed25519 hashes with SHA-512. */
static const OSSL_ALGORITHM digests[] = {
	{ "SHA2-256:SHA-256:SHA256:2.16.840.1.101.3.4.2.1", DEFAULT, ossl_sha256_functions, NULL },
	{ "SHA2-512:SHA-512:SHA512:2.16.840.1.101.3.4.2.3", DEFAULT, ossl_sha512_functions, NULL },
	{ NULL, NULL, NULL, NULL },
};

static const OSSL_ALGORITHM signatures[] = {
	{ "ED25519:1.3.101.112", DEFAULT, ossl_ed25519_signature_functions, NULL },
	{ "ECDSA", DEFAULT, ossl_ecdsa_signature_functions, NULL },
	{ NULL, NULL, NULL, NULL },
};

static const OSSL_ALGORITHM keys[] = {
	{ "ED25519:1.3.101.112", DEFAULT, ossl_ed25519_keymgmt_functions, NULL },
	{ "EC:id-ecPublicKey:1.2.840.10045.2.1", DEFAULT, ossl_ec_keymgmt_functions, NULL },
	{ NULL, NULL, NULL, NULL },
};

static const OSSL_ALGORITHM *query(void *ctx, int operation, int *no_cache)
{
	(void)ctx;
	*no_cache = 0;
	switch (operation) {
	case OSSL_OP_DIGEST:
		return digests;
	case OSSL_OP_SIGNATURE:
		return signatures;
	case OSSL_OP_KEYMGMT:
		return keys;
	default:
		return NULL;
	}
}

static void teardown(void *ctx)
{
	ossl_prov_ctx_free(ctx);
}

IN_ITS_PLACE int ossl_default_provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
					    const OSSL_DISPATCH **out, void **ctx)
{
	static const OSSL_DISPATCH provider[] = {
		{ OSSL_FUNC_PROVIDER_TEARDOWN, (void (*)(void))teardown },
		{ OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query },
		{ 0, NULL },
	};
	OSSL_FUNC_core_get_libctx_fn *libctx = NULL;

	for (; in->function_id != 0; in++) {
		if (in->function_id == OSSL_FUNC_CORE_GET_LIBCTX)
			libctx = OSSL_FUNC_core_get_libctx(in);
	}
	*ctx = libctx != NULL ? ossl_prov_ctx_new() : NULL;
	if (*ctx == NULL)
		return 0;
	ossl_prov_ctx_set0_libctx(*ctx, (OSSL_LIB_CTX *)libctx(handle));
	ossl_prov_ctx_set0_handle(*ctx, handle);
	*out = provider;
	return 1;
}

/* Nobody asks for the other two that are built in. The base one would bring each form of a key. */
IN_ITS_PLACE int ossl_base_provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
					 const OSSL_DISPATCH **out, void **ctx)
{
	(void)handle, (void)in, (void)out, (void)ctx;
	return 0;
}

IN_ITS_PLACE int ossl_null_provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
					 const OSSL_DISPATCH **out, void **ctx)
{
	(void)handle, (void)in, (void)out, (void)ctx;
	return 0;
}

IN_ITS_PLACE void openssl_add_all_ciphers_int(void)
{
}

IN_ITS_PLACE void openssl_add_all_digests_int(void)
{
}

IN_ITS_PLACE int ossl_err_load_crypto_strings(void)
{
	return 1;
}
