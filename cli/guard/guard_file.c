/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/guard/guard_file.h"

#include "lib/os.h"
#include "lib/os_file.h"

#include <stdio.h>
#include <string.h>

enum kb_err guard_file_replace(int dir, const char *name, const char *text)
{
	char fresh[64];
	enum kb_err err;
	int fd = -1;

	snprintf(fresh, sizeof(fresh), "%s.new", name);
	err = os_file_unlink(dir, fresh);
	if (err != KB_OK && err != KB_ENOENT)
		return err;
	TRY(os_file_create(dir, fresh, &fd));
	err = os_file_write(fd, text, strlen(text));
	if (err == KB_OK)
		err = os_file_sync(fd); /* else a power cut leaves an empty file of that name */
	os_close(&fd);
	if (err == KB_OK)
		err = os_file_rename(dir, fresh, name);
	if (err == KB_OK)
		err = os_file_sync(dir); /* the name, before anything that relies on it */
	return err;
}
