/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/tpm/tpm_log.h"

#include "lib/bytes.h"

#include <string.h>

#define EV_NO_ACTION 3
#define EV_IPL	     13 /* what boot loaders use for what they start */
#define SHA1_LEN     20
#define SIGNATURE    "Spec ID Event03"

static uint8_t *put16(uint8_t *at, uint16_t v)
{
	bytes_put16(at, v);
	return at + 2;
}

static uint8_t *put32(uint8_t *at, uint32_t v)
{
	bytes_put32(at, v);
	return at + 4;
}

size_t tpm_log_header(uint8_t out[TPM_LOG_HEADER_MAX], const struct tpm_banks *b)
{
	static const uint8_t version[] = { 0, 0, 0, 0, /* platform: client */
					   0, 2, 0,    /* 2.0 */
					   2 };	       /* sizes are of 64 bits */
	uint8_t *at = put32(out, 0);

	at = put32(at, EV_NO_ACTION);
	memset(at, 0, SHA1_LEN);
	at = put32(at + SHA1_LEN,
		   (uint32_t)(sizeof(SIGNATURE) + sizeof(version) + 4 + 4 * b->n + 1));
	memcpy(at, SIGNATURE, sizeof(SIGNATURE));
	at += sizeof(SIGNATURE);
	memcpy(at, version, sizeof(version));
	at = put32(at + sizeof(version), b->n);
	for (unsigned i = 0; i < b->n; i++) {
		at = put16(at, b->bank[i].algorithm);
		at = put16(at, (uint16_t)tpm_command_digest_len(b->bank[i].algorithm));
	}
	*at++ = 0; /* bytes of the vendor's */
	return (size_t)(at - out);
}

size_t tpm_log_event(uint8_t out[TPM_LOG_EVENT_MAX], unsigned pcr, const struct tpm_banks *digests,
		     const void *text, size_t len)
{
	uint8_t *at = put32(out, pcr);

	at = put32(at, EV_IPL);
	at = put32(at, digests->n);
	for (unsigned i = 0; i < digests->n; i++) {
		size_t size = tpm_command_digest_len(digests->bank[i].algorithm);

		at = put16(at, digests->bank[i].algorithm);
		memcpy(at, digests->bank[i].digest, size);
		at += size;
	}
	at = put32(at, (uint32_t)len);
	memcpy(at, text, len);
	return (size_t)(at - out) + len;
}
