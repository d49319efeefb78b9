/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bundle/bundle_way.h"

#include "cli/bundle/bundle_output.h"
#include "cli/bundle/bundle_remake.h"
#include "lib/log.h"
#include "lib/util.h"

#include <string.h>
#include <unistd.h>

/* ---------------------------------------------------------------- one way */

static enum kb_err run_plain(struct bundle_delta *d, struct bundle_seed *seed)
{
	enum kb_err err = bundle_seed_index(seed);

	if (err != KB_OK)
		log_err("image %s: %s", d->source->path, err_text(err));
	TRY(err);
	d->seed = seed;
	bundle_source_rewind(d->source);
	return bundle_delta_run(d);
}

static enum kb_err run_remake(struct bundle_delta *d, const struct bundle_seed *seed, int fd,
			      const char *output)
{
	struct bundle_view view;
	enum kb_err err = bundle_view_open(&view, seed, fd, output, d->threads);

	d->seed = seed;
	if (err == KB_OK)
		err = bundle_remake_run(d, &view);
	else if (err != KB_EFORMAT)
		log_err("image %s: unpacking the older one failed: %s", d->source->path,
			err_text(err));
	bundle_view_close(&view);
	return err;
}

/* ---------------------------------------------------------------- the smaller of two */

/* Its results become those of `to`, whose payload gets what it has in a file of its own. */
static enum kb_err take_results(struct bundle_delta *to, struct bundle_delta *from)
{
	struct bundle_output payload = { .fd = to->payload_fd, .tmp = "payload" };

	to->records = from->records;
	from->records = (struct bundle_table){ 0 };
	to->payload_len = from->payload_len;
	to->forms = from->forms;
	memcpy(to->payload_digest, from->payload_digest, sizeof(to->payload_digest));
	memcpy(to->digest, from->digest, sizeof(to->digest));
	return bundle_output_copy(&payload, from->payload_fd, 0, from->payload_len);
}

static enum kb_err keep_smaller(struct bundle_delta *d, struct bundle_delta *plain,
				struct bundle_delta *remade, struct bundle_way *way)
{
	*way = (struct bundle_way){ .compared = true,
				    .remade = remade->payload_len < plain->payload_len,
				    .plain_len = plain->payload_len,
				    .remade_len = remade->payload_len };
	return take_results(d, way->remade ? remade : plain);
}

/* Each way is half of the work. */
struct half {
	const struct bundle_delta *d;
	uint64_t before;
};

static void tell_half(void *ctx, uint64_t done)
{
	const struct half *h = ctx;

	if (h->d->progress != NULL)
		h->d->progress(h->d->ctx, (h->before + done) / 2);
}

static void be_half(struct bundle_delta *d, struct half *h, int payload_fd)
{
	d->payload_fd = payload_fd;
	d->progress = tell_half;
	d->ctx = h;
}

/* One after the other: the memory of the first is free when the second begins. */
static enum kb_err run_both(struct bundle_delta *d, struct bundle_seed *seed, int fd,
			    const char *output, struct bundle_way *way)
{
	KB_CLEANUP_FD int plain_fd = -1;
	KB_CLEANUP_FD int remade_fd = -1;
	struct bundle_delta remade = *d, plain = *d;
	struct half first = { d, 0 }, second = { d, d->source->size };
	enum kb_err err;

	TRY(bundle_output_spool(output, &remade_fd));
	TRY(bundle_output_spool(output, &plain_fd));
	be_half(&remade, &first, remade_fd);
	be_half(&plain, &second, plain_fd);
	err = run_remake(&remade, seed, fd, output);
	if (err == KB_EFORMAT)
		err = run_plain(d, seed);
	else if (err == KB_OK && (err = run_plain(&plain, seed)) == KB_OK)
		err = keep_smaller(d, &plain, &remade, way);
	bundle_table_free(&remade.records);
	bundle_table_free(&plain.records);
	return err;
}

enum kb_err bundle_way_run(struct bundle_delta *d, struct bundle_seed *seed, int fd,
			   const char *output, struct bundle_way *way)
{
	*way = (struct bundle_way){ .compared = false };
	return output != NULL ? run_both(d, seed, fd, output, way) : run_plain(d, seed);
}
