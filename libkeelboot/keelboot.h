/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keelboot for programs: which slot runs, whether it is on trial, what the next boot does; and to
 * give a verdict, or to stage an update. keelboot(3) explains it, with examples.
 *
 * A function that returns int returns 0 or more, or an error number below 0. The library prints
 * nothing, ends no process, keeps nothing but in the handle. Two threads may use two handles.
 */
#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct keelboot;

/* For a slot: the one that runs. Others are 'a' to 'h'. */
#define KEELBOOT_BOOTED 0

/* Later versions may add values: treat one that you do not know as KEELBOOT_SLOT_UNKNOWN. */
enum keelboot_slot_state {
	KEELBOOT_SLOT_UNKNOWN = 0,
	KEELBOOT_SLOT_EMPTY = 1,
	KEELBOOT_SLOT_WRITING = 2, /* an install into it was not finished */
	KEELBOOT_SLOT_TRIAL = 3,
	KEELBOOT_SLOT_GOOD = 4,
	KEELBOOT_SLOT_BAD = 5
};

/* What an orderly reboot would change. */
enum keelboot_pending {
	KEELBOOT_PENDING_NOTHING = 0,
	KEELBOOT_PENDING_INSTALL = 1, /* it installs what is staged */
	KEELBOOT_PENDING_SLOT = 2     /* it uses another slot than the one that runs */
};

/* ---- the handle */

/* -ENOMEM. No process is started yet. */
int keelboot_new(struct keelboot **out);
/* NULL is fine. */
void keelboot_free(struct keelboot *kb);

/* The command, by an absolute path (-EINVAL), if it is not /usr/bin/keelboot. */
int keelboot_set_program(struct keelboot *kb, const char *path);
/* Options of keelboot(1) for each call: "--state", "disk.img", NULL. They are copied. */
int keelboot_set_options(struct keelboot *kb, const char *const *options);

/* What went wrong in the last call that failed, for a person; "" if none did. Until the next call.
 */
const char *keelboot_error(const struct keelboot *kb);

/* 1: Keelboot booted this system; 0: it did not. Needs no handle, and no rights. */
int keelboot_is_booted(void);
/* The library's version: "0.1.0". */
const char *keelboot_library_version(void);

/* ---- facts: as the last keelboot_refresh() found them, until the next one */

/* 0 also when the state cannot be read, for lack of rights say: the facts of this boot are known
 * then, those of the slots are not. */
int keelboot_refresh(struct keelboot *kb);

/* These return -ENODATA for what is not known; a text is "" then, never NULL. */

/* 'a' to 'h'; -ENODATA: Keelboot did not boot this system. */
int keelboot_booted_slot(const struct keelboot *kb);
/* Why the boot took it: "normal", "oneshot", "retry" (it lost its trust, and is tried again),
 * "forced", "last-resort". Later versions may add words. */
const char *keelboot_booted_tier(const struct keelboot *kb);
/* Why the boot did not take the slot that stood before it: "b: no mount". */
const char *keelboot_booted_reason(const struct keelboot *kb);
/* 1: the slot that runs is on trial; 0: it is not. */
int keelboot_on_trial(const struct keelboot *kb);

int keelboot_slot_count(const struct keelboot *kb);
/* A value of enum keelboot_slot_state. */
int keelboot_slot_state(const struct keelboot *kb, int slot);
/* How many more boots its trial has. */
int keelboot_slot_tries(const struct keelboot *kb, int slot);
const char *keelboot_slot_version(const struct keelboot *kb, int slot);
int keelboot_slot_sequence(const struct keelboot *kb, int slot, uint64_t *sequence);
/* Why it is bad. */
const char *keelboot_slot_reason(const struct keelboot *kb, int slot);

/* The slot that an orderly reboot uses, if it installs nothing. */
int keelboot_next_slot(const struct keelboot *kb);
/* A value of enum keelboot_pending. */
int keelboot_pending(const struct keelboot *kb);
/* What is wrong with this device, one after the other; NULL behind the last. */
const char *keelboot_warning(const struct keelboot *kb, unsigned n);

/* ---- changes: 0 done, 1 nothing had to be done; they need the rights of the command */

/* -ETIMEDOUT after 180 s, other changes but a stage after 60 s, and twice what --wait in the
 * options says: then nobody knows whether it was done. */
int keelboot_mark_good(struct keelboot *kb, int slot);
/* reason: for a person; NULL none. */
int keelboot_mark_bad(struct keelboot *kb, int slot, const char *reason);

/* Called while a bundle is staged, at least once a second: phase is "copy" or "verify", done of
 * total bytes behind it. Another result than 0 ends it: -ECANCELED. */
typedef int (*keelboot_progress)(void *data, const char *phase, uint64_t done, uint64_t total);

/* Verifies the bundle, and leaves a copy for the next boot to install. progress may be NULL. */
int keelboot_stage(struct keelboot *kb, const char *bundle, keelboot_progress progress, void *data);
int keelboot_unstage(struct keelboot *kb);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
