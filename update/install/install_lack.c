/* SPDX-License-Identifier: Apache-2.0 */
#include "update/install/install_lack.h"

#include "update/install/install.h"

#include <string.h>

/* KB_ENOENT: it has nothing there; KB_EIO: that cannot be found out. */
static enum kb_err read_place(const struct install_source *s, const struct manifest_image *im,
			      const struct reader_chunk *c, void *buf)
{
	uint64_t off = (uint64_t)c->index * im->chunk;

	/* It would be gone after a cut. */
	if (s->target && off < INSTALL_SEAL_LEN)
		return KB_ENOENT;
	if (s->dev == NULL)
		return KB_EIO;
	if (off > s->dev->size || c->len > s->dev->size - off)
		return KB_ENOENT;
	return bdev_read(s->dev, off, buf, c->len) == KB_OK ? KB_OK : KB_EIO;
}

static enum kb_err find_in(const struct install_lack *l, bool target, struct digest *d,
			   const struct manifest_image *im, const struct reader_chunk *c, void *buf)
{
	enum kb_err err, none = KB_ENOENT;
	uint8_t got[DIGEST_LEN];

	for (unsigned i = 0; i < l->n; i++) {
		const struct install_source *s = &l->source[i];

		if (s->target != target || strcmp(s->cls, im->name) != 0)
			continue;
		err = read_place(s, im, c, buf);
		if (err == KB_EIO)
			none = KB_EIO;
		if (err != KB_OK)
			continue;
		TRY(digest_buf(d, buf, c->len, got));
		if (memcmp(got, c->hash, sizeof(got)) == 0)
			return KB_OK;
	}
	return none;
}

enum kb_err install_lack_find(const struct install_lack *l, struct digest *d,
			      const struct manifest_image *im, const struct reader_chunk *c,
			      void *buf)
{
	enum kb_err err, other;

	if (l == NULL)
		return KB_ENOENT;
	err = find_in(l, true, d, im, c, buf);
	if (err == KB_OK)
		return err;
	other = find_in(l, false, d, im, c, buf);
	return other == KB_ENOENT ? err : other;
}
