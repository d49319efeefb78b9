/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/stage/stage_owner.h"

#include "cli/stage/stage_files.h"

#include "lib/log.h"
#include "lib/os_file.h"
#include "lib/util.h"
#include "update/wire/staged_note.h"

#include <errno.h>
#include <string.h>

static enum kb_err drop_note(const struct conf *c)
{
	KB_CLEANUP_FD int dir = -1;
	enum kb_err err;

	TRY(os_file_folder(c->data_mount, &dir));
	TRY(os_file_enter(&dir, STAGED_NOTE_FOLDER));
	err = os_file_unlink(dir, STAGED_NOTE_FILE);
	if (err != KB_OK && err != KB_ENOENT)
		return err;
	/* Also where it is gone: whoever was killed here has not made that durable. */
	return os_file_sync(dir);
}

enum kb_err stage_owner_claim(const struct conf *c)
{
	enum kb_err err = drop_note(c);

	if (err == KB_OK || err == KB_ENOENT)
		return KB_OK;
	log_err("%s/%s/%s: cannot be removed: %s%s", c->data_mount, STAGED_NOTE_FOLDER,
		STAGED_NOTE_FILE, strerror(errno), stage_files_hint(errno));
	return err;
}
