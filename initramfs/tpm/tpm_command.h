/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two commands of TPM 2.0, and their answers, as bytes ("TPM 2.0 Library, Part 3"). The TPM hashes
 * what is measured, so nothing here does. PURE: an answer may be anything.
 */
#pragma once

#include "lib/err.h"

#include <stddef.h>
#include <stdint.h>

#define TPM_EVENT_MAX	1024 /* bytes that one command can measure */
#define TPM_COMMAND_MAX (TPM_EVENT_MAX + 32)
#define TPM_ANSWER_MAX	4096
#define TPM_BANKS_MAX	8
#define TPM_DIGEST_MAX	64
#define TPM_PCR_MAX	23

#define TPM_RC_SUCCESS 0u
#define TPM_RC_RETRY   0x922u
#define TPM_RC_YIELDED 0x908u
#define TPM_RC_TESTING 0x90au

/* The numbers of algorithms, in some order; with digests or without. */
struct tpm_banks {
	unsigned n;
	struct tpm_bank {
		uint16_t algorithm;
		uint8_t digest[TPM_DIGEST_MAX];
	} bank[TPM_BANKS_MAX];
};

/* Bytes of its digests; 0: not known. */
size_t tpm_command_digest_len(uint16_t algorithm);

/* "sha256"; "" for one that is not known. */
const char *tpm_command_algorithm(uint16_t algorithm);

/* NULL: it is not among them. */
const struct tpm_bank *tpm_command_find(const struct tpm_banks *b, uint16_t algorithm);

/* TPM2_PCR_Event: hashes text, and extends that PCR in each bank. len at most TPM_EVENT_MAX.
 * Returns the length of the command. */
size_t tpm_command_event(uint8_t out[TPM_COMMAND_MAX], unsigned pcr, const void *text, size_t len);

/* TPM2_GetCapability of the banks. */
size_t tpm_command_banks(uint8_t out[TPM_COMMAND_MAX]);

/*
 * The digests that extended a PCR. KB_EFORMAT: not an answer to that command. KB_EIO: *rc is the
 * TPM's error. All else is untouched then.
 */
enum kb_err tpm_command_read_event(const uint8_t *in, size_t len, uint32_t *rc,
				   struct tpm_banks *digests) KB_MUST_CHECK;

/* The banks that are in use, and have the PCR. The same errors; KB_ENOSPC: more than
 * TPM_BANKS_MAX. */
enum kb_err tpm_command_read_banks(const uint8_t *in, size_t len, unsigned pcr, uint32_t *rc,
				   struct tpm_banks *active) KB_MUST_CHECK;
