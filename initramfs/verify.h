/* SPDX-License-Identifier: Apache-2.0 */
/* What the manifest of a slot is good for, before the slot is mounted. */
#pragma once

#include "initramfs/boot_data.h"

/*
 * Looks at the slot's manifest cell, and writes nothing. The helper verifies it again with [system]
 * verify-slot=boot when the slot is a trial, with verify-slot=always, and whenever it names a
 * dm-verity root hash:
 * b->manifest is what it answered, with verity 0 when it was not asked.
 *
 * KB_OK: the slot may be tried. KB_ECHECK: it may not, but may as a last resort. KB_EFORMAT: it may
 * not at all (verify-slot=always). reason (STATE_STR_MAX + 1 bytes) says why. A slot whose manifest
 * is lost may have had a root hash, so it may not be tried either.
 *
 * A last resort that fails here passes all the same, unless verify-slot=always: slot_despite()
 * notes why. It is mounted without dm-verity: nobody signed a root hash that it needs.
 */
enum kb_err verify_manifest(struct boot *b, int slot, char *reason) KB_MUST_CHECK;
