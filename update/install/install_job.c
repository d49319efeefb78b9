/* SPDX-License-Identifier: Apache-2.0 */
/* What every part of an install does: notes its failure, and reports its progress. */
#include "update/install/install_job.h"

#include "lib/os_clock.h"

#include <stdarg.h>
#include <stdio.h>

#define REPORT_MS 100u

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

enum kb_err install_job_storage_failed(struct install_job *j, const struct install_job_part *p,
				       enum kb_err err, const char *fmt, ...)
{
	const char *why = p->is_file ? err_fat_text(err) : NULL;
	char what[MANIFEST_WHY];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	return install_job_fail(j, INSTALL_BLAME_TARGET, why != NULL ? err : KB_EIO, "%s: %s", what,
				why != NULL ? why : "the storage is failing");
}

enum kb_err install_job_chunk_failed(struct install_job *j, enum kb_err err)
{
	if (err == KB_OK || err == KB_ENOENT)
		return err;
	j->in->seed_changed = err == KB_ESEED && !j->pipe.seed_unread;
	return install_job_fail(j, err == KB_EEXEC ? INSTALL_BLAME_SYSTEM : INSTALL_BLAME_BUNDLE,
				err, "%s", j->pipe.why);
}

enum kb_err install_job_readback_failed(struct install_job *j)
{
	const char *name = "its partition";

	for (unsigned i = 0; i < j->nparts; i++)
		if (j->part[i].readback == j->rb.err_dev)
			name = j->part[i].name;
	return install_job_fail(
		j, INSTALL_BLAME_TARGET, KB_EIO,
		"%s: reading back what was written failed (byte %llu): the storage is failing",
		name, (unsigned long long)j->rb.err_off);
}

uint64_t install_job_bytes(const struct install_job *j)
{
	uint64_t bytes = 0;

	/* Discarding what is behind the image counts a little, so that it too shows progress. */
	for (unsigned i = 0; i < j->nparts; i++)
		bytes += j->part[i].im->size +
			 (j->part[i].dev->size - j->part[i].im->size) / INSTALL_BLOCK;
	return bytes;
}

static void report_progress(struct install_job *j, bool now)
{
	uint64_t ms = os_clock_ms();

	if (j->in->progress == NULL || (!now && ms - j->reported_ms < REPORT_MS))
		return;
	j->reported_ms = ms;
	j->in->progress(j->in->ctx, j->phase, j->done, j->total);
}

void install_job_phase(struct install_job *j, enum install_phase phase, uint64_t total)
{
	j->phase = phase;
	j->done = 0;
	j->total = total;
	report_progress(j, true);
}

void install_job_tick(struct install_job *j, uint64_t bytes)
{
	j->done += bytes;
	if (bytes > 0)
		report_progress(j, j->done == j->total);
}
