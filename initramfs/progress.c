/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/progress.h"

#include "lib/bytes.h"
#include "update/wire/apply_wire.h"

#include <string.h>

const char *progress_phase_name(enum progress_phase phase)
{
	switch (phase) {
	case PROGRESS_NONE:
		return "starting";
	case PROGRESS_LOOK:
		return "looking at media";
	case PROGRESS_COMPARE:
		return "comparing";
	case PROGRESS_CHECK:
		return "checking";
	case PROGRESS_WRITE:
		return "writing";
	case PROGRESS_READ_BACK:
		return "reading back";
	}
	return "working";
}

unsigned progress_percent(const struct progress *p)
{
	if (p->total == 0)
		return 0;
	if (p->total < UINT64_MAX / 100)
		return (unsigned)(p->done * 100 / p->total);
	return (unsigned)(p->done / (p->total / 100 + 1));
}

static enum progress_phase phase_by_name(const char *name)
{
	if (strcmp(name, "look") == 0)
		return PROGRESS_LOOK;
	if (strcmp(name, "compare") == 0)
		return PROGRESS_COMPARE;
	if (strcmp(name, "check") == 0)
		return PROGRESS_CHECK;
	if (strcmp(name, "write") == 0)
		return PROGRESS_WRITE;
	if (strcmp(name, "read-back") == 0)
		return PROGRESS_READ_BACK;
	return PROGRESS_NONE;
}

/* The next word of *line, which is cut behind it; "" at the end. */
static char *cut_word(char **line)
{
	char *start = *line, *end = strchr(start, ' ');

	if (end == NULL) {
		*line = start + strlen(start);
		return start;
	}
	*end = '\0';
	*line = end + 1;
	return start;
}

static bool take_line(struct progress *p, char *line)
{
	enum progress_phase phase;
	uint64_t n, done, total;

	if (strcmp(cut_word(&line), "P") != 0 ||
	    bytes_decimal(&n, cut_word(&line), APPLY_CANDIDATES_MAX) != KB_OK || n < p->candidate)
		return false;
	phase = phase_by_name(cut_word(&line));
	if (phase == PROGRESS_NONE || (n == p->candidate && phase < p->phase))
		return false;
	if (bytes_decimal(&done, cut_word(&line), UINT64_MAX) != KB_OK ||
	    bytes_decimal(&total, cut_word(&line), UINT64_MAX) != KB_OK || done > total)
		return false;
	if (n == p->candidate && phase == p->phase && (done <= p->done || total != p->total))
		return false;
	p->candidate = (unsigned)n;
	p->phase = phase;
	p->done = done;
	p->total = total;
	return true;
}

bool progress_take(struct progress *p, const char *buf, size_t len)
{
	bool moved = false;

	for (size_t i = 0; i < len; i++) {
		if (buf[i] == '\n') {
			p->line[p->len] = '\0';
			if (!p->garbage && take_line(p, p->line))
				moved = true;
			p->len = 0;
			p->garbage = false;
		} else if (p->len + 1 < sizeof(p->line)) {
			p->line[p->len++] = buf[i];
		} else {
			p->garbage = true;
		}
	}
	return moved;
}
