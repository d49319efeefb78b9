/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/wait_note.h"

#include "lib/os.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_NAME    "fleet-due"
#define PATH_MAX_LEN 320
#define TEXT_MAX     64

static bool name_file(char path[PATH_MAX_LEN], const char *run_dir)
{
	int len = snprintf(path, PATH_MAX_LEN, "%s/" FILE_NAME, run_dir);

	return len > 0 && len < PATH_MAX_LEN;
}

/* Digits, no more than that, and what ends them. */
static bool read_number(const char **at, size_t most, char end, uint64_t *n)
{
	size_t len = strspn(*at, "0123456789");

	if (len == 0 || len > most || (*at)[len] != end)
		return false;
	*n = strtoull(*at, NULL, 10);
	*at += len + 1;
	return true;
}

struct wait_note wait_note_read(const char *run_dir)
{
	char path[PATH_MAX_LEN], text[TEXT_MAX];
	const char *at = text;
	struct wait_note n;

	if (name_file(path, run_dir) && os_read_file(path, text, sizeof(text), NULL) == KB_OK &&
	    read_number(&at, 18, ' ', &n.due) && read_number(&at, 9, '\n', &n.failures))
		return n;
	return (struct wait_note){ .due = 0 };
}

enum kb_err wait_note_write(const char *run_dir, const struct wait_note *n)
{
	char path[PATH_MAX_LEN], text[TEXT_MAX];

	if (!name_file(path, run_dir)) {
		errno = ENAMETOOLONG;
		return KB_EINVAL;
	}
	snprintf(text, sizeof(text), "%" PRIu64 " %" PRIu64 "\n", n->due, n->failures);
	return os_write_file(path, text, strlen(text));
}
