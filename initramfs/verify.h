/* SPDX-License-Identifier: Apache-2.0 */
/* What the manifest of a slot is good for, before the slot is mounted. */
#pragma once

#include "initramfs/boot_data.h"

/*
 * Looks at the slot's manifest cell, and writes nothing. The helper verifies it again when the slot
 * is a trial and [system] verify-slot=boot, and always when it names a dm-verity root hash:
 * b->manifest is what it answered, with verity 0 when it was not asked.
 *
 * KB_OK: the slot may be tried. KB_EFORMAT: it may not; reason (STATE_STR_MAX + 1 bytes) says why.
 * One whose manifest is lost may have had a root hash, and may not be tried. A slot that is not
 * trusted any more passes as it is, as slot_despite() tells, unless verify-slot=always: better than
 * nothing; only a root hash that somebody signed is one that it needs. With
 * a root hash, count=auto and nothing that tells a panic, b->attempt counts good slots from now on.
 */
enum kb_err verify_manifest(struct boot *b, int slot, char *reason) KB_MUST_CHECK;
