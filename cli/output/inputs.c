/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/output/inputs.h"

#include "lib/log.h"
#include "lib/os.h"

#include <string.h>
#include <sys/stat.h>

static struct {
	dev_t dev;
	ino_t ino;
} list[INPUTS_MAX];
static unsigned count;

/* Where it is in the list; count: nowhere. */
static unsigned find_input(const struct stat *st)
{
	unsigned i = 0;

	while (i < count && (list[i].dev != st->st_dev || list[i].ino != st->st_ino))
		i++;
	return i;
}

void inputs_note(const char *path)
{
	struct stat st;

	if (count == INPUTS_MAX || stat(path, &st) != 0 || find_input(&st) < count)
		return;
	list[count].dev = st.st_dev;
	list[count++].ino = st.st_ino;
}

void inputs_replaced(const char *path)
{
	struct stat st;
	unsigned i;

	if (stat(path, &st) == 0 && (i = find_input(&st)) < count)
		list[i] = list[--count];
}

bool inputs_is_private_key(const char *path)
{
	static char text[64 * 1024];
	size_t len;

	return os_read_file(path, text, sizeof(text), &len) == KB_OK &&
	       strstr(text, "PRIVATE KEY-----") != NULL;
}

enum kb_err inputs_check_output(const char *path)
{
	bool key = inputs_is_private_key(path);
	struct stat st;

	if (!key && (stat(path, &st) != 0 || find_input(&st) == count))
		return KB_OK;
	log_err("%s: %s; choose another output", path,
		key ? "is a private key, and those are never overwritten"
		    : "is read by this command, so it is not overwritten");
	return KB_EINVAL;
}
