/* SPDX-License-Identifier: Apache-2.0 */
/* All that can be found out before the first write. */
#include "update/install/install_check.h"

#include "lib/log.h"
#include "lib/os_memory.h"
#include "lib/pe_machine.h"
#include "selector/pair.h"
#include "update/bundle/manifest_fits.h"

#include <inttypes.h>
#include <stdio.h>
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

static const struct install_seed *seed_of(const struct install *in, const uint8_t *digest)
{
	for (unsigned i = 0; i < in->nseeds; i++)
		if (memcmp(in->seed[i].digest, digest, DIGEST_LEN) == 0)
			return &in->seed[i];
	return NULL;
}

static bool have_seed(void *ctx, const uint8_t digest[DIGEST_LEN])
{
	return seed_of(ctx, digest) != NULL;
}

/* The smallest encoding that this device can use, and a whole one for what its seed does not give.
 */
static enum kb_err choose_encoding(struct install_job *j, struct install_job_part *p)
{
	const struct reader_seeds seeds = { .have = have_seed, .ctx = j->in };
	bool partial = reader_is_partial(j->in->r);
	const struct install_seed *s;
	enum kb_err err;

	if (partial)
		err = reader_carried_encoding(j->in->r, p->image, &seeds, &p->enc);
	else
		err = reader_pick_encoding(j->in->r, p->image, &seeds, &p->enc);
	if (err != KB_OK)
		return install_job_fail(j, INSTALL_BLAME_BUNDLE, err, "%s", j->in->r->why);
	p->seed = NULL;
	p->full = NULL;
	if (p->enc->kind == MANIFEST_ENC_FULL)
		return KB_OK;
	s = seed_of(j->in, p->enc->seed);
	if (s == NULL) /* it was there just now */
		return install_job_fail(j, INSTALL_BLAME_SYSTEM, KB_ESEED, "no seed");
	p->seed = &s->at;
	j->in->made_from = s->slot;
	j->in->delta_bytes += p->enc->payload_len;
	if (partial || reader_pick_encoding(j->in->r, p->image, NULL, &p->full) != KB_OK)
		p->full = NULL;
	log_notice("install: image %s: %" PRIu64 " KiB that differ from slot %c%s", p->im->name,
		   p->enc->payload_len / 1024, state_slot_letter(s->slot),
		   p->full != NULL ? "" : "; the bundle has nothing else");
	return KB_OK;
}

/* "root, boot": what the slot has. */
static void list_parts(const struct install *in, char *out, size_t size)
{
	size_t len = 0;

	out[0] = '\0';
	for (unsigned i = 0; i < in->nparts && len < size; i++)
		len += (size_t)snprintf(out + len, size - len, "%s%s", i > 0 ? ", " : "",
					in->part[i].cls);
}

static enum kb_err pair_one(struct install_job *j, unsigned image)
{
	const struct manifest_image *im = &j->in->r->m.image[image];
	const struct install_part *part = part_of(j->in, im->name);
	struct install_job_part *p = &j->part[j->nparts];
	char parts[64];

	if (part == NULL) {
		list_parts(j->in, parts, sizeof(parts));
		return install_job_fail(j, INSTALL_BLAME_BUNDLE, KB_ECOMPAT,
					MANIFEST_FITS_NO_PARTITION ", only %s", im->name, parts);
	}
	TRY(check_fits(j, im, part));
	p->dev = part->dev;
	p->readback = part->readback != NULL ? part->readback : part->dev;
	p->im = im;
	p->name = part->path != NULL ? part->path : im->name;
	p->is_file = part->is_file;
	p->is_listed = part->is_listed;
	p->image = image;
	p->head = heads[j->nparts];
	TRY(choose_encoding(j, p));
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
static enum kb_err check_tables(struct install_job *j, const struct install_job_part *p,
				const struct manifest_encoding *enc)
{
	enum kb_err err = reader_walk_all(&j->pipe.walk, j->in->r, p->image, enc);

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
static enum kb_err check_part_payload(struct install_job *j, const struct install_job_part *p)
{
	enum kb_err err = reader_payload_check(j->in->r, p->enc, note_checked, j);

	if (err == KB_OK)
		return KB_OK;
	return install_job_fail(j, INSTALL_BLAME_BUNDLE, err, "image %s: %s", p->im->name,
				j->in->r->why);
}

/* Nothing but the seed gives its chunks, and it may have changed. That is found before the first
 * write, whatever verify_first says: else the slot would be begun anew at each boot. */
static bool needs_seed(const struct install_job_part *p)
{
	return p->seed != NULL && p->full == NULL;
}

/* That the seed gives all chunks, and slots those that the bundle lacks, and that they make the
 * image of digest=. */
static enum kb_err check_chunks(struct install_job *j, const struct install_job_part *p)
{
	struct install_pipe_chunk c;
	enum kb_err err;

	j->pipe.seed = p->seed;
	j->pipe.full = NULL;
	j->pipe.whole = &j->whole;
	err = install_pipe_begin(&j->pipe, p->image, p->enc);
	if (err != KB_OK)
		return install_job_fail(j, INSTALL_BLAME_BUNDLE, err, "image %s: %s", p->im->name,
					j->pipe.why);
	while ((err = install_pipe_next(&j->pipe, &c)) == KB_OK)
		install_job_tick(j, c.c.len);
	/* A slot has some of the chunks that are written, so they are left out there. */
	j->pipe.whole = NULL;
	err = install_job_chunk_failed(j, err);
	return err == KB_ENOENT ? KB_OK : err;
}

static enum kb_err first_chunk(struct install_job *j, const struct install_job_part *p,
			       struct install_pipe_chunk *c)
{
	enum kb_err err;

	j->pipe.seed = p->seed;
	j->pipe.full = p->full != NULL ? &j->full : NULL;
	j->pipe.full_enc = p->full;
	err = install_pipe_begin(&j->pipe, p->image, p->enc);
	if (err != KB_OK)
		return install_job_fail(j, INSTALL_BLAME_BUNDLE, err, "image %s: %s", p->im->name,
					j->pipe.why);
	return install_job_chunk_failed(j, install_pipe_next(&j->pipe, c));
}

/* By the first chunk, as it will be written. */
static enum kb_err check_processor(struct install_job *j, const struct install_job_part *p)
{
	struct install_pipe_chunk c = { .plain = NULL };
	char why[MANIFEST_WHY];
	enum kb_err err = first_chunk(j, p, &c);

	install_pipe_close(&j->full);
	if (err != KB_OK)
		return err;
	err = manifest_fits_processor(why, p->im, c.plain, c.c.len);
	if (err == KB_OK && p->is_listed && (c.plain == NULL || pe_machine(c.plain, c.c.len) == 0))
		return install_job_fail(
			j, INSTALL_BLAME_BUNDLE, KB_ECOMPAT,
			"image %s: it is no program of UEFI, at which systemd-boot would stop: use a bundle for this device",
			p->im->name);
	return err == KB_OK ? KB_OK : install_job_fail(j, INSTALL_BLAME_BUNDLE, err, "%s", why);
}

static enum kb_err check_part(struct install_job *j, const struct install_job_part *p)
{
	TRY(check_tables(j, p, p->enc));
	if (p->full != NULL)
		TRY(check_tables(j, p, p->full));
	/* Nothing else can say whether it is a whole one. */
	if (reader_is_partial(j->in->r))
		return check_chunks(j, p);
	if (j->in->verify_first && !j->unverified)
		TRY(check_part_payload(j, p));
	return needs_seed(p) ? check_chunks(j, p) : KB_OK;
}

#define MIB (UINT64_C(1) << 20)

/* A slow stick is the usual medium, and what is read twice takes twice as long: unless the page
 * cache has it. */
static void tell_what_is_read(uint64_t len)
{
	uint64_t have = os_memory_available();

	if (len + len / 8 <= have)
		log_info("install: verified first, and read once: %" PRIu64 " MiB fit into memory",
			 (len + MIB - 1) / MIB);
	else
		log_warn("install: verified first, and read twice: %" PRIu64
			 " MiB do not fit beside the install into the %" PRIu64
			 " MiB of free memory",
			 (len + MIB - 1) / MIB, have / MIB);
}

static uint64_t payload_bytes(const struct install_job *j)
{
	uint64_t len = 0;

	for (unsigned i = 0; i < j->nparts; i++)
		len += j->part[i].enc->payload_len;
	return len;
}

/* What is made before the first write, to find out whether it can be. */
static uint64_t made_bytes(const struct install_job *j)
{
	uint64_t len = 0;

	for (unsigned i = 0; i < j->nparts; i++)
		len += reader_is_partial(j->in->r) || needs_seed(&j->part[i]) ? j->part[i].im->size
									      : 0;
	return len;
}

static bool is_kernel(const struct install_job_part *p)
{
	return strcmp(p->im->name, PAIR_CLASS) == 0;
}

/* A slot that has it all needs nothing of the payload; but what is decoded was verified before. */
static bool may_wait(const struct install_job *j)
{
	for (unsigned i = 0; i < j->nparts; i++)
		if (is_kernel(&j->part[i]))
			return false;
	return made_bytes(j) == 0;
}

enum kb_err install_check_all(struct install_job *j)
{
	bool first = j->in->verify_first && !reader_is_partial(j->in->r);

	j->unverified = first && may_wait(j);
	if (first && !j->unverified)
		tell_what_is_read(payload_bytes(j));
	if (j->unverified)
		install_job_phase(j, INSTALL_COMPARE, install_job_bytes(j));
	else
		install_job_phase(j, INSTALL_CHECK, made_bytes(j) + (first ? payload_bytes(j) : 0));
	for (unsigned i = 0; i < j->nparts; i++)
		TRY(check_part(j, &j->part[i]));
	for (unsigned i = 0; i < j->nparts; i++)
		if (is_kernel(&j->part[i]))
			TRY(check_processor(j, &j->part[i]));
	return KB_OK;
}

enum kb_err install_check_payload(void *job)
{
	struct install_job *j = job;
	uint64_t done = j->done, total = j->total;

	if (!j->unverified)
		return KB_OK;
	tell_what_is_read(payload_bytes(j));
	install_job_phase(j, INSTALL_CHECK, payload_bytes(j));
	for (unsigned i = 0; i < j->nparts; i++)
		TRY(check_part_payload(j, &j->part[i]));
	j->unverified = false;
	install_job_phase(j, INSTALL_WRITE, total);
	install_job_tick(j, done);
	return KB_OK;
}
