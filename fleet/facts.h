/* SPDX-License-Identifier: Apache-2.0 */
/* What Keelboot says of this device: by its command, as any other program asks it. */
#pragma once

#include "fleet/action.h"
#include "fleet/ddi.h"
#include "fleet/monitor.h"

#include <json-c/json.h>

#include <stdbool.h>

#define FACTS_SLOTS_MAX	   8
#define FACTS_TEXT_MAX	   255
#define FACTS_REJECTED_MAX 8
#define FACTS_REJECTED_LEN 32 /* hexadecimal digits */

struct facts_slot {
	/* "a" */
	char name[2];
	/* "empty", "writing", "trial", "good", "bad" */
	char state[16];
	char release[ACTION_RELEASE_LEN + 1];
	char version[ACTION_VERSION_MAX + 1];
	uint64_t sequence;
	/* crashes in a row; boots that are left to its trial */
	uint64_t crashes, tries;
	/* why it is bad */
	char reason[FACTS_TEXT_MAX + 1];
};

struct facts {
	/* of the slot that runs; "": Keelboot did not boot this system */
	char booted[2];
	unsigned nslots;
	struct facts_slot slot[FACTS_SLOTS_MAX];
	/* what is staged; "": nothing. What the next boot does with it ("install", "skip",
	 * "forget"), and why. */
	char staged[ACTION_RELEASE_LEN + 1], staged_next[16], staged_why[FACTS_TEXT_MAX + 1];
	/* each boot skips it, until it is staged anew */
	bool staged_lasting;
	/* a person staged it, also where it is a release that an action staged before */
	bool staged_by_others;
	char compatible[FACTS_TEXT_MAX + 1];
	/* nothing below this sequence is installed */
	uint64_t floor;
	/* the beginnings of releases that failed here; "" where there is none */
	char rejected[FACTS_REJECTED_MAX][FACTS_REJECTED_LEN + 1];
	/* something else lies where the data partition is to be mounted */
	bool data_elsewhere;
	/* why the boot took another slot than the preferred one; what reset the machine before */
	char boot_reason[FACTS_TEXT_MAX + 1], reset[32];
	/* how that boot found a slot: "normal", or in a rescue or as a last resort */
	char tier[32];
	/* of the state, so far; lines that warn */
	uint64_t writes;
	unsigned warnings;
	/* the first of them */
	char warning[FACTS_TEXT_MAX + 1];
};

/* What a bundle holds. */
struct facts_bundle {
	char release[ACTION_RELEASE_LEN + 1], version[ACTION_VERSION_MAX + 1];
	uint64_t sequence;
};

/* Exit codes of keelboot(1). */
enum facts_exit {
	FACTS_OK = 0,
	FACTS_FAILURE = 1,
	FACTS_NOTHING = 2,
	FACTS_VERIFY = 5,
	FACTS_INCOMPATIBLE = 6,
	FACTS_BUSY = 7,
	/* it stays staged: a person staged it, too */
	FACTS_OTHERS = MONITOR_OTHERS,
};

/* false: why has a text. Without a state that can be read, nothing is known. */
bool facts_read(struct facts *f, struct monitor *m, char why[FACTS_TEXT_MAX + 1]);

/* The slot that runs; NULL: not known. */
const struct facts_slot *facts_booted(const struct facts *f);
/* It failed here before. */
bool facts_is_rejected(const struct facts *f, const char *release);
/* An install of it has begun, and not ended. */
bool facts_is_half_written(const struct facts_slot *s);
/* The slot with this release, whole; NULL: none has it. */
const struct facts_slot *facts_slot_of(const struct facts *f, const char *release);

/* Of the bundle that is here: a facts_exit, or -1; why has a text then. The keys, so many of which
 * must have signed, come before anything that the bundle says. */
int facts_inspect(struct facts_bundle *b, struct monitor *m, char why[FACTS_TEXT_MAX + 1]);
/* The same of one that still comes, of which header, signature and manifest are here, at least:
 * whether it would be staged, for all that is here of its index. b: as far as it is known. */
int facts_index(struct facts_bundle *b, struct monitor *m, char why[FACTS_TEXT_MAX + 1]);
/* What a channel file says, to be released, once as many of these keys signed it; NULL: why has a
 * text. */
json_object *facts_channel(struct monitor *m, const void *bytes, size_t len,
			   char why[FACTS_TEXT_MAX + 1]);
/* again: it lacks what a slot had when it was fetched. */
int facts_stage(struct monitor *m, char why[FACTS_TEXT_MAX + 1], bool *again);
/* Which ranges of the bundle are to be fetched, whose index is here: what `keelboot stage --ranges`
 * prints, to be released. */
int facts_ranges(struct monitor *m, json_object **ranges, char why[FACTS_TEXT_MAX + 1]);
int facts_unstage(struct monitor *m, char why[FACTS_TEXT_MAX + 1]);

/* Adds what `keelboot why` has about this release: a sentence, and the last lines. */
void facts_say_why(struct monitor *m, const char *version, uint64_t sequence,
		   struct ddi_feedback *f);
/* Why a boot refused this release, from the history; "" if it does not say. any: or why it refused
 * to look at all, as hooks have it. true: it lacked what a slot had when it was fetched. */
bool facts_refusal(struct monitor *m, const char *version, uint64_t sequence, bool any,
		   char why[FACTS_TEXT_MAX + 1]);
