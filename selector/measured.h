/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is measured of a slot before its root is entered: a text of known form, which
 * docs/MEASURED.md promises to policies. The boot hands it to the TPM, and `keelboot measure` says
 * what comes of it. PURE.
 */
#pragma once

#include "lib/conf.h"
#include "selector/choose.h"

#define MEASURED_MAX	  640
#define MEASURED_ROOT_MAX 160 /* "sha256:" and up to 64 bytes in hexadecimal */

struct measured {
	const char *compatible;
	/* release, version and sequence */
	const struct state_slot *slot;
	/* of dm-verity: "sha256:0f…"; "": nothing checks the root's blocks */
	const char *root;
	/* measured_tier() */
	const char *tier;
};

/* Writes the text into out. Returns its length. */
size_t measured_text(char out[MEASURED_MAX], const struct measured *m);

/* The text for a boot in which no slot was chosen: no policy for a slot is met after it. */
size_t measured_none(char out[MEASURED_MAX], const char *compatible, const char *why);

/*
 * What the slot was booted as: "good" or "trial"; "bad", for one more chance; "last-resort", also
 * where something stood against it (despite); "forced" by keelboot.slot=.
 */
const char *measured_tier(const struct state_slot *slot, enum choose_tier tier, bool forced,
			  bool despite);

/* By kexec, from a partition that no hash covers: anybody's kernel would be measured, or started,
 * as that of the slot. */
bool measured_kernel_unchecked(const struct conf *c, unsigned slot);

/* The first slot whose kernel is not started for that reason, or STATE_NONE: with
 * verify-slot=always only what was signed runs. */
int measured_slot_unstarted(const struct conf *c);
