/* SPDX-License-Identifier: Apache-2.0 */
/* A line on the terminal that says how far something is; elsewhere nothing. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct bundle_progress {
	const char *what;
	/* bytes */
	uint64_t total;
	/* bytes of the images before the one under way */
	uint64_t before;
	uint64_t next_ms;
	bool terminal, shown;
};

void bundle_progress_begin(struct bundle_progress *p, const char *what, uint64_t total);
/* So many bytes of the image under way are done. ctx is the struct bundle_progress. */
void bundle_progress_image(void *ctx, uint64_t done);
/* Clears the line. */
void bundle_progress_end(struct bundle_progress *p);
