/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/measure/measure_value.h"

#include <string.h>

size_t measure_value_text(char out[MEASURED_MAX], const struct measure_release *r, const char *tier)
{
	const struct measured m = {
		.compatible = r->compatible, .slot = &r->slot, .root = r->root, .tier = tier
	};

	return measured_text(out, &m);
}

/* As TPM2_PCR_Event: the digest of the text extends it. */
static enum kb_err extend(struct digest *d, uint8_t value[DIGEST_LEN], const char *text, size_t len)
{
	uint8_t both[2 * DIGEST_LEN] = { 0 };

	TRY(digest_buf(d, text, len, both + DIGEST_LEN));
	return digest_buf(d, both, sizeof(both), value);
}

enum kb_err measure_value_of(uint8_t value[DIGEST_LEN], const char *text, size_t len)
{
	struct digest d;
	enum kb_err err;

	TRY(digest_init(&d));
	err = extend(&d, value, text, len);
	digest_free(&d);
	return err;
}
