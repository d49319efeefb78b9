/* SPDX-License-Identifier: Apache-2.0 */
#include "update/bundle/payload_digest.h"

enum kb_err payload_digest_init(struct payload_digest *p)
{
	*p = (struct payload_digest){ 0 };
	TRY(digest_init(&p->list));
	TRY(digest_init(&p->block));
	return payload_digest_begin(p);
}

void payload_digest_free(struct payload_digest *p)
{
	digest_free(&p->list);
	digest_free(&p->block);
}

enum kb_err payload_digest_begin(struct payload_digest *p)
{
	p->filled = 0;
	TRY(digest_begin(&p->list));
	return digest_begin(&p->block);
}

static enum kb_err end_block(struct payload_digest *p)
{
	uint8_t hash[DIGEST_LEN];

	TRY(digest_end(&p->block, hash));
	TRY(digest_add(&p->list, hash, sizeof(hash)));
	p->filled = 0;
	return digest_begin(&p->block);
}

enum kb_err payload_digest_add(struct payload_digest *p, const void *buf, size_t len)
{
	const uint8_t *at = buf;

	while (len > 0) {
		size_t n = PAYLOAD_DIGEST_BLOCK - p->filled;

		n = len < n ? len : n;
		TRY(digest_add(&p->block, at, n));
		at += n;
		len -= n;
		p->filled += (uint32_t)n;
		if (p->filled == PAYLOAD_DIGEST_BLOCK)
			TRY(end_block(p));
	}
	return KB_OK;
}

enum kb_err payload_digest_end(struct payload_digest *p, uint8_t out[DIGEST_LEN])
{
	if (p->filled > 0)
		TRY(end_block(p));
	return digest_end(&p->list, out);
}
