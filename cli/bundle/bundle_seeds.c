/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bundle/bundle_seeds.h"

#include "cli/bundle/bundle_old.h"
#include "cli/bundle/bundle_output.h"
#include "lib/log.h"
#include "lib/util.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Images are large: beside the bundle there is room for one, if that folder can be written to. */
static void choose_place(char place[BUNDLE_OUTPUT_PATH], const char *bundle)
{
	const char *tmp = getenv("TMPDIR"), *slash = strrchr(bundle, '/');
	char dir[BUNDLE_OUTPUT_PATH];

	snprintf(dir, sizeof(dir), "%.*s", slash != NULL ? (int)(slash - bundle) + 1 : 2,
		 slash != NULL ? bundle : "./");
	if (tmp == NULL && access(dir, W_OK) == 0)
		snprintf(place, BUNDLE_OUTPUT_PATH, "%s", bundle);
	else
		snprintf(place, BUNDLE_OUTPUT_PATH, "%s/", tmp != NULL ? tmp : "/var/tmp");
}

static enum kb_err open_older(struct bundle_seeds *s, const struct bundle_open *b,
			      const struct bundle_spec_from *f, unsigned image)
{
	const struct manifest *m = &b->r.m;
	char version[MANIFEST_STR_MAX + 1], place[BUNDLE_OUTPUT_PATH];
	KB_CLEANUP_FD int fd = -1;
	enum kb_err err;

	choose_place(place, b->path);
	err = bundle_old_open(f, m->image[image].name, m->nimages == 1, place, &fd, version);
	if (err == KB_ENOENT)
		return KB_OK;
	TRY(err);
	err = bundle_seed_open(&s->seed[s->n++], fd);
	if (err != KB_OK)
		log_err("--from %s: %s", f->file, err_text(err));
	return err;
}

enum kb_err bundle_seeds_open(struct bundle_seeds *s, const struct bundle_open *b)
{
	memset(s, 0, sizeof(*s));
	for (unsigned i = 0; i < b->nfrom; i++) {
		struct bundle_spec_from f;
		const char *wrong = bundle_spec_from_value(&f, "", b->from[i]);

		if (wrong != NULL) {
			log_err("--from %s: %s", b->from[i], wrong);
			return KB_EINVAL;
		}
		for (unsigned k = 0; k < b->r.m.nimages; k++)
			TRY(open_older(s, b, &f, k));
	}
	return KB_OK;
}

void bundle_seeds_close(struct bundle_seeds *s)
{
	for (unsigned i = 0; i < s->n; i++)
		bundle_seed_close(&s->seed[i]);
	s->n = 0;
}

const struct bundle_seed *bundle_seeds_find(const struct bundle_seeds *s,
					    const uint8_t digest[DIGEST_LEN])
{
	for (unsigned i = 0; i < s->n; i++)
		if (memcmp(s->seed[i].digest, digest, DIGEST_LEN) == 0)
			return &s->seed[i];
	return NULL;
}

const char bundle_seeds_absent[] = "nobody named: --from OLD";

bool bundle_seeds_have(void *ctx, const uint8_t digest[DIGEST_LEN])
{
	return bundle_seeds_find(ctx, digest) != NULL;
}
