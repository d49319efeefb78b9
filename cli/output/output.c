/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/output/output.h"

#include "lib/bytes.h"
#include "lib/log.h"
#include "lib/os.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int output_exit_code(enum kb_err err)
{
	switch (err) {
	case KB_OK:
		return OUTPUT_OK;
	case KB_EAPPLIED:
		return OUTPUT_NOTHING;
	case KB_ESIG:
	case KB_EDIGEST:
	case KB_EFORMAT:
		return OUTPUT_VERIFY;
	case KB_ECOMPAT:
	case KB_ESEED:
	case KB_EDOWNGRADE:
	case KB_EAHEAD:
	case KB_EREJECTED:
	case KB_ENEWER:
		return OUTPUT_INCOMPATIBLE;
	case KB_EBUSY:
	case KB_EREBUILT:
	case KB_EAMBIGUOUS:
		return OUTPUT_BUSY;
	case KB_EIO:
	case KB_ENODEV:
	case KB_ETIMEDOUT:
	case KB_EINVAL:
	case KB_EBLANK:
	case KB_EWAITS:
	case KB_EBUDGET:
	case KB_ENOTARGET:
	case KB_ENOSPC:
	case KB_ESTALE:
	case KB_ECHILD:
	case KB_EMOUNT:
	case KB_ECHECK:
	case KB_EEXEC:
	case KB_ENOENT:
	case KB_EPERM:
	case KB_EMEMBER:
	case KB_ENOCAND:
	case KB_ENOMEM:
		return OUTPUT_FAILURE;
	}
	return OUTPUT_FAILURE;
}

enum kb_err output_fail(char *why, size_t size, const char *name, enum kb_err err, const char *fmt,
			...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, size, fmt, ap);
	va_end(ap);
	log_err("%s: %s", name, why);
	return err;
}

const char *output_colour(FILE *f, enum output_colour c)
{
	static const char *const codes[] = {
		[OUTPUT_PLAIN] = "\033[0m",   [OUTPUT_GREEN] = "\033[32m",
		[OUTPUT_YELLOW] = "\033[33m", [OUTPUT_RED] = "\033[31m",
		[OUTPUT_BOLD] = "\033[1m",    [OUTPUT_DIM] = "\033[2m",
	};
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	if ((no != NULL && no[0] != '\0') || term == NULL || strcmp(term, "dumb") == 0 ||
	    !isatty(fileno(f)))
		return "";
	return codes[c];
}

void output_time(char out[OUTPUT_TIME_LEN], uint64_t seconds, bool iso)
{
	time_t t = (time_t)seconds;
	struct tm tm;

	out[0] = '\0';
	/* Beyond the year 9999 it is damage, not a time. */
	if (seconds == 0 || seconds > 253402300799u || gmtime_r(&t, &tm) == NULL)
		return;
	strftime(out, OUTPUT_TIME_LEN, iso ? "%Y-%m-%dT%H:%M:%SZ" : "%Y-%m-%d %H:%M:%SZ", &tm);
}

/* false: none is set. */
static bool read_epoch(uint64_t *t, bool *sound)
{
	const char *epoch = getenv("SOURCE_DATE_EPOCH");

	*sound = epoch == NULL || bytes_decimal(t, epoch, INT64_MAX) == KB_OK;
	return epoch != NULL && *sound;
}

bool output_epoch_is_time(void)
{
	uint64_t t;
	bool sound;

	read_epoch(&t, &sound);
	return sound;
}

uint64_t output_now(void)
{
	uint64_t t;
	bool sound;

	return read_epoch(&t, &sound) ? t : os_time_s();
}

void output_size(char out[OUTPUT_TIME_LEN], uint64_t bytes)
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB" };
	double n = (double)bytes / 1024;
	unsigned u = 0;

	if (bytes < 1024) {
		snprintf(out, OUTPUT_TIME_LEN, "%" PRIu64 " bytes", bytes);
		return;
	}
	for (; n >= 1024 && u < 3; u++)
		n /= 1024;
	snprintf(out, OUTPUT_TIME_LEN, "%.1f %s", n, units[u]);
}

enum kb_err output_flush(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return KB_OK;
	log_err("unable to write to standard output");
	return KB_EIO;
}
