/* SPDX-License-Identifier: Apache-2.0 */
#include "update/apply/apply_target.h"

#include "lib/bdev_ranges.h"
#include "update/apply/apply_apart.h"
#include "update/apply/apply_entry.h"
#include "update/bundle/manifest_fits.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

__attribute__((format(printf, 3, 4))) static enum kb_err fail_target(struct apply_file_job *job,
								     enum kb_err err,
								     const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(job->why, sizeof(job->why), fmt, ap);
	va_end(ap);
	return err;
}

/* ---------------------------------------------------------------- a partition */

/* What is opened is compared: a path may lead elsewhere a moment later. What is in use, by its
 * path: that may be why. */
static enum kb_err open_part(struct apply_file_job *job, unsigned i, struct bdev_file *dev,
			     struct bdev_file *raw)
{
	const struct apply_part *part = &job->slot[job->target].part[i];
	enum kb_err err = bdev_file_open(dev, part->path, BDEV_FILE_WRITE | BDEV_FILE_EXCL);

	if (err == KB_EBUSY)
		TRY(apply_apart_look(job->slot, job->others, job->target, i, job->why));
	if (err == KB_EBUSY)
		return fail_target(job, err, "%s of slot %c (%s) is mounted or otherwise in use",
				   part->cls, state_slot_letter(job->target), part->path);
	if (err != KB_OK)
		return fail_target(job, err, "%s of slot %c (%s) cannot be opened: %s", part->cls,
				   state_slot_letter(job->target), part->path, err_text(err));
	TRY(apply_apart_check(job->slot, job->others, job->target, i, &dev->id, job->why));
	err = bdev_file_open(raw, part->path, BDEV_FILE_DIRECT);
	if (err != KB_OK)
		return fail_target(job, err, "%s cannot be opened a second time: %s", part->path,
				   err_text(err));
	bdev_ranges_use(raw, dev);
	return KB_OK;
}

/* ---------------------------------------------------------------- a file in a partition */

static const struct manifest_image *image_of(const struct manifest *m, const char *cls)
{
	for (unsigned i = 0; i < m->nimages; i++)
		if (strcmp(m->image[i].name, cls) == 0)
			return &m->image[i];
	return NULL;
}

static void note_compared(void *ctx, uint64_t done, uint64_t total)
{
	const struct apply_file_job *job = ctx;

	if (job->progress != NULL)
		job->progress(job->ctx, INSTALL_COMPARE, done, total);
}

static enum kb_err open_boot(struct apply_file_job *job, unsigned i,
			     const struct manifest_image *im, struct apply_boot *b)
{
	TRY(apply_apart_look(job->slot, job->others, job->target, i, job->why));
	b->compared = note_compared;
	b->ctx = job;
	return apply_boot_open(b, job->lend, job->slot[job->target].part[i].path, im, job->why);
}

/* ---------------------------------------------------------------- all of them */

static enum kb_err open_class(struct apply_target *t, struct apply_file_job *job,
			      const struct manifest *m, struct install_part *p, unsigned i)
{
	const struct apply_part *part = &job->slot[job->target].part[i];
	const struct manifest_image *im = image_of(m, part->cls);
	const char *file = conf_place_tail(part->path);

	t->dev[i].fd = t->raw[i].fd = -1;
	t->n = i + 1;
	snprintf(p->cls, sizeof(p->cls), "%s", part->cls);
	p->path = part->path;
	p->is_file = file[0] != '\0';
	p->is_listed = p->is_file && !conf_place_is_image(file + 1);
	job->blame = INSTALL_BLAME_TARGET;
	if (!p->is_file) {
		TRY(open_part(job, i, &t->dev[i], &t->raw[i]));
		p->dev = &t->dev[i].bdev;
		p->readback = &t->raw[i].bdev;
	} else if (im == NULL) {
		job->blame = INSTALL_BLAME_BUNDLE;
		return fail_target(job, KB_ECOMPAT, MANIFEST_FITS_NO_IMAGE, part->cls);
	} else {
		TRY(open_boot(job, i, im, &t->boot));
		p->dev = &apply_boot_last(&t->boot)->bdev;
		p->readback = NULL;
	}
	job->blame = INSTALL_BLAME_NONE;
	return KB_OK;
}

/* A slot without a file has none. */
static enum kb_err check_entry(struct apply_target *t, struct apply_file_job *job)
{
	enum kb_err err;

	if (t->boot.n == 0)
		return KB_OK;
	err = apply_entry_check(t->boot.dev[0].top, t->boot.lent, job->slot, job->target, job->why);
	if (err != KB_OK)
		job->blame = INSTALL_BLAME_TARGET;
	return err;
}

enum kb_err apply_target_open(struct apply_target *t, struct apply_file_job *job,
			      const struct manifest *m, struct install *in)
{
	const struct apply_slot *slot = &job->slot[job->target];

	t->n = 0;
	t->boot = APPLY_BOOT_CLOSED;
	if (slot->nparts == 0)
		return fail_target(job, KB_ENODEV, "slot %c has no partition here",
				   state_slot_letter(job->target));
	for (unsigned i = 0; i < slot->nparts && i < CONF_CLASSES_MAX; i++) {
		TRY(open_class(t, job, m, &in->part[i], i));
		in->nparts = i + 1;
	}
	return check_entry(t, job);
}

void apply_target_close(struct apply_target *t)
{
	for (unsigned i = 0; i < t->n; i++) {
		bdev_file_close(&t->raw[i]);
		bdev_file_close(&t->dev[i]);
	}
	apply_boot_close(&t->boot);
	t->n = 0;
}
