/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device in a folder: configuration, keys, two slots, the state partition and the data partition
 * as a cut left them.
 */
#pragma once

#include "tests/sim/bundles.h"
#include "tests/sim/filecut_fs.h"

/* How long the machine has to run before a report proves its slot, and whether the system has
 * reported in this boot: 0 and no to begin with. */
void filecut_world_report(unsigned stable_after, bool reported);

/* Makes the folder and the bundles. bundles_end() removes it. */
void filecut_world_begin(void);

#define FILECUT_WORLD_IMAGE 4096u

/* The new release, and another one. */
extern struct filecut_world_release {
	struct bundles_release r;
	uint32_t bundle;	       /* as the data partition should hold it: a blob */
	char path[FILECUT_IMAGE_PATH]; /* its name there */
	uint8_t image[FILECUT_WORLD_IMAGE];
} filecut_world_release[2];

/* The cells of a state partition that says s since its last record, and said that nothing had
 * happened yet in those before. Adds them to im. */
void filecut_world_state(struct filecut_image *im, struct state *s);
/* Slot a is good and runs 1.0, slot b is empty. */
void filecut_world_fresh(struct state *s);
/* The release is staged; slot b holds the new one. */
void filecut_world_stage(struct state *s, bool other);
void filecut_world_in_b(struct state *s, enum state_st st);

/* Adds the stage folder, and in it the bundle that s says is staged. NULL: none. */
void filecut_world_add_folder(struct filecut_image *im, const struct state *s);

/* Makes the folder and the state partition what im says. */
void filecut_world_put(const struct filecut_image *im);
/* What they hold now. */
void filecut_world_get(struct filecut_image *im);
/* Slot b becomes empty. token: slot b runs, and mark good needs it; 0: slot a runs. */
void filecut_world_booted(uint64_t token);

/* Puts the release's image into slot b. */
void filecut_world_fill_b(bool other);
/* Whether slot b holds the release's image. */
bool filecut_world_slot_b(bool other);
