/* SPDX-License-Identifier: Apache-2.0 */
/* What was measured, as "TCG PC Client Platform Firmware Profile" has its log: tpm2_eventlog and
 * verifiers read it. PURE. */
#pragma once

#include "initramfs/tpm/tpm_command.h"

#define TPM_LOG_HEADER_MAX (32 + 29 + 4 * TPM_BANKS_MAX)
#define TPM_LOG_EVENT_MAX  (16 + TPM_BANKS_MAX * (2 + TPM_DIGEST_MAX) + TPM_EVENT_MAX)

/* The first entry, "Spec ID Event03": which banks all others have. Returns its length. */
size_t tpm_log_header(uint8_t out[TPM_LOG_HEADER_MAX], const struct tpm_banks *b);

/* One TCG_PCR_EVENT2. len at most TPM_EVENT_MAX. */
size_t tpm_log_event(uint8_t out[TPM_LOG_EVENT_MAX], unsigned pcr, const struct tpm_banks *digests,
		     const void *text, size_t len);
