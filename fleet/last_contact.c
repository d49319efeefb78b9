/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/last_contact.h"

#include "lib/os.h"
#include "lib/util.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_NAME    "fleet-contact"
#define PATH_MAX_LEN 320
#define TEXT_MAX     (LAST_CONTACT_WHY_MAX + 64)
#define DIGITS_MAX   12

static bool name_note(char path[PATH_MAX_LEN], const char *run_dir, const char *end)
{
	int len = snprintf(path, PATH_MAX_LEN, "%s/" FILE_NAME "%s", run_dir, end);

	return len > 0 && len < PATH_MAX_LEN;
}

/* Digits, and what ends them. */
static bool take_number(const char **at, char end, uint64_t *n)
{
	size_t len = strspn(*at, "0123456789");

	if (len == 0 || len > DIGITS_MAX || (*at)[len] != end)
		return false;
	*n = strtoull(*at, NULL, 10);
	*at += len + 1;
	return true;
}

/* "REACHED FAILURES\nWHY\n" */
static bool read_note(struct last_contact *l, const char *text)
{
	const char *at = text;
	size_t len;

	if (!take_number(&at, ' ', &l->reached) || !take_number(&at, '\n', &l->failures))
		return false;
	len = strcspn(at, "\n");
	if (at[len] != '\n' || len > LAST_CONTACT_WHY_MAX)
		return false;
	snprintf(l->why, sizeof(l->why), "%.*s", (int)len, at);
	return true;
}

struct last_contact last_contact_read(const char *run_dir)
{
	char path[PATH_MAX_LEN], text[TEXT_MAX + 1];
	struct last_contact l;

	if (name_note(path, run_dir, "") && os_read_file(path, text, sizeof(text), NULL) == KB_OK &&
	    read_note(&l, text))
		return l;
	return (struct last_contact){ .reached = 0 };
}

/* Who looks meanwhile sees the old one, or the new one. */
static enum kb_err replace_note(const char *run_dir, const char *text)
{
	char path[PATH_MAX_LEN], fresh[PATH_MAX_LEN];

	if (!name_note(path, run_dir, "") || !name_note(fresh, run_dir, ".new")) {
		errno = ENAMETOOLONG;
		return KB_EINVAL;
	}
	TRY(os_write_file(fresh, text, strlen(text)));
	return rename(fresh, path) == 0 ? KB_OK : err_errno(errno);
}

enum kb_err last_contact_add(const char *run_dir, uint64_t reached, const char *why)
{
	struct last_contact l = last_contact_read(run_dir);
	uint64_t now = os_now_ms() / 1000;
	char text[TEXT_MAX + 1];

	if (reached > 0)
		l.reached = reached < now ? reached : now;
	l.failures = why[0] != '\0' ? l.failures + 1 : 0;
	util_print_safe(l.why, sizeof(l.why), why);
	snprintf(text, sizeof(text), "%" PRIu64 " %" PRIu64 "\n%s\n", l.reached, l.failures, l.why);
	return replace_note(run_dir, text);
}
