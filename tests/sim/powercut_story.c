/* SPDX-License-Identifier: Apache-2.0 */
/* The life stories. Those of the common suite are in the smallest geometry in which every kind of
 * write happens; those for a night have more sectors, blocks and events. */
#include "tests/sim/powercut.h"

#define BOOTS	   6
#define LIMIT	   35000  /* nodes: all stories in eight minutes */
#define LONG_LIMIT 200000 /* in a night */

/* Those that take longest come first: the others run beside them. */
static const struct powercut_story stories[] = {
	/* Each retry that crashes makes another distance: there is no end. */
	{ "flaky", "the update works or crashes", .command = true, .does = POWERCUT_FLAKY,
	  .limit = 2500 },
	{ "staged", "an update is applied from a file on the data partition, which then goes",
	  .data = true },
	{ "lost-region", "one ring of records is lost at any point", .command = true,
	  .events = POWERCUT_LOSES_REGION },
	{ "raw", "an update on the raw stage partition is applied at boot, tried, marked good",
	  .heavy = true, .raw = true },
	{ "stick", "the same from a stick that stays in", .heavy = true, .stick = true },
	{ "command", "the running system installs it; reboot, trial, mark good", .command = true },
	{ "crashes", "the update crashes until it is given up; it is never installed again",
	  .heavy = true, .raw = true, .does = POWERCUT_CRASHES, .ends_old = true },
	{ "is-bad", "the update marks itself bad", .command = true, .does = POWERCUT_IS_BAD,
	  .ends_old = true },
	{ "panics", "the kernel panics when it mounts the update, until it is given up",
	  .command = true, .does = POWERCUT_PANICS, .ends_old = true },
	{ "hangs", "the update hangs, unnoticed, until it is given up", .heavy = true,
	  .command = true, .does = POWERCUT_HANGS, .ends_old = true },
	{ "rollback", "committed, then somebody goes back to the other slot", .command = true,
	  .events = POWERCUT_ROLLS_BACK },
	{ "reboots", "orderly reboots before the verdict", .command = true,
	  .events = POWERCUT_REBOOTS },
	{ "bad-spare", "installed over a slot that was rejected", .command = true,
	  .bad_spare = true },
	{ "first-update", "installed into a slot that nothing was ever written to", .command = true,
	  .no_spare = true },
	{ "resume", "slot b is half written from before: what is right is not written again",
	  .command = true, .half = true },
	{ "both-bad",
	  "both slots were rejected; the one that works is marked good in the last resort",
	  .command = true, .both_bad = true },
	{ "blind", "hardware that tells nothing of a reset; good slots are counted", .heavy = true,
	  .command = true, .blind = true },
	{ "lost-state",
	  "both rings, or the whole state partition, are lost at any point of an install",
	  .heavy = true, .command = true, .events = POWERCUT_LOSES_BOTH },
	{ "lost-squashfs", "the same with a file system whose first block is full of data",
	  .heavy = true, .command = true, .squashfs = true, .events = POWERCUT_LOSES_BOTH },
	{ "first-boot", "the state partition was never written: made from what the slots hold",
	  .heavy = true, .command = true, .no_state = true },
	{ "4k", "physical sectors of 4 KiB: what is torn takes its neighbours along",
	  .command = true, .unit = 8 },
	{ "4k-raw", "the same, applied at boot", .heavy = true, .raw = true, .unit = 8 },
	{ "4k-lost-state", "the same, and the state is lost at any point", .heavy = true,
	  .command = true, .unit = 8, .squashfs = true, .events = POWERCUT_LOSES_BOTH },
	{ "delta", "the update is made from what runs, and nothing else of it is there",
	  .command = true, .delta = DELTAS_PLAIN },
	{ "delta-staged", "the same, applied at boot", .heavy = true, .data = true,
	  .delta = DELTAS_PLAIN },
	{ "delta-squashfs", "its blocks are compressed again", .command = true, .squashfs = true,
	  .delta = DELTAS_SQUASHFS },
	{ "delta-erofs", "the same, of another file system", .command = true,
	  .delta = DELTAS_EROFS },
	{ "partial", "the update lacks what the slots have, and takes it from there",
	  .command = true, .partial = true },
	{ "partial-staged", "the same, applied at boot", .heavy = true, .data = true,
	  .partial = true },
	/* Good slots whose kernels are cut short again and again, and the waits of their retries,
	 * make no end. */
	{ "pair", "each slot has a kernel of its own, which the boot loader starts", .heavy = true,
	  .command = true, .pairs = true, .limit = 1500 },
	{ "pair-dead", "the kernel of the update never comes up", .command = true, .pairs = true,
	  .does = POWERCUT_IS_DEAD, .ends_old = true },
	{ "pair-unproven",
	  "what runs is on trial, and the boot loader's preset is what the command writes",
	  .heavy = true, .command = true, .pairs = true, .unproven = true, .limit = 1500 },
	{ "pair-raw", "the preset is what an update would be written to; applied at boot",
	  .heavy = true, .raw = true, .pairs = true, .unproven = true, .limit = 1500 },
	{ "pair-staged", "kernel and root are applied from a file on the data partition",
	  .heavy = true, .data = true, .pairs = true, .limit = 1500 },
	{ "pair-counts", "the boot loader counts the starts of its preset", .heavy = true,
	  .command = true, .pairs = true, .counts = true, .limit = 1500 },
	{ "pair-uboot", "the boot loader is U-Boot, with two copies of its environment",
	  .command = true, .pairs = true, .uboot = true, .limit = 600 },
	{ "pair-uboot-counts", "the same, and it counts the starts of its preset", .heavy = true,
	  .command = true, .pairs = true, .uboot = true, .counts = true, .limit = 1500 },
	{ "pair-uboot-dead", "the same, and the kernel of the update never comes up", .heavy = true,
	  .command = true, .pairs = true, .uboot = true, .counts = true, .does = POWERCUT_IS_DEAD,
	  .ends_old = true, .limit = 1500 },
	{ "pair-rollback", "committed, then somebody goes back to the other slot and its kernel",
	  .heavy = true, .command = true, .pairs = true, .events = POWERCUT_ROLLS_BACK,
	  .limit = 2500 },
	{ "tail", "what is behind the image is cleared and discarded, and reads as garbage",
	  .command = true, .discarded = CUT_DISCARD_GARBAGE, .tail = 3072 },
	{ "tail-kept", "the same, and what is discarded reads as before", .heavy = true,
	  .command = true, .discarded = CUT_DISCARD_OLD, .tail = 3072 },
	{ "tail-zeroes", "the same, and what is discarded reads as zeroes", .heavy = true,
	  .command = true, .discarded = CUT_DISCARD_ZEROES, .tail = 3072 },
	{ "resets", "the watchdog resets the device at any point, or the power goes", .heavy = true,
	  .command = true, .events = POWERCUT_RESETS },
	{ "raw-resets", "the same, and the update is applied at boot", .heavy = true, .raw = true,
	  .events = POWERCUT_RESETS, .limit = 6000 },
	{ "raw-lost",
	  "the update lies on the raw stage partition, and the state is lost at any point",
	  .heavy = true, .raw = true, .events = POWERCUT_LOSES_BOTH, .limit = 6000 },
};

const struct powercut_story *powercut_story_get(unsigned i, enum powercut_size size,
						struct powercut_story *out)
{
	static const struct {
		unsigned w, c;
	} of[] = { { 2, 1 }, { 3, 4 }, { 6, 8 } };
	unsigned at;

	if (i >= sizeof(stories) / sizeof(stories[0]))
		return NULL;
	*out = stories[i];
	/* What is in a slot is multiplied by all that a state that was lost may be again. */
	at = size -
	     (out->events & (POWERCUT_LOSES_BOTH | POWERCUT_RESETS) && size != POWERCUT_SMALL);
	/* A file system with files fills the blocks that it has. */
	if (out->delta > DELTAS_PLAIN)
		at = POWERCUT_SMALL;
	out->w = of[at].w;
	out->c = of[at].c;
	out->unit = out->unit == 0 ? 1 : out->unit;
	if (size == POWERCUT_LONG)
		out->limit = LONG_LIMIT;
	else if (out->limit == 0)
		out->limit = LIMIT;
	/* A rebuilt state has to try the slots again before anything is installed. */
	out->boots = BOOTS + STATE_TRIES;
	return out;
}
