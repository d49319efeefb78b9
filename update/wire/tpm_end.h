/* SPDX-License-Identifier: Apache-2.0 */
/* How keelboot-tpm ends, for process 1; its first line has the banks, or what failed. */
#pragma once

enum tpm_end {
	TPM_DONE = 0,
	TPM_FAILED = 1, /* it answers with an error, with garbage, or has no bank with this PCR */
	TPM_NONE = 2,	/* there is none */
	TPM_USAGE = 3,
};

#define TPM_LOG \
	"/run/keelboot/tpm2_eventlog" /* what was measured: TCG's format, for tpm2_eventlog */
