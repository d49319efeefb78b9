/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/output/output_progress.h"

#include "lib/log.h"
#include "lib/os.h"
#include "lib/os_file.h"
#include "lib/util.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BAR_MS	  100 /* between two pictures of a bar */
#define JSON_MS	  250
#define LINES_MS  10000 /* without a step of ten percent, a line is due nevertheless */
#define BAR_WIDTH 30u

enum kb_err output_progress_parse(struct output_progress *p, const char *mode)
{
	static const char *const names[] = { "auto", "bar", "plain", "json", "none" };

	for (unsigned i = 0; i < KB_ARRAY_LEN(names); i++) {
		if (strcmp(mode, names[i]) != 0)
			continue;
		p->mode = (enum output_progress_mode)i;
		return KB_OK;
	}
	log_err("--progress=%s: not one of auto, bar, plain, json, none", mode);
	return KB_EINVAL;
}

static unsigned percent_of(uint64_t done, uint64_t total)
{
	if (total == 0 || done >= total)
		return 100;
	return total > UINT64_MAX / 100 ? (unsigned)(done / (total / 100))
					: (unsigned)(done * 100 / total);
}

static void show_bar(struct output_progress *p, unsigned percent, uint64_t done, uint64_t total)
{
	char bar[BAR_WIDTH + 1], a[OUTPUT_TIME_LEN], b[OUTPUT_TIME_LEN];
	unsigned full = percent * BAR_WIDTH / 100;

	for (unsigned i = 0; i < BAR_WIDTH; i++)
		bar[i] = i < full ? '#' : '.';
	bar[BAR_WIDTH] = '\0';
	output_size(a, done);
	output_size(b, total);
	fprintf(stderr, "\r%-10s [%s] %3u%%  %s of %s   ", p->phase, bar, percent, a, b);
	fflush(stderr);
	p->bar_open = true;
}

static void show_json(const struct output_progress *p, uint64_t done, uint64_t total)
{
	json_object *o = output_json_new();

	output_json_text(o, "event", "progress");
	output_json_text(o, "phase", p->phase);
	output_json_number(o, "done", done);
	output_json_number(o, "total", total);
	if (output_json_print(o, true) != KB_OK)
		return; /* reported; the job goes on, whoever listens */
}

/* For whoever shows it on a screen of the device. Nothing depends on it, so no failure is reported.
 */
static void publish_progress(struct output_progress *p, const char *phase, uint64_t done,
			     uint64_t total)
{
	unsigned percent = percent_of(done, total);
	char fresh[sizeof(p->file) + 4], line[160];
	int len;

	if (p->file[0] == '\0' || (p->published != NULL && p->published_percent == percent &&
				   strcmp(p->published, phase) == 0))
		return;
	p->published = phase;
	p->published_percent = percent;
	len = snprintf(
		line, sizeof(line),
		"{\"schema\":1,\"phase\":\"%s\",\"percent\":%u,\"done\":%ju,\"total\":%ju}\n",
		phase, percent, (uintmax_t)done, (uintmax_t)total);
	snprintf(fresh, sizeof(fresh), "%s.new", p->file);
	if (os_write_file(fresh, line, (size_t)len) == KB_OK)
		(void)!os_file_replace(fresh, p->file);
}

/* Whether it is time for another picture. */
static bool is_due(const struct output_progress *p, unsigned percent, uint64_t now)
{
	uint64_t since = now - p->shown_ms;

	if (percent == 100 && p->shown_percent < 100)
		return true;
	switch (p->mode) {
	case OUTPUT_PROGRESS_BAR:
		return since >= BAR_MS;
	case OUTPUT_PROGRESS_JSON:
		return since >= JSON_MS;
	case OUTPUT_PROGRESS_AUTO:
	case OUTPUT_PROGRESS_LINES:
	case OUTPUT_PROGRESS_NONE:
		break;
	}
	return percent / 10 > p->shown_percent / 10 || since >= LINES_MS;
}

static void show_progress_of(struct output_progress *p, uint64_t done, uint64_t total)
{
	unsigned percent = percent_of(done, total);

	p->shown_percent = percent;
	p->total = total;
	if (p->mode == OUTPUT_PROGRESS_BAR)
		show_bar(p, percent, done, total);
	else if (p->mode == OUTPUT_PROGRESS_JSON)
		show_json(p, done, total);
	else
		fprintf(stderr, "%s %u%%\n", p->phase, percent);
}

static void close_bar(struct output_progress *p)
{
	if (p->bar_open)
		fputc('\n', stderr);
	p->bar_open = false;
}

void output_progress_step(struct output_progress *p, const char *phase, uint64_t done,
			  uint64_t total)
{
	uint64_t now = os_now_ms();
	bool fresh = p->phase == NULL || strcmp(p->phase, phase) != 0;

	if (p->mode == OUTPUT_PROGRESS_AUTO)
		p->mode = isatty(STDERR_FILENO) ? OUTPUT_PROGRESS_BAR : OUTPUT_PROGRESS_LINES;
	publish_progress(p, phase, done, total);
	if (p->mode == OUTPUT_PROGRESS_NONE || (!fresh && !is_due(p, percent_of(done, total), now)))
		return;
	/* A phase that another follows was done. */
	if (fresh && p->phase != NULL && p->shown_percent < 100)
		show_progress_of(p, p->total, p->total);
	if (fresh)
		close_bar(p);
	p->phase = phase;
	p->shown_ms = now;
	show_progress_of(p, done, total);
}

void output_progress_cut(struct output_progress *p)
{
	close_bar(p);
	p->phase = NULL;
}

void output_progress_end(struct output_progress *p)
{
	close_bar(p);
	if (p->published != NULL && os_unlink(p->file) == KB_OK)
		p->published = NULL;
}

void output_progress_result(json_object *o, int code)
{
	output_json_text(o, "event", "result");
	output_json_number(o, "exit", (uint64_t)code);
	if (output_json_print(o, true) != KB_OK)
		return; /* reported */
}
