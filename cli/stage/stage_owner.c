/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/stage/stage_owner.h"

#include "cli/stage/stage_files.h"

#include "lib/bytes.h"
#include "lib/log.h"
#include "channel/staged_note.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define HEX_LEN (2 * STATE_ID_LEN + 1)

static enum kb_err fail_note(const struct conf *c, const char *what, enum kb_err err,
			     char why[STAGE_OWNER_WHY])
{
	snprintf(why, STAGE_OWNER_WHY, "%s/%s/%s: cannot be %s: %s%s", c->data_mount,
		 STAGED_NOTE_FOLDER, STAGED_NOTE_FILE, what, strerror(errno),
		 stage_files_hint(errno));
	log_err("%s", why);
	return err;
}

enum kb_err stage_owner_claim(const struct conf *c)
{
	enum kb_err err = staged_note_drop(c->data_mount);
	char why[STAGE_OWNER_WHY];

	return err == KB_OK ? KB_OK : fail_note(c, "removed", err, why);
}

/* "": nothing is staged. */
static void name_staged(char hex[HEX_LEN], const struct state_staged *staged)
{
	hex[0] = '\0';
	if (staged->source != STATE_SRC_NONE)
		bytes_hex(hex, staged->release, STATE_ID_LEN);
}

enum kb_err stage_owner_allows_fleet(const struct conf *c, const struct state_staged *staged,
				     char why[STAGE_OWNER_WHY])
{
	char hex[HEX_LEN];

	name_staged(hex, staged);
	if (hex[0] == '\0' || staged_note_has(c->data_mount, hex))
		return KB_OK;
	snprintf(why, STAGE_OWNER_WHY, "what is staged stays: it was not staged by keelboot-fleet");
	log_err("%s", why);
	return KB_EPERM;
}

enum kb_err stage_owner_lend(const struct conf *c, const struct state_staged *staged,
			     const uint8_t release[STATE_ID_LEN], char why[STAGE_OWNER_WHY])
{
	char hex[HEX_LEN], id[HEX_LEN];
	enum kb_err err;

	TRY(stage_owner_allows_fleet(c, staged, why));
	name_staged(hex, staged);
	bytes_hex(id, release, STATE_ID_LEN);
	err = staged_note_add(c->data_mount, id, hex);
	return err == KB_OK ? KB_OK : fail_note(c, "written", err, why);
}
