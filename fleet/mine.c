/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/mine.h"

#include "fleet/folder.h"
#include "lib/os_file.h"
#include "lib/util.h"
#include "update/wire/staged_note.h"

#include <stdio.h>
#include <string.h>

#define ID_LEN	 64u /* hexadecimal digits */
#define TEXT_MAX (2 * (ID_LEN + 1))

static bool is_id(const char *text)
{
	return strlen(text) == ID_LEN && strspn(text, "0123456789abcdef") == ID_LEN;
}

static enum kb_err open_place(const char *data_mount, int *dir)
{
	TRY(os_file_folder(data_mount, dir));
	return os_file_enter(dir, STAGED_NOTE_FOLDER);
}

static enum kb_err read_note(const char *data_mount, char text[TEXT_MAX + 1])
{
	KB_CLEANUP_FD int dir = -1;
	KB_CLEANUP_FD int fd = -1;
	size_t len;

	text[0] = '\0';
	TRY(open_place(data_mount, &dir));
	TRY(os_file_open(dir, STAGED_NOTE_FILE, &fd));
	TRY(os_file_read(fd, 0, text, TEXT_MAX, &len));
	text[len] = '\0';
	return KB_OK;
}

bool mine_has(const char *data_mount, const char *release)
{
	char text[TEXT_MAX + 1];

	if (!is_id(release) || read_note(data_mount, text) != KB_OK)
		return false;
	for (const char *at = text; strlen(at) > ID_LEN; at += ID_LEN + 1)
		if (strncmp(at, release, ID_LEN) == 0 && at[ID_LEN] == '\n')
			return true;
	return false;
}

enum kb_err mine_add(const char *data_mount, const char *release, const char *staged)
{
	KB_CLEANUP_FD int dir = -1;
	bool both = strcmp(staged, release) != 0 && mine_has(data_mount, staged);
	char text[TEXT_MAX + 1];

	if (!is_id(release))
		return KB_EINVAL;
	snprintf(text, sizeof(text), "%s\n%s%s", release, both ? staged : "", both ? "\n" : "");
	TRY(open_place(data_mount, &dir));
	return folder_write(dir, STAGED_NOTE_FILE, text, strlen(text));
}
