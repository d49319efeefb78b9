/* SPDX-License-Identifier: Apache-2.0 */
#include "update/install/install_lack.h"

#include "update/install/install.h"

#include <string.h>

/* False: it has nothing there, or that cannot be read. */
static bool read_place(const struct install_source *s, const struct manifest_image *im,
		       const struct reader_chunk *c, void *buf)
{
	uint64_t off = (uint64_t)c->index * im->chunk;

	/* It would be gone after a cut. */
	if (s->target && off < INSTALL_SEAL_LEN)
		return false;
	return off <= s->dev->size && c->len <= s->dev->size - off &&
	       bdev_read(s->dev, off, buf, c->len) == KB_OK;
}

static enum kb_err find_in(const struct install_lack *l, bool target, struct digest *d,
			   const struct manifest_image *im, const struct reader_chunk *c, void *buf)
{
	uint8_t got[DIGEST_LEN];

	for (unsigned i = 0; i < l->n; i++) {
		const struct install_source *s = &l->source[i];

		if (s->target != target || strcmp(s->cls, im->name) != 0 ||
		    !read_place(s, im, c, buf))
			continue;
		TRY(digest_buf(d, buf, c->len, got));
		if (memcmp(got, c->hash, sizeof(got)) == 0)
			return KB_OK;
	}
	return KB_ENOENT;
}

enum kb_err install_lack_find(const struct install_lack *l, struct digest *d,
			      const struct manifest_image *im, const struct reader_chunk *c,
			      void *buf)
{
	enum kb_err err = KB_ENOENT;

	if (l == NULL)
		return err;
	err = find_in(l, true, d, im, c, buf);
	return err == KB_ENOENT ? find_in(l, false, d, im, c, buf) : err;
}
