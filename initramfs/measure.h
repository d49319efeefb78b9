/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Measured boot: what was chosen goes into a PCR of the TPM before its root is entered, so that a
 * secret can be bound to it (docs/MEASURED.md). Off without [measure] pcr=. What the TPM answers,
 * or whether it does, changes no choice.
 */
#pragma once

#include "lib/err.h"
#include "selector/state.h"

#include <stdbool.h>

struct boot;

/* Of one boot; zeroed at its start. */
struct measure {
	/* the PCR has the slot that is entered */
	bool done;
	/* this kernel has extended it */
	bool extended;
	/* It has two texts, or that of no slot: no policy for a slot is met in this boot any more.
	 */
	bool spoiled;
	/* why there was no slot, where that could not be measured: it goes before a slot's text */
	const char *owed;
	/* "sha1,sha256"; "": the first kernel measured it, or nobody did */
	char banks[80];
	/* what failed; "": nothing */
	char finding[128];
};

/*
 * With [measure] required=yes, before a slot is charged: KB_EIO if the TPM does not answer, so that
 * no slot pays for it. The boot fails then.
 */
enum kb_err measure_look(struct boot *b) KB_MUST_CHECK;

/*
 * Measures the slot that is about to be entered, or whose kernel is about to be started: the
 * attempt's. A kernel that another one started by kexec is a part of what was measured: it measures
 * nothing where it enters that slot, and else that there is none. KB_EIO: that failed, and
 * [measure] required=yes forbids to enter it; the attempt is closed in order, so that it costs what
 * an orderly reboot costs.
 */
enum kb_err measure_slot(struct boot *b) KB_MUST_CHECK;

/*
 * Before something else gets this machine, or may change what runs on it: a policy for a slot is
 * not met any more. why: "keelboot.enable=0"; kept. KB_EIO: that failed, and [measure] required=yes
 * forbids to go on: the boot must end in a restart. Where it does not forbid it, the text is owed.
 */
enum kb_err measure_none(struct boot *b, const char *why) KB_MUST_CHECK;

/* Who measured the slot that is entered: "this kernel", "the first kernel", "nobody". */
const char *measure_by(const struct boot *b);
