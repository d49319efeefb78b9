/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/tpm/tpm_command.h"

#include "lib/util.h"

#include <stdbool.h>
#include <string.h>

#define ST_NO_SESSIONS 0x8001
#define ST_SESSIONS    0x8002
#define CC_EVENT       0x13c
#define CC_CAPABILITY  0x17a
#define CAP_PCRS       5
#define RS_PASSWORD    0x40000009

static const struct {
	uint16_t id;
	uint8_t len;
	char name[9];
} algorithms[] = {
	{ 0x0004, 20, "sha1" },	    { 0x000b, 32, "sha256" },	{ 0x000c, 48, "sha384" },
	{ 0x000d, 64, "sha512" },   { 0x0012, 32, "sm3_256" },	{ 0x0027, 32, "sha3_256" },
	{ 0x0028, 48, "sha3_384" }, { 0x0029, 64, "sha3_512" },
};

size_t tpm_command_digest_len(uint16_t algorithm)
{
	for (unsigned i = 0; i < KB_ARRAY_LEN(algorithms); i++)
		if (algorithms[i].id == algorithm)
			return algorithms[i].len;
	return 0;
}

const char *tpm_command_algorithm(uint16_t algorithm)
{
	for (unsigned i = 0; i < KB_ARRAY_LEN(algorithms); i++)
		if (algorithms[i].id == algorithm)
			return algorithms[i].name;
	return "";
}

const struct tpm_bank *tpm_command_find(const struct tpm_banks *b, uint16_t algorithm)
{
	for (unsigned i = 0; i < b->n; i++)
		if (b->bank[i].algorithm == algorithm)
			return &b->bank[i];
	return NULL;
}

/* ---------------------------------------------------------------- commands: big-endian */

static uint8_t *put(uint8_t *at, uint32_t value, unsigned bytes)
{
	while (bytes-- > 0)
		*at++ = (uint8_t)(value >> 8 * bytes);
	return at;
}

static uint8_t *begin(uint8_t *out, uint16_t tag, uint32_t code)
{
	put(out, tag, 2);
	return put(out + 6, code, 4);
}

static size_t end(uint8_t *out, const uint8_t *at)
{
	size_t len = (size_t)(at - out);

	put(out + 2, (uint32_t)len, 4);
	return len;
}

size_t tpm_command_event(uint8_t out[TPM_COMMAND_MAX], unsigned pcr, const void *text, size_t len)
{
	uint8_t *at = begin(out, ST_SESSIONS, CC_EVENT);

	at = put(at, pcr, 4);
	at = put(at, 9,
		 4); /* bytes of the authorization: the password that a PCR has, which is empty */
	at = put(at, RS_PASSWORD, 4);
	at = put(at, 0, 2);
	at = put(at, 0, 1);
	at = put(at, 0, 2);
	at = put(at, (uint32_t)len, 2);
	memcpy(at, text, len);
	return end(out, at + len);
}

size_t tpm_command_banks(uint8_t out[TPM_COMMAND_MAX])
{
	uint8_t *at = begin(out, ST_NO_SESSIONS, CC_CAPABILITY);

	at = put(at, CAP_PCRS, 4);
	at = put(at, 0, 4);
	at = put(at, 1, 4);
	return end(out, at);
}

/* ---------------------------------------------------------------- answers */

struct answer {
	const uint8_t *at;
	size_t left;
	/* it ended too early */
	bool bad;
};

static const uint8_t *take(struct answer *a, size_t len)
{
	const uint8_t *at = a->at;

	if (a->bad || len > a->left) {
		a->bad = true;
		return NULL;
	}
	a->at += len;
	a->left -= len;
	return at;
}

static uint32_t take_number(struct answer *a, unsigned bytes)
{
	const uint8_t *at = take(a, bytes);
	uint32_t value = 0;

	for (unsigned i = 0; at != NULL && i < bytes; i++)
		value = value << 8 | at[i];
	return value;
}

/* An error has the tag of an answer without sessions, or of a TPM 1.2. */
static enum kb_err take_head(struct answer *a, const uint8_t *in, size_t len, uint16_t tag,
			     uint32_t *rc)
{
	uint32_t found, size, code;

	*a = (struct answer){ .at = in, .left = len };
	found = take_number(a, 2);
	size = take_number(a, 4);
	code = take_number(a, 4);
	if (a->bad || size != len)
		return KB_EFORMAT;
	if (code != TPM_RC_SUCCESS) {
		*rc = code;
		return KB_EIO;
	}
	return found == tag ? KB_OK : KB_EFORMAT;
}

static enum kb_err take_digest(struct answer *a, struct tpm_banks *d)
{
	uint16_t algorithm = (uint16_t)take_number(a, 2);
	size_t len = tpm_command_digest_len(algorithm);
	const uint8_t *digest = take(a, len);

	if (len == 0 || digest == NULL || tpm_command_find(d, algorithm) != NULL)
		return KB_EFORMAT;
	d->bank[d->n].algorithm = algorithm;
	memcpy(d->bank[d->n++].digest, digest, len);
	return KB_OK;
}

enum kb_err tpm_command_read_event(const uint8_t *in, size_t len, uint32_t *rc,
				   struct tpm_banks *digests)
{
	struct tpm_banks found = { .n = 0 };
	struct answer a;
	uint32_t parameters, count;

	TRY(take_head(&a, in, len, ST_SESSIONS, rc));
	parameters = take_number(&a, 4);
	if (a.bad || parameters > a.left)
		return KB_EFORMAT;
	a.left = parameters; /* what is behind them answers the authorization */
	count = take_number(&a, 4);
	if (a.bad || count > TPM_BANKS_MAX)
		return KB_EFORMAT;
	while (count-- > 0)
		TRY(take_digest(&a, &found));
	if (a.left != 0)
		return KB_EFORMAT;
	*digests = found;
	return KB_OK;
}

/* One bank: which of its PCRs are in use. */
static enum kb_err take_selection(struct answer *a, unsigned pcr, struct tpm_banks *b)
{
	uint16_t algorithm = (uint16_t)take_number(a, 2);
	size_t len = take_number(a, 1);
	const uint8_t *mask = take(a, len);

	if (mask == NULL)
		return KB_EFORMAT;
	if (pcr / 8 >= len || (mask[pcr / 8] >> pcr % 8 & 1) == 0)
		return KB_OK;
	if (b->n == TPM_BANKS_MAX)
		return KB_ENOSPC;
	if (tpm_command_find(b, algorithm) != NULL)
		return KB_EFORMAT;
	b->bank[b->n++].algorithm = algorithm;
	return KB_OK;
}

enum kb_err tpm_command_read_banks(const uint8_t *in, size_t len, unsigned pcr, uint32_t *rc,
				   struct tpm_banks *active)
{
	struct tpm_banks found = { .n = 0 };
	struct answer a;
	uint32_t count;

	TRY(take_head(&a, in, len, ST_NO_SESSIONS, rc));
	take(&a, 1); /* there is more: banks come in one answer */
	if (take_number(&a, 4) != CAP_PCRS)
		return KB_EFORMAT;
	for (count = take_number(&a, 4); count > 0; count--)
		TRY(take_selection(&a, pcr, &found));
	if (a.bad || a.left != 0)
		return KB_EFORMAT;
	*active = found;
	return KB_OK;
}
