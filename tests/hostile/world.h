/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device on which one hostile bundle after the other is installed, by the shipped objects, in one
 * process: thousands of cases in seconds. Slot a runs and is good, slot b is the target; both hold
 * a pattern that no bundle has, and the state lies in memory, where each write is counted.
 */
#pragma once

#include "update/apply/apply_file.h"

#include <stdbool.h>
#include <stdint.h>

#define WORLD_SLOT (64u << 10) /* bytes of a slot, unless world_slots() was called */
#define WORLD_FILL 0xb5	       /* what the target holds before */

struct world_verdict {
	enum kb_err err;
	enum install_blame blame;
	bool known;	    /* its signature was good */
	bool slot_written;  /* a byte of the target differs from what was there */
	bool other_written; /* the slot that runs: never */
	bool state_written;
	bool on_trial; /* the state says that the target can be booted */
	char why[MANIFEST_WHY];
};

/* Slots of another size, a multiple of 4096, and in memory if that can be: a disk takes long for
 * many flushes. Before world_begin(). */
void world_slots(size_t size);

/* What all programs begin with: HELPER (keelboot-helper, for the decoder), KEYS, at least so many
 * arguments, and "verify-first" as the last one, which is taken away, or not. Returns whether it
 * was there. Ends the process when something is missing. */
bool world_begin(int *argc, char **argv, int least);

/* The keys of a folder; anew for each call. The error of keyring_load(). */
enum kb_err world_keys(const char *dir) KB_MUST_CHECK;

/* One install, on a device that was never installed on. raw: fd stands for a device, so that what
 * follows the bundle does not matter. */
struct world_verdict world_try(int fd, bool raw);

/* Leaves the state partition, as it is now, in a file. */
void world_save_state(const char *path);

/* What the target holds now. */
const uint8_t *world_slot(void);

/* True if every unit of the target is as before, zero, or as in one of the n images. */
bool world_holds_only(const uint8_t *const *image, const uint64_t *size, unsigned n, size_t unit);

/* Which rule a result breaks, where nothing but the n images was signed; NULL: none. */
const char *world_broken(const struct world_verdict *v, const uint8_t *const *image,
			 const uint64_t *size, unsigned n);

/* A file, whole, in memory that stays. */
uint8_t *world_read_file(const char *path, uint64_t *size);

/* An unnamed file with that content, or with that of another file. */
int world_memfd(const void *data, uint64_t size);
int world_open(const char *path);

/* Ends the process with a message when ok is false: the test itself is at fault. */
void world_must(bool ok, const char *what);

/* A function that gives something else under a condition, and what the real one gives otherwise. */
#define WORLD_REPLACE(ours, real, condition, type, instead, params, args) \
	type ours params                                                  \
	{                                                                 \
		if (condition)                                            \
			return instead;                                   \
		return real args;                                         \
	}
/* One that the linker puts in the place of another: --wrap. */
#define WORLD_WRAP(condition, type, name, instead, params, args) \
	extern __typeof__(name) __real_##name, __wrap_##name;    \
	WORLD_REPLACE(__wrap_##name, __real_##name, condition, type, instead, params, args)
