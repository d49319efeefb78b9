/* SPDX-License-Identifier: Apache-2.0 */
#include "channel/staged_note.h"

#include "lib/os_file.h"
#include "lib/util.h"

#include <stdio.h>
#include <string.h>

#define ID_LEN	 64u /* hexadecimal digits */
#define TEXT_MAX (2 * (ID_LEN + 1))
#define FRESH	 STAGED_NOTE_FILE ".new"

static bool is_release(const char *text)
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

bool staged_note_has(const char *data_mount, const char *release)
{
	char text[TEXT_MAX + 1];

	if (!is_release(release) || read_note(data_mount, text) != KB_OK)
		return false;
	for (const char *at = text; strlen(at) > ID_LEN; at += ID_LEN + 1)
		if (strncmp(at, release, ID_LEN) == 0 && at[ID_LEN] == '\n')
			return true;
	return false;
}

static enum kb_err remove_name(int dir, const char *name)
{
	enum kb_err err = os_file_unlink(dir, name);

	return err == KB_ENOENT ? KB_OK : err;
}

static enum kb_err write_fresh(int dir, const char *text)
{
	KB_CLEANUP_FD int fd = -1;

	TRY(remove_name(dir, FRESH));
	TRY(os_file_create(dir, FRESH, &fd));
	TRY(os_file_write(fd, text, strlen(text)));
	return os_file_sync(fd);
}

enum kb_err staged_note_add(const char *data_mount, const char *release, const char *staged)
{
	KB_CLEANUP_FD int dir = -1;
	bool both = strcmp(staged, release) != 0 && staged_note_has(data_mount, staged);
	char text[TEXT_MAX + 1];
	enum kb_err err;

	if (!is_release(release))
		return KB_EINVAL;
	snprintf(text, sizeof(text), "%s\n%s%s", release, both ? staged : "", both ? "\n" : "");
	TRY(open_place(data_mount, &dir));
	err = write_fresh(dir, text);
	/* Cut here, the old one counts. */
	if (err == KB_OK)
		err = os_file_rename(dir, FRESH, STAGED_NOTE_FILE);
	if (err == KB_OK)
		return os_file_sync(dir);
	/* A part of it may have taken all the room that was left. */
	(void)!os_file_unlink(dir, FRESH);
	return err;
}

enum kb_err staged_note_drop(const char *data_mount)
{
	KB_CLEANUP_FD int dir = -1;
	enum kb_err err = open_place(data_mount, &dir);

	if (err == KB_OK)
		err = remove_name(dir, STAGED_NOTE_FILE);
	/* Also where it is gone: whoever was killed here has not made that durable. */
	return err == KB_OK ? os_file_sync(dir) : err == KB_ENOENT ? KB_OK : err;
}
