/* SPDX-License-Identifier: Apache-2.0 */
/* Process 1's side of the guardian: whether there is one, and how it is started. */
#pragma once

#include "initramfs/boot.h"

#define GUARD_PROGRAM  "/usr/lib/keelboot/keelboot-guardian"
#define GUARD_OMIT_DIR "/run/sendsigs.omit.d"

/*
 * Starts the guardian if this boot needs one: a counted trial with something to fall back to, or
 * anything whose watchdog it has to feed. Call it behind export_write() and before any mount moves;
 * b->wdt.kept tells afterwards that it feeds. A boot without one goes on: the tries are counted
 * anyway.
 */
void guard_start(struct boot *b);
