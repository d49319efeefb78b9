/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/data/tree_job.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum kb_err tree_job_failed(struct tree_job *job, enum kb_err err, const char *name,
			    const char *what)
{
	int errnum = errno;

	if (job->why[0] == '\0')
		snprintf(job->why, sizeof(job->why), "%.90s: %s: %.40s", name, what,
			 strerror(errnum));
	errno = errnum;
	return err;
}

void tree_job_progress(const struct tree_job *job)
{
	if (job->progress != NULL)
		job->progress();
}
