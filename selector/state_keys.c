/* SPDX-License-Identifier: Apache-2.0 */
/* state_encode.c and state_decode.c walk these. What cannot be read becomes what trusts least. */
#include "selector/state_keys.h"

#define OF_STATE(member) offsetof(struct state, member), sizeof(((struct state *)0)->member)
#define OF_SLOT(member) \
	offsetof(struct state_slot, member), sizeof(((struct state_slot *)0)->member)

#define CORE	STATE_WHEN_CORE
#define SET	STATE_WHEN_SET
#define RELEASE STATE_WHEN_RELEASE
#define NONE	((uint64_t)STATE_NONE)
#define LIMIT	STATE_KIND_LIMIT
#define LIMITS	UINT64_MAX - 1, UINT64_MAX
#define WAIT	(1u << STATE_RETRIES_MAX)

/* name, when written, kind, field, max, value when bad */
const struct state_key state_keys[] = {
	{ "nslots", CORE, STATE_KIND_NSLOTS, OF_STATE(nslots), 0, 0 },
	{ "pref", CORE, STATE_KIND_LETTER, OF_STATE(pref), 0, 0 },
	{ "last", CORE, STATE_KIND_LETTER, OF_STATE(last), 0, NONE },
	{ "open", CORE, STATE_KIND_LETTER, OF_STATE(open), 0, NONE },
	{ "token", CORE, STATE_KIND_TOKEN, OF_STATE(open_token), UINT64_MAX, 0 },
	{ "clean", CORE, STATE_KIND_NUMBER, OF_STATE(clean), 1, 0 },
	{ "lr", CORE, STATE_KIND_LETTER, OF_STATE(lr), 0, NONE },
	{ "", CORE, STATE_KIND_SLOTS, OF_STATE(slot), 0, 0 },
	{ "handed", SET, STATE_KIND_TOKEN, OF_STATE(handed), UINT64_MAX, 0 },
	{ "oneshot", SET, STATE_KIND_LETTER, OF_STATE(oneshot), 0, NONE },
	{ "lr.count", SET, STATE_KIND_NUMBER, OF_STATE(lr_count), STATE_LR_COUNT_MAX,
	  STATE_LR_COUNT_MAX },
	{ "", SET, STATE_KIND_SLOTS, OF_STATE(slot), 0, 0 },
	{ "staged", SET, STATE_KIND_STAGED, OF_STATE(staged), 0, 0 },
	{ "data", SET, STATE_KIND_DATA, OF_STATE(data), 0, 0 },
	/* What cannot be read deletes nothing. */
	{ "factory", SET, STATE_KIND_NUMBER, OF_STATE(factory), STATE_FACTORY_MAX, 0 },
	{ "factory.fill", SET, STATE_KIND_NUMBER, OF_STATE(factory_fill), STATE_FACTORY_MAX, 0 },
	{ "factory.refill", SET, STATE_KIND_NUMBER, OF_STATE(factory_refill), 1, 0 },
	{ "factory.token", SET, STATE_KIND_MARKERS, OF_STATE(markers), 0, 0 },
	{ "apply.data", SET, STATE_KIND_APPLY, OF_STATE(apply[STATE_SRC_DATA]), 0, 0 },
	{ "apply.raw", SET, STATE_KIND_APPLY, OF_STATE(apply[STATE_SRC_RAW]), 0, 0 },
	{ "apply.sd", SET, STATE_KIND_APPLY, OF_STATE(apply[STATE_SRC_SD]), 0, 0 },
	{ "apply.usb", SET, STATE_KIND_APPLY, OF_STATE(apply[STATE_SRC_USB]), 0, 0 },
	{ "apply.command", SET, STATE_KIND_APPLY, OF_STATE(apply[STATE_SRC_COMMAND]), 0, 0 },
	{ "installs", SET, STATE_KIND_NUMBER, OF_STATE(installs), STATE_INSTALLS_LIMIT,
	  STATE_INSTALLS_LIMIT },
	{ "rebuilt", SET, STATE_KIND_NUMBER, OF_STATE(rebuilt), 1, 1 },
	/* Else a reset would count as a power cut, which excuses. */
	{ "warm", SET, STATE_KIND_NUMBER, OF_STATE(warm), 1, 0 },
	/* One that is no number must not open the way back, nor bar every release forever. */
	{ "floor", SET, LIMIT, OF_STATE(floor), LIMITS },
	{ "back", SET, LIMIT, OF_STATE(back), LIMITS },
	{ "ps", SET, STATE_KIND_HASH, OF_STATE(ps), 0, 0 },
	{ "disk", SET, STATE_KIND_TEXT, OF_STATE(disk), 0, 0 },
	{ "applied", SET, STATE_KIND_APPLIED, OF_STATE(applied), 0, 0 },
	{ "rejected", SET, STATE_KIND_REJECTED, OF_STATE(rejected), 0, 0 },
	{ "rejected.max", SET, LIMIT, OF_STATE(rejected_max), LIMITS },
	{ "forgotten.max", SET, LIMIT, OF_STATE(forgotten_max), LIMITS },
	{ "unwritable", SET, STATE_KIND_UNWRITABLE, OF_STATE(unwritable), 0, 0 },
	{ 0 },
};

const struct state_key state_keys_of_slot[] = {
	{ "st", CORE, STATE_KIND_ST, OF_SLOT(st), 0, STATE_BAD },
	{ "tries", CORE, STATE_KIND_NUMBER, OF_SLOT(tries), STATE_TRIES_MAX, 0 },
	{ "grace", CORE, STATE_KIND_NUMBER, OF_SLOT(grace), STATE_GRACE, 0 },
	{ "streak", CORE, STATE_KIND_NUMBER, OF_SLOT(streak), STATE_STREAK_LIMIT,
	  STATE_STREAK_LIMIT },
	{ "ever", SET, STATE_KIND_NUMBER, OF_SLOT(ever_good), 1, 0 },
	{ "doubt", SET, STATE_KIND_NUMBER, OF_SLOT(doubt), 1, 1 },
	{ "retries", SET, STATE_KIND_NUMBER, OF_SLOT(retries), STATE_RETRIES_MAX,
	  STATE_RETRIES_MAX },
	{ "wait", SET, STATE_KIND_NUMBER, OF_SLOT(wait), WAIT, WAIT },
	{ "release", RELEASE, STATE_KIND_RELEASE, OF_SLOT(release), 0, 0 },
	{ "sequence", RELEASE, STATE_KIND_NUMBER, OF_SLOT(sequence), UINT64_MAX, 0 },
	{ "version", RELEASE, STATE_KIND_TEXT, OF_SLOT(version), 0, 0 },
	{ "reason", SET, STATE_KIND_TEXT, OF_SLOT(reason), 0, 0 },
	{ 0 },
};
