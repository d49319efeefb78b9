/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/filecut_walk.h"
#include "tests/sim/filecut_world.h"

#include <stdio.h>
#include <string.h>

#define STAGE_VERBS \
	(1u << FILECUT_RUN_STAGE | 1u << FILECUT_RUN_STAGE_OTHER | 1u << FILECUT_RUN_UNSTAGE)

static void add_folders(struct filecut_image *im)
{
	static const char foreign[] = "not ours";

	filecut_image_add_file(im, "keelboot", true, 0);
	filecut_image_add_file(im, "keelboot/stage", true, 0);
	filecut_image_add_file(im, "keelboot/stage/notes.txt", false,
			       filecut_image_blob(foreign, sizeof(foreign)));
}

static void add_garbage(struct filecut_image *im, const char *path)
{
	static uint8_t garbage[6000];

	memset(garbage, 0x77, sizeof(garbage));
	filecut_image_add_file(im, path, false, filecut_image_blob(garbage, sizeof(garbage)));
}

static void make_factory(struct filecut_image *im)
{
	struct state s;

	filecut_world_fresh(&s);
	filecut_world_state(im, &s);
}

static void make_replace(struct filecut_image *im)
{
	struct state s;

	filecut_world_fresh(&s);
	filecut_world_stage(&s, true);
	filecut_world_state(im, &s);
	add_folders(im);
	filecut_image_add_file(im, filecut_world_release[true].path, false,
			       filecut_world_release[true].bundle);
}

static void make_litter(struct filecut_image *im)
{
	char part[FILECUT_IMAGE_PATH + 8];

	make_factory(im);
	add_folders(im);
	snprintf(part, sizeof(part), "%s.part", filecut_world_release[false].path);
	add_garbage(im, part);
	add_garbage(im, filecut_world_release[false].path);
	add_garbage(im, "keelboot/stage/0123456789abcdef.keel.part");
}

static void decayed(struct filecut_image *im, uint8_t fails)
{
	struct state s;

	filecut_world_fresh(&s);
	filecut_world_stage(&s, false);
	s.staged.fails = fails;
	filecut_world_state(im, &s);
	add_folders(im);
	add_garbage(im, filecut_world_release[false].path);
}

static void make_decayed(struct filecut_image *im)
{
	decayed(im, 0);
}

static void make_failed(struct filecut_image *im)
{
	decayed(im, 1);
}

static void make_trial(struct filecut_image *im)
{
	struct state s;

	filecut_world_fresh(&s);
	filecut_world_stage(&s, false);
	filecut_world_in_b(&s, STATE_TRIAL);
	s.pref = s.open = 1;
	filecut_world_state(im, &s);
	add_folders(im);
	filecut_image_add_file(im, filecut_world_release[false].path, false,
			       filecut_world_release[false].bundle);
}

/* Room for what is staged, what is to be, and what is not ours, but not for litter too. */
#define ROOM 12000

#define STORY(called, is, how, ...)                                  \
	{                                                            \
		.name = called, .what = is, .make = how, __VA_ARGS__ \
	}

const struct filecut_walk_story filecut_story[FILECUT_STORIES] = {
	STORY("factory", "a data partition without our folder", make_factory, .verbs = STAGE_VERBS),
	STORY("replace", "another update is staged", make_replace, .verbs = STAGE_VERBS,
	      .room = ROOM),
	STORY("litter", "what was left behind, or put there, lies in the folder", make_litter,
	      .verbs = STAGE_VERBS, .room = ROOM),
	STORY("decayed", "the staged file is damaged", make_decayed, .verbs = STAGE_VERBS,
	      .damaged = true),
	STORY("failed", "the staged file is damaged, and failed at a boot", make_failed,
	      .verbs = STAGE_VERBS, .damaged = true),
	STORY("trial", "the staged update is installed and on trial", make_trial,
	      .verbs = STAGE_VERBS | 1u << FILECUT_RUN_GOOD, .token = 1),
};
