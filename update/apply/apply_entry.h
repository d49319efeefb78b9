/* SPDX-License-Identifier: Apache-2.0 */
/* The entry by which systemd-boot starts the files of a slot: conf_place_entry(). */
#pragma once

#include "update/apply/apply_file.h"

/*
 * Before the files of slot `target` are written. top: the folder of dev, their partition,
 * "/dev/vda1"; slot: what slots have. KB_EBUSY: what is started would not be them alone. The entry
 * is missing, names other files, or has a second name in which systemd-boot counts; or that of
 * another slot names them. Then, and after any other error, `why` says it. Writes nothing.
 */
enum kb_err apply_entry_check(int top, const char *dev,
			      const struct apply_slot slot[STATE_SLOTS_MAX], int target,
			      char why[MANIFEST_WHY]) KB_MUST_CHECK;
