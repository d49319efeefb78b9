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
	return decoder_patch_init();
}

void bundle_put_free(struct bundle_put *p)
{
	payload_digest_free(&p->payload);
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

enum kb_err bundle_put_chunk(struct bundle_put *p, const struct bundle_stored *s,
			     const uint8_t *plain, uint32_t len)
{
	struct bundle_delta *d = p->d;

	TRY(check_made(p, s, plain, len));
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
	return payload_digest_end(&p->payload, p->d->payload_digest);
}
