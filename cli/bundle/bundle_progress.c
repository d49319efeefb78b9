/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bundle/bundle_progress.h"

#include "cli/output/output.h"
#include "lib/os.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EVERY_MS 100

void bundle_progress_begin(struct bundle_progress *p, const char *what, uint64_t total)
{
	const char *term = getenv("TERM");

	*p = (struct bundle_progress){ .what = what, .total = total > 0 ? total : 1 };
	p->terminal = isatty(STDERR_FILENO) && term != NULL && strcmp(term, "dumb") != 0;
}

void bundle_progress_image(void *ctx, uint64_t done)
{
	struct bundle_progress *p = ctx;
	char now[OUTPUT_TIME_LEN], all[OUTPUT_TIME_LEN];
	uint64_t ms;

	if (!p->terminal)
		return;
	ms = os_now_ms();
	if (ms < p->next_ms)
		return;
	p->next_ms = ms + EVERY_MS;
	p->shown = true;
	done += p->before;
	output_size(now, done);
	output_size(all, p->total);
	fprintf(stderr, "\r%s %3u %%  %s of %s\033[K", p->what,
		(unsigned)((double)done * 100 / (double)p->total), now, all);
}

void bundle_progress_end(struct bundle_progress *p)
{
	if (p->shown)
		fputs("\r\033[K", stderr);
	p->shown = false;
}
