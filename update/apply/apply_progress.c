/* SPDX-License-Identifier: Apache-2.0 */
#include "update/apply/apply_progress.h"
#include "lib/os.h"
#include "lib/os_file.h"
#include "update/apply/apply_shared.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#define PROGRESS_FD 3
#define LOOKS_MAX   (APPLY_SOURCES_MAX * (1u + APPLY_OPENED_MAX))

static bool heard;
static unsigned candidate;
static uint64_t looks;

void apply_progress_init(void)
{
	int fd = -1;

	heard = os_file_kind(PROGRESS_FD) == OS_FILE_PIPE;
	/* Else something of ours would be opened at this number, and be written to. It stays open.
	 */
	while (fd < PROGRESS_FD && os_file_kind(PROGRESS_FD) == OS_FILE_CLOSED &&
	       os_open("/dev/null", O_RDWR, &fd) == KB_OK)
		;
}

static const char *phase_name(enum install_phase phase)
{
	switch (phase) {
	case INSTALL_COMPARE:
		return "compare";
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

static void send_line(const char *phase, uint64_t done, uint64_t total)
{
	char line[80];
	int n = snprintf(line, sizeof(line), "P %u %s %" PRIu64 " %" PRIu64 "\n", candidate, phase,
			 done, total);

	/* A reader that is gone has given us up; it kills us if it wants us gone too. */
	if (heard && n > 0 && n < (int)sizeof(line) &&
	    os_file_write(PROGRESS_FD, line, (size_t)n) != KB_OK)
		heard = false;
}

void apply_progress_look(void)
{
	if (candidate == 0 && looks < LOOKS_MAX)
		send_line("look", ++looks, LOOKS_MAX);
}

void apply_progress_next(void)
{
	candidate++;
}

void apply_progress(void *ctx, enum install_phase phase, uint64_t done, uint64_t total)
{
	const char *name = phase_name(phase);

	(void)ctx;
	if (name != NULL)
		send_line(name, done, total);
}
