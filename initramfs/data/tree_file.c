/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/data/tree_file.h"

#include "lib/os_file.h"
#include "lib/util.h"

#include <errno.h>

static uint8_t block[256u << 10];

static enum kb_err refuse_more(struct tree_job *job, const char *name)
{
	errno = EFBIG;
	return tree_job_failed(job, KB_ENOSPC, name, "more than [data] limit= allows");
}

/* A slow card would take minutes for all of it at the end, without a sign of life. */
static enum kb_err flush_often(struct tree_job *job, int out, size_t got)
{
	job->unflushed += got;
	if (job->unflushed < TREE_FLUSH)
		return KB_OK;
	job->unflushed = 0;
	return os_tree_sync(out);
}

static enum kb_err copy_extent(struct tree_job *job, int in, int out, uint64_t at, uint64_t end,
			       const char *name)
{
	while (at < end) {
		size_t want = end - at < sizeof(block) ? (size_t)(end - at) : sizeof(block), got;

		if (job->copied + want > job->limit)
			return refuse_more(job, name);
		TRY(os_file_read(in, at, block, want, &got));
		if (got == 0)
			return KB_OK; /* the file system says that more is there than it is */
		TRY(os_tree_write(out, at, block, got));
		at += got;
		job->copied += got;
		TRY(flush_often(job, out, got));
		tree_job_progress(job);
	}
	return KB_OK;
}

static enum kb_err copy_blocks(struct tree_job *job, int in, int out, uint64_t size,
			       const char *name)
{
	uint64_t at = 0, start, end;
	enum kb_err err;

	while ((err = os_tree_extent(in, at, &start, &end)) == KB_OK) {
		TRY(copy_extent(job, in, out, start, end, name));
		if (end <= at)
			return KB_EIO;
		at = end;
	}
	if (err != KB_ENOENT)
		return err;
	return os_tree_resize(out, size);
}

enum kb_err tree_file_copy(struct tree_job *job, int from_dir, const char *from, int to_dir,
			   const char *to, const struct os_tree_stat *st)
{
	KB_CLEANUP_FD int in = -1, out = -1;
	enum kb_err err;

	TRY(os_file_open(from_dir, from, &in));
	TRY(os_file_create(to_dir, to, &out));
	if (st->size == 0)
		return KB_OK;
	err = job->how == TREE_COPY ? KB_EINVAL : os_tree_clone(in, out);
	if (err == KB_OK) {
		job->shared++;
		return KB_OK;
	}
	if (err != KB_EINVAL || job->how == TREE_SHARE)
		return tree_job_failed(job, err, from, "its blocks cannot be shared");
	return copy_blocks(job, in, out, st->size, from);
}
