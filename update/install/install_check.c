/* SPDX-License-Identifier: Apache-2.0 */
/* All that can be found out before the first write. */
#include "update/install/install_check.h"

#include "update/bundle/manifest_fits.h"

#include <inttypes.h>
#include <string.h>

static uint8_t heads[MANIFEST_IMAGES_MAX][INSTALL_SEAL_LEN] __attribute__((aligned(BDEV_ALIGN)));

static const struct install_part *part_of(const struct install *in, const char *cls)
{
	for (unsigned i = 0; i < in->nparts; i++)
		if (strcmp(in->part[i].cls, cls) == 0)
			return &in->part[i];
	return NULL;
}

/* What no boot could mount. */
static enum kb_err check_fits(struct install_job *j, const struct manifest_image *im,
			      const struct install_part *part)
{
	char why[MANIFEST_WHY];
	enum kb_err err =
		manifest_fits_part(why, im, part->path, part->dev->size, part->dev->sector);

	if (err != KB_OK)
		return install_job_fail(j, INSTALL_BLAME_BUNDLE, err, "%s", why);
	return KB_OK;
}

static enum kb_err pair_one(struct install_job *j, unsigned image)
{
	const struct manifest_image *im = &j->in->r->m.image[image];
	const struct install_part *part = part_of(j->in, im->name);
	struct install_job_part *p = &j->part[j->nparts];

	if (part == NULL)
		return install_job_fail(j, INSTALL_BLAME_BUNDLE, KB_ECOMPAT,
					MANIFEST_FITS_NO_PARTITION, im->name);
	TRY(check_fits(j, im, part));
	p->dev = part->dev;
	p->readback = part->readback != NULL ? part->readback : part->dev;
	p->im = im;
	p->name = part->path != NULL ? part->path : im->name;
	p->image = image;
	p->head = heads[j->nparts];
	if (reader_pick_encoding(j->in->r, image, &p->enc) != KB_OK)
		return install_job_fail(j, INSTALL_BLAME_BUNDLE, KB_ENEWER, "%s", j->in->r->why);
	j->nparts++;
	return KB_OK;
}

enum kb_err install_check_pair(struct install_job *j)
{
	const struct manifest *m = &j->in->r->m;

	/* Root comes first: the seal goes by this order. */
	for (unsigned others = 0; others < 2; others++)
		for (unsigned i = 0; i < m->nimages; i++)
			if ((strcmp(m->image[i].name, "root") != 0) == others)
				TRY(pair_one(j, i));
	for (unsigned i = 0; i < j->in->nparts; i++) {
		bool found = false;

		for (unsigned k = 0; k < j->nparts; k++)
			found |= strcmp(j->part[k].im->name, j->in->part[i].cls) == 0;
		if (!found)
			return install_job_fail(j, INSTALL_BLAME_BUNDLE, KB_ECOMPAT,
						MANIFEST_FITS_NO_IMAGE, j->in->part[i].cls);
	}
	return KB_OK;
}

/* The records of all chunks, so that an unknown form is refused before anything is written. */
static enum kb_err check_tables(struct install_job *j, const struct install_job_part *p)
{
	enum kb_err err = reader_walk_all(&j->pipe.walk, j->in->r, p->image, p->enc);

	if (err == KB_OK)
		return KB_OK;
	return install_job_fail(j, INSTALL_BLAME_BUNDLE, err, "image %s: %s", p->im->name,
				j->in->r->why);
}

static void note_checked(void *ctx, uint64_t bytes)
{
	install_job_tick(ctx, bytes);
}

/* Not decoded: whoever signed it did that (FORMAT.md), and each chunk is compared when it is
 * written. */
static enum kb_err check_payload(struct install_job *j, const struct install_job_part *p)
{
	enum kb_err err = reader_payload_check(j->in->r, p->enc, note_checked, j);

	if (err == KB_OK)
		return KB_OK;
	return install_job_fail(j, INSTALL_BLAME_BUNDLE, err, "image %s: %s", p->im->name,
				j->in->r->why);
}

enum kb_err install_check_all(struct install_job *j)
{
	uint64_t total = 0;

	for (unsigned i = 0; i < j->nparts; i++)
		total += j->part[i].enc->payload_len;
	install_job_phase(j, INSTALL_CHECK, j->in->verify_first ? total : 0);
	for (unsigned i = 0; i < j->nparts; i++) {
		TRY(check_tables(j, &j->part[i]));
		if (j->in->verify_first)
			TRY(check_payload(j, &j->part[i]));
	}
	return KB_OK;
}
