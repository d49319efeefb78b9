/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/filecut.h"

static void add_garbage(struct filecut_image *im, const char *path)
{
	static uint8_t garbage[6000];

	memset(garbage, 0x77, sizeof(garbage));
	filecut_image_add_file(im, path, false, filecut_image_blob(garbage, sizeof(garbage)));
}

static void add_litter(struct filecut_image *im)
{
	char part[FILECUT_IMAGE_PATH + 8];

	snprintf(part, sizeof(part), "%s.part", filecut_world_release[false].path);
	add_garbage(im, part);
	add_garbage(im, filecut_world_release[false].path);
	add_garbage(im, "keelboot/stage/0123456789abcdef.keel.part");
}

static void make_state(const struct filecut_walk_story *story, struct state *s)
{
	filecut_world_fresh(s);
	if (story->staged != FILECUT_WALK_NOTHING)
		filecut_world_stage(s, story->staged == FILECUT_WALK_OTHER);
	s->staged.fails = (uint8_t)story->fails;
	if (story->trial) {
		filecut_world_in_b(s, STATE_TRIAL);
		s->pref = s->open = 1;
	}
}

void filecut_story_make(const struct filecut_walk_story *story, struct filecut_image *im)
{
	static const char foreign[] = "not ours";
	char note[2 * STATE_ID_LEN + 2];
	struct state s;

	memset(im, 0, sizeof(*im));
	make_state(story, &s);
	filecut_world_state(im, &s);
	if (story->folder) {
		filecut_world_add_folder(im, story->damaged ? NULL : &s);
		filecut_image_add_file(im, "keelboot/stage/notes.txt", false,
				       filecut_image_blob(foreign, sizeof(foreign)));
	}
	bytes_hex(note, filecut_world_release[true].r.id, STATE_ID_LEN);
	note[2 * STATE_ID_LEN] = '\n';
	if (story->noted)
		filecut_image_add_file(im, FILECUT_CHECK_NOTE, false,
				       filecut_image_blob(note, 2 * STATE_ID_LEN + 1));
	if (story->litter)
		add_litter(im);
	if (story->damaged)
		add_garbage(im, filecut_world_release[false].path);
}

/* Room for what is staged, what is to be, and what is not ours, but not for litter too. */
#define ROOM 12000

const struct filecut_walk_story filecut_story[FILECUT_STORIES] = {
	{ "factory", "a data partition without our folder", .staged = FILECUT_WALK_NOTHING },
	{ "replace", "another update is staged", FILECUT_WALK_OTHER, .folder = true, .room = ROOM },
	{ "litter", "what was left behind, or put there, lies in the folder", .folder = true,
	  .litter = true, .room = ROOM },
	{ "decayed", "the staged file is damaged", FILECUT_WALK_NEW, .folder = true,
	  .damaged = true },
	{ "failed", "the staged file is damaged, and failed at a boot", FILECUT_WALK_NEW,
	  .fails = 1, .folder = true, .damaged = true },
	{ "trial", "the staged update is installed and on trial", FILECUT_WALK_NEW, .folder = true,
	  .trial = true },
	{ "noted", "keelboot-fleet staged another update; a person stages now", FILECUT_WALK_OTHER,
	  .folder = true, .noted = true },
};
