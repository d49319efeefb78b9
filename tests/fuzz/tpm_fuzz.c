/* SPDX-License-Identifier: Apache-2.0 */
/* What a TPM answers: the first byte says to which command, and of which PCR. What is accepted goes
 * into a log, which has its length. */
#include "initramfs/tpm/tpm_log.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

static uint8_t out[TPM_LOG_EVENT_MAX];

static void check_commands(const struct fuzz_in *in, unsigned pcr)
{
	static uint8_t command[TPM_COMMAND_MAX];
	size_t len = in->left < TPM_EVENT_MAX ? in->left : TPM_EVENT_MAX;

	FUZZ_CHECK(tpm_command_banks(command) == 22 && command[5] == 22);
	FUZZ_CHECK(tpm_command_event(command, pcr, in->p, len) == 29 + len);
	FUZZ_CHECK(memcmp(command + 29, in->p, len) == 0);
}

static void check_banks(const struct tpm_banks *b, bool digests)
{
	FUZZ_CHECK(b->n <= TPM_BANKS_MAX);
	for (unsigned i = 0; i < b->n; i++) {
		FUZZ_CHECK(tpm_command_find(b, b->bank[i].algorithm) == &b->bank[i]);
		FUZZ_CHECK(!digests || tpm_command_digest_len(b->bank[i].algorithm) > 0);
		FUZZ_CHECK(strlen(tpm_command_algorithm(b->bank[i].algorithm)) < 9);
	}
	if (!digests)
		return;
	FUZZ_CHECK(tpm_log_header(out, b) == 61 + 4 * b->n);
	FUZZ_CHECK(tpm_log_event(out, 13, b, "text", 4) <= sizeof(out));
}

void fuzz_one(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	uint8_t what = fuzz_u8(&in);
	uint8_t *copy = malloc(in.left + 1);
	struct tpm_banks b = { .n = 0 };
	uint32_t rc = TPM_RC_SUCCESS;
	enum kb_err err;

	check_commands(&in, what % (TPM_PCR_MAX + 1));
	memcpy(copy, in.p, in.left);
	/* Half of them get the length that they have. */
	if (what & 0x40 && in.left >= 6) {
		copy[2] = copy[3] = 0;
		copy[4] = (uint8_t)(in.left >> 8);
		copy[5] = (uint8_t)in.left;
	}
	if (what & 0x80)
		err = tpm_command_read_event(copy, in.left, &rc, &b);
	else
		err = tpm_command_read_banks(copy, in.left, what % (TPM_PCR_MAX + 1), &rc, &b);
	FUZZ_CHECK((err == KB_EIO) == (rc != TPM_RC_SUCCESS));
	FUZZ_CHECK(err == KB_OK || b.n == 0);
	check_banks(&b, what & 0x80);
	free(copy);
}
