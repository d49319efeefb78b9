/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bundle/bundle_put.h"

#include "cli/bundle/bundle_output.h"
#include "update/decoder/decoder_patch.h"

#include <stdlib.h>
#include <string.h>

enum kb_err bundle_put_begin(struct bundle_put *p, struct bundle_delta *d)
{
	p->d = d;
	p->off = 0;
	p->reported = false;
	/* bound: a chunk */
	p->check = malloc(MANIFEST_CHUNK_MAX);
	if (p->check == NULL)
		return KB_ENOMEM;
	TRY(payload_digest_init(&p->payload));
	TRY(bundle_hasher_init(&p->hasher));
	TRY(digest_init(&p->whole));
	TRY(digest_begin(&p->whole));
	return decoder_patch_init();
}

void bundle_put_free(struct bundle_put *p)
{
	payload_digest_free(&p->payload);
	bundle_hasher_free(&p->hasher);
	digest_free(&p->whole);
	free(p->check);
	p->check = NULL;
}

static enum kb_err check_made(struct bundle_put *p, const struct bundle_stored *s,
			      const uint8_t *plain, uint32_t len)
{
	const struct delta_seed seed = { .size = p->d->seed->size,
					 .read = bundle_seed_read,
					 .ctx = (void *)(uintptr_t)p->d->seed };

	if (s->form == READER_COPY)
		TRY(decoder_patch_copy(p->check, len, p->off, s->p, s->len, &seed));
	else if (s->form == READER_PATCH)
		TRY(decoder_patch(p->check, len, p->off, s->p, s->len, &seed));
	else
		return KB_OK;
	return memcmp(p->check, plain, len) == 0 ? KB_OK : KB_EDIGEST;
}

static enum kb_err add_to_image(struct bundle_put *p, const uint8_t *plain, uint32_t len)
{
	uint8_t hash[DIGEST_LEN], blocks[MANIFEST_CHUNK_MAX / MANIFEST_DIGEST_BLOCK * DIGEST_LEN];
	size_t n = 0;

	TRY(bundle_hash(&p->hasher, plain, len, hash, blocks, &n));
	return digest_add(&p->whole, blocks, n);
}

enum kb_err bundle_put_chunk(struct bundle_put *p, const struct bundle_stored *s,
			     const uint8_t *plain, uint32_t len)
{
	struct bundle_delta *d = p->d;

	TRY(check_made(p, s, plain, len));
	TRY(add_to_image(p, s->form == READER_ZERO ? NULL : plain, len));
	TRY(bundle_table_record(&d->records, (uint32_t)(p->off / d->chunk), d->payload_len, s->form,
				s->len));
	TRY(payload_digest_add(&p->payload, s->p, s->len));
	p->reported = true;
	TRY(bundle_output_append(d->payload_fd, s->p, s->len));
	p->reported = false;
	d->payload_len += s->len;
	d->forms |= MANIFEST_FORM(s->form);
	p->off += len;
	if (d->progress != NULL)
		d->progress(d->ctx, p->off);
	return KB_OK;
}

enum kb_err bundle_put_end(struct bundle_put *p)
{
	TRY(digest_end(&p->whole, p->d->digest));
	return payload_digest_end(&p->payload, p->d->payload_digest);
}
