/* SPDX-License-Identifier: Apache-2.0 */
/* What a PCR of a TPM will have once the boot has measured a slot into it. */
#pragma once

#include "lib/conf.h"
#include "selector/measured.h"
#include "update/crypto/digest.h"

#define MEASURE_PCR 13 /* where system.conf names none */

/* One release, as the boot describes it. */
struct measure_release {
	char compatible[CONF_NAME_MAX + 1];
	/* release, version and sequence */
	struct state_slot slot;
	/* of dm-verity; "" */
	char root[MEASURED_ROOT_MAX];
};

/* The text that is measured when it boots as that. */
size_t measure_value_text(char out[MEASURED_MAX], const struct measure_release *r,
			  const char *tier);

/* The value of a PCR of the SHA-256 bank that was all zeroes and got this text. KB_EIO: OpenSSL. */
enum kb_err measure_value_of(uint8_t value[DIGEST_LEN], const char *text, size_t len) KB_MUST_CHECK;
