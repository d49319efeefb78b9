/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keelboot-tpm: what process 1 must not wait for, since a TPM may answer late or never.
 *
 *	keelboot-tpm look PCR          the banks that have it: "sha1,sha256"
 *	keelboot-tpm check PCR         the same, and TPM_FAILED where nothing has extended it
 *	keelboot-tpm measure PCR TEXT  extends it in all of them by TEXT, and adds that to TPM_LOG
 *
 * One line on standard output, the banks or what failed, and enum tpm_end.
 */
#pragma once

int tpm_main(int argc, char **argv);
