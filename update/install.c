/* SPDX-License-Identifier: Apache-2.0 */
/* The story of an install. The parts are in install_check.c, install_write.c, install_seal.c. */
#include "update/install_job.h"
#include "lib/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define TELL_MS	   100u
#define READ_AHEAD (4u << 20) /* of what the slot holds */

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

enum kb_err install_job_fail(struct install_job *j, enum install_blame blame, enum kb_err err,
			     const char *fmt, ...)
{
	struct install *in = j->in;
	size_t n = 0;
	va_list ap;

	if (in->why[0] != '\0')
		return err;
	in->blame = blame;
	if (blame == INSTALL_BLAME_TARGET)
		n = (size_t)snprintf(in->why, sizeof(in->why),
				     "slot %c: ", state_slot_letter(in->target));
	va_start(ap, fmt);
	vsnprintf(in->why + n, sizeof(in->why) - n, fmt, ap);
	va_end(ap);
	return err;
}

enum kb_err install_job_lost(struct install_job *j)
{
	const char *name = "its partition";

	for (unsigned i = 0; i < j->nparts; i++)
		if (j->part[i].raw == j->rb.err_dev)
			name = j->part[i].name;
	return install_job_fail(j, INSTALL_BLAME_TARGET, KB_EIO,
				"%s: what was written does not come back from the medium (byte "
				"%llu): the storage is failing",
				name, (unsigned long long)j->rb.err_off);
}

static void tell(struct install_job *j, bool now)
{
	uint64_t ms = now_ms();

	if (j->in->progress == NULL || (!now && ms - j->told_ms < TELL_MS))
		return;
	j->told_ms = ms;
	j->in->progress(j->in->ctx, j->phase, j->done, j->total);
}

void install_job_phase(struct install_job *j, enum install_phase phase, uint64_t total)
{
	j->phase = phase;
	j->done = 0;
	j->total = total;
	tell(j, true);
}

void install_job_tick(struct install_job *j, uint64_t bytes)
{
	j->done += bytes;
	if (bytes > 0)
		tell(j, j->done == j->total);
}

/* What the page cache has of the slot may never have reached the medium: an earlier install of this
 * running system may have been killed. */
static enum kb_err look_afresh(struct install_job *j)
{
	for (unsigned i = 0; i < j->nparts; i++) {
		struct install_job_part *p = &j->part[i];

		if (bdev_flush(p->dev) != KB_OK ||
		    bdev_drop_cache(p->dev, 0, p->dev->size) != KB_OK)
			return install_job_fail(j, INSTALL_BLAME_TARGET, KB_EIO,
						"%s cannot be flushed: the storage is failing",
						p->name);
	}
	return KB_OK;
}

static uint64_t work(const struct install_job *j)
{
	uint64_t bytes = 0;

	/* Discarding what is behind the image counts a little, so that it too shows progress. */
	for (unsigned i = 0; i < j->nparts; i++)
		bytes += j->part[i].im->size +
			 (j->part[i].dev->size - j->part[i].im->size) / INSTALL_BLOCK;
	return bytes;
}

static enum kb_err write_part(struct install_job *j, struct install_job_part *p)
{
	struct install_pipe_chunk c;
	enum kb_err err;

	j->now = p;
	j->expect_same = true;
	err = install_pipe_begin(&j->pipe, p->image, p->enc);
	if (err != KB_OK)
		return install_job_fail(j, INSTALL_BLAME_BUNDLE, err, "%s", j->pipe.why);
	bdev_prefetch(p->dev, 0, READ_AHEAD);
	while ((err = install_check_next(j, &c)) == KB_OK) {
		bdev_prefetch(p->dev, (uint64_t)c.c.index * p->im->chunk + READ_AHEAD, c.c.len);
		TRY(install_write_chunk(j, &c));
		install_job_tick(j, c.c.len);
	}
	return err == KB_ENOENT ? install_write_end(j) : err;
}

static enum kb_err write_all(struct install_job *j)
{
	TRY(look_afresh(j));
	install_job_phase(j, INSTALL_WRITE, work(j));
	j->pipe.have = install_write_has;
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

	/* What the thread has done already is not told again. */
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
	return install_job_lost(j);
}

/* The slot holds this release, and the state says so. */
static bool is_known(const struct install *in)
{
	const struct state_slot *t = &in->s->slot[in->target];

	return (state_is_trusted(t) || state_has_tries(t)) && t->has_release &&
	       memcmp(t->release, in->r->release.id, STATE_ID_LEN) == 0;
}

static enum kb_err run(struct install_job *j)
{
	TRY(install_check_pair(j));
	TRY(install_check_all(j));
	TRY(write_all(j));
	TRY(read_back(j));
	if (!j->sealed && is_known(j->in))
		return KB_EAPPLIED;
	if (j->sealed)
		TRY(install_seal_open(j));
	return install_seal_commit(j);
}

enum kb_err install_run(struct install *in)
{
	static struct install_job job;
	bool threaded = false;
	enum kb_err err;

	memset(&job, 0, sizeof(job));
	job.in = in;
	in->bytes_written = in->bytes_skipped = 0;
	in->blame = INSTALL_BLAME_NONE;
	in->why[0] = '\0';
	for (unsigned i = 0; i < in->nparts && i < MANIFEST_IMAGES_MAX; i++)
		threaded |= in->part[i].raw != NULL;
	err = digest_init(&job.digest);
	if (err == KB_OK)
		err = digest_init(&job.whole);
	if (err == KB_OK)
		err = install_readback_begin(&job.rb, threaded);
	if (err == KB_OK) {
		job.pipe.r = in->r;
		job.pipe.helper = in->helper;
		job.pipe.digest = &job.digest;
		err = run(&job);
	}
	install_pipe_close(&job.pipe);
	install_readback_end(&job.rb);
	digest_free(&job.digest);
	digest_free(&job.whole);
	if (err == KB_OK)
		install_job_phase(&job, INSTALL_DONE, 0);
	return err;
}
