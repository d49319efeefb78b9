/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/adopt/adopt.h"

#include "lib/os.h"

#include <stdio.h>
#include <string.h>

void adopt_path(const struct adopt *ad, char out[DEVICE_PATH_MAX], const char *path)
{
	snprintf(out, DEVICE_PATH_MAX, "%s%s", ad->sys_root, path);
}

/* The kernel writes a blank as "\040", and a backslash so, too. */
static void decode(char *text)
{
	char *to = text;

	for (const char *from = text; *from != '\0'; to++) {
		unsigned c;

		if (sscanf(from, "\\%3o", &c) == 1 && strspn(from + 1, "01234567") >= 3) {
			*to = (char)c;
			from += 4;
		} else {
			*to = *from++;
		}
	}
	*to = '\0';
}

/* "ID PARENT MAJOR:MINOR ROOT PLACE OPTIONS … - FSTYPE SOURCE …" */
static bool take_line(const char *line, struct adopt_mount *m)
{
	const char *type = strstr(line, " - ");

	if (type == NULL || sscanf(type, " - %31s", m->fstype) != 1 ||
	    sscanf(line, "%*u %*u %u:%u %255s %255s", &m->major, &m->minor, m->root, m->place) != 4)
		return false;
	decode(m->place);
	return true;
}

typedef bool (*wanted_fn)(const struct adopt_mount *m, const void *what);

/* The last one counts: it covers those before. */
static bool find_mount(const struct adopt *ad, wanted_fn wanted, const void *what,
		       struct adopt_mount *found)
{
	static char text[128u << 10];
	char path[DEVICE_PATH_MAX], *rest = text, *line;
	struct adopt_mount m;
	bool any = false;

	adopt_path(ad, path, "/proc/self/mountinfo");
	if (os_read_file(path, text, sizeof(text), NULL) != KB_OK)
		return false;
	while ((line = strsep(&rest, "\n")) != NULL) {
		if (!take_line(line, &m) || !wanted(&m, what))
			continue;
		*found = m;
		any = true;
	}
	return any;
}

static bool is_at(const struct adopt_mount *m, const void *place)
{
	return strcmp(m->place, place) == 0;
}

bool adopt_mount_at(const struct adopt *ad, const char *place, struct adopt_mount *m)
{
	return find_mount(ad, is_at, place, m);
}

static bool is_of(const struct adopt_mount *m, const void *number)
{
	char text[32];

	snprintf(text, sizeof(text), "%u:%u", m->major, m->minor);
	return strcmp(text, number) == 0;
}

static bool is_all_of(const struct adopt_mount *m, const void *number)
{
	return is_of(m, number) && strcmp(m->root, "/") == 0;
}

bool adopt_mount_of(const struct adopt *ad, const struct prober_part *part, struct adopt_mount *m)
{
	const char *name = strrchr(part->dev, '/');
	char file[128], path[DEVICE_PATH_MAX], number[32];

	if (name == NULL)
		return false;
	snprintf(file, sizeof(file), "/sys/class/block/%s/dev", name + 1);
	adopt_path(ad, path, file);
	if (os_read_file(path, number, sizeof(number), NULL) != KB_OK)
		return false;
	number[strcspn(number, "\n")] = '\0';
	return find_mount(ad, is_all_of, number, m) || find_mount(ad, is_of, number, m);
}
