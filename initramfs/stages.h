/* SPDX-License-Identifier: Apache-2.0 */
/* The stages whose hooks concern no slot, and what the hooks of every stage get. */
#pragma once

#include "hooks/hook.h"
#include "initramfs/boot_data.h"

/* For every stage; its caller adds the slot or the source. said: HOOK_SAID_MAX + 1 bytes of it. */
struct hook_env stages_env(struct boot *b, char *said);

/*
 * Runs the pre-update hooks, before apply is started for a source. False: one said no, and there is
 * no update in this boot. That has been reported.
 */
bool stages_pre_update(struct boot *b, const char *source) KB_MUST_CHECK;

/* exhausted: no slot can be booted. What its hooks say changes nothing. */
void stages_exhausted(struct boot *b);
