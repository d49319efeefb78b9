/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bundle/bundle_way.h"

#include "cli/bundle/bundle_remake.h"
#include "lib/log.h"

static enum kb_err run_remake(struct bundle_delta *d, const struct bundle_seed *seed, int fd,
			      const char *output)
{
	struct bundle_view view;
	enum kb_err err = bundle_view_open(&view, seed, fd, output, d->threads);

	if (err == KB_OK)
		err = bundle_remake_run(d, &view);
	else if (err != KB_EFORMAT)
		log_err("image %s: unpacking the older one failed: %s", d->source->path,
			err_text(err));
	bundle_view_close(&view);
	return err;
}

enum kb_err bundle_way_run(struct bundle_delta *d, struct bundle_seed *seed, int fd,
			   const char *output)
{
	enum kb_err err = KB_EFORMAT;

	d->seed = seed;
	if (output != NULL)
		err = run_remake(d, seed, fd, output);
	if (err != KB_EFORMAT)
		return err;
	err = bundle_seed_index(seed);
	if (err != KB_OK)
		log_err("image %s: %s", d->source->path, err_text(err));
	TRY(err);
	bundle_source_rewind(d->source);
	return bundle_delta_run(d);
}
