/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What process 1 hears. Within a phase the total has to stay and the bytes done have to grow, also
 * when one bundle after another is tried: so the total is that of all of them.
 */
#include "update/apply_job.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROGRESS_FD 3

static bool heard;
static uint64_t span, behind;

void apply_progress_init(void)
{
	struct stat st;

	heard = fstat(PROGRESS_FD, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode));
	/* Else something of ours would be opened at this number, and be written to. It stays open.
	 * lint: leakReturnValNotUsed: that is what it is opened for */
	while (!heard && fstat(PROGRESS_FD, &st) < 0 && open("/dev/null", O_RDWR | O_CLOEXEC) >= 0)
		;
}

void apply_progress_span(uint64_t total, uint64_t given_up)
{
	span = total;
	behind = given_up;
}

static const char *phase_name(enum install_phase phase)
{
	switch (phase) {
	case INSTALL_CHECK:
		return "check";
	case INSTALL_WRITE:
		return "write";
	case INSTALL_READ_BACK:
		return "read-back";
	case INSTALL_DONE:
		break;
	}
	return NULL;
}

void apply_progress(void *ctx, enum install_phase phase, uint64_t done, uint64_t total)
{
	const char *name = phase_name(phase);
	char line[80];
	int n;

	(void)ctx;
	if (!heard || name == NULL)
		return;
	if (phase == INSTALL_CHECK && span > 0) {
		done += behind;
		total = span;
	}
	n = snprintf(line, sizeof(line), "P %s %" PRIu64 " %" PRIu64 "\n", name, done, total);
	/* A reader that is gone has given us up; it kills us if it wants us gone too. */
	if (n > 0 && n < (int)sizeof(line) && write(PROGRESS_FD, line, (size_t)n) < 0)
		heard = false;
}
