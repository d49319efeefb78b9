/* SPDX-License-Identifier: Apache-2.0 */
/* The story of an install. */
#include "update/install/install_check.h"
#include "update/install/install_seal.h"
#include "update/install/install_write.h"
#include "lib/log.h"

#include <string.h>

/* Of what the slot holds, a 16th of the image. */
#define READ_AHEAD_MOST	 (4u << 20)
#define READ_AHEAD_LEAST (256u << 10)

/* What the page cache has of the slot may never have reached the medium: an earlier install of this
 * running system may have been killed. */
static enum kb_err look_afresh(struct install_job *j)
{
	for (unsigned i = 0; i < j->nparts; i++) {
		struct install_job_part *p = &j->part[i];
		enum kb_err err = bdev_flush(p->dev);

		if (err == KB_OK)
			err = bdev_drop_cache(p->dev, 0, p->dev->size);
		if (err != KB_OK)
			return install_job_storage_failed(j, p, err, "%s cannot be flushed",
							  p->name);
	}
	return KB_OK;
}

/* What is read for nothing, since the slot turns out to hold another image, delays what is written:
 * of a small image that is most of it. */
static uint64_t read_ahead(const struct install_job_part *p)
{
	uint64_t len = p->im->size / 16;

	if (len < READ_AHEAD_LEAST)
		return READ_AHEAD_LEAST;
	return len < READ_AHEAD_MOST ? len : READ_AHEAD_MOST;
}

static enum kb_err write_chunks(struct install_job *j, struct install_job_part *p)
{
	uint64_t ahead = read_ahead(p);
	struct install_pipe_chunk c;
	enum kb_err err;

	j->now = p;
	j->expect_same = true;
	j->foreign = 0;
	j->pipe.seed = p->seed;
	j->pipe.full = p->full != NULL ? &j->full : NULL;
	j->pipe.full_enc = p->full;
	err = install_pipe_begin(&j->pipe, p->image, p->enc);
	if (err != KB_OK)
		return install_job_fail(j, INSTALL_BLAME_BUNDLE, err, "%s", j->pipe.why);
	install_readback_image(&j->rb, p->im->size);
	bdev_prefetch(p->dev, 0, ahead);
	while ((err = install_job_chunk_failed(j, install_pipe_next(&j->pipe, &c))) == KB_OK) {
		if (c.plain == NULL || !install_write_is_blind(j))
			bdev_prefetch(p->dev, (uint64_t)c.c.index * p->im->chunk + ahead, c.c.len);
		TRY(install_write_chunk(j, &c));
		install_job_tick(j, c.c.len);
	}
	if (j->pipe.nfull > 0)
		log_warn(
			"install: image %s: %u chunk%s came whole, since the version before has changed",
			p->im->name, j->pipe.nfull, j->pipe.nfull == 1 ? "" : "s");
	j->in->came_whole += j->pipe.nfull;
	return err == KB_ENOENT ? install_write_end(j) : err;
}

/* The next part may need no second decoder, and would keep this one's memory. */
static enum kb_err write_part(struct install_job *j, struct install_job_part *p)
{
	enum kb_err err = write_chunks(j, p);

	install_pipe_close(&j->full);
	return err;
}

/* The first block that differs puts the seal on: install_write_chunk(), install_write_rest(). */
static enum kb_err write_all(struct install_job *j)
{
	TRY(look_afresh(j));
	if (!j->unverified) /* else it begins with the first chunk that is wanted */
		install_job_phase(j, INSTALL_WRITE, install_job_bytes(j));
	j->pipe.have = install_write_has;
	j->pipe.have_lacking = install_write_has_lacking;
	j->pipe.held = install_write_held;
	j->pipe.verify = install_check_payload;
	j->pipe.ctx = j;
	for (unsigned i = 0; i < j->nparts; i++)
		TRY(write_part(j, &j->part[i]));
	for (unsigned i = 0; i < j->nparts; i++)
		TRY(install_write_rest(j, &j->part[i]));
	return KB_OK;
}

static enum kb_err read_back(struct install_job *j)
{
	uint64_t before, done;
	enum kb_err err;

	/* What the thread has done already is not reported again. */
	err = install_readback_wait(&j->rb, 0, &before);
	if (err == KB_OK || err == KB_ETIMEDOUT) {
		install_job_phase(j, INSTALL_READ_BACK, j->rb.added - before);
		err = install_readback_push(&j->rb);
	}
	while (err == KB_OK || err == KB_ETIMEDOUT) {
		err = install_readback_wait(&j->rb, 250, &done);
		install_job_tick(j, done - before - j->done);
		if (err == KB_OK)
			return KB_OK;
	}
	return install_job_readback_failed(j);
}

/* The slot holds this release, and the state says so. */
static bool is_known(const struct install *in)
{
	const struct state_slot *t = &in->s->slot[in->target];

	return state_is_fit(t) && state_holds(t, in->r->release.id);
}

static enum kb_err run_steps(struct install_job *j)
{
	TRY(install_check_pair(j));
	/* Of what the bundle lacks, it is the medium that says whether it is there. */
	if (reader_is_partial(j->in->r))
		TRY(look_afresh(j));
	TRY(install_check_all(j));
	TRY(write_all(j));
	TRY(read_back(j));
	/* Never sealed: no block differed. */
	if (!j->sealed && is_known(j->in))
		return KB_EAPPLIED;
	if (j->sealed)
		TRY(install_seal_take_off(j));
	return install_seal_commit(j);
}

enum kb_err install_run(struct install *in)
{
	static struct install_job job;
	bool threaded = false;
	enum kb_err err;

	memset(&job, 0, sizeof(job));
	job.in = in;
	in->bytes_written = in->bytes_skipped = in->delta_bytes = 0;
	in->made_from = STATE_NONE;
	in->came_whole = 0;
	in->blame = INSTALL_BLAME_NONE;
	in->seed_changed = false;
	in->why[0] = '\0';
	job.resumed = in->s->slot[in->target].st == STATE_WRITING;
	for (unsigned i = 0; i < in->nparts && i < MANIFEST_IMAGES_MAX; i++)
		threaded |= in->part[i].readback != NULL;
	err = digest_init(&job.digest);
	if (err == KB_OK)
		err = digest_init(&job.whole);
	if (err == KB_OK)
		err = install_readback_begin(&job.rb, threaded);
	if (err == KB_OK) {
		job.pipe.r = in->r;
		job.pipe.helper = in->helper;
		job.pipe.lack = in->lack;
		job.pipe.digest = &job.digest;
		err = run_steps(&job);
	}
	install_pipe_close(&job.pipe);
	install_readback_end(&job.rb);
	digest_free(&job.digest);
	digest_free(&job.whole);
	if (err == KB_OK)
		install_job_phase(&job, INSTALL_DONE, 0);
	return err;
}
