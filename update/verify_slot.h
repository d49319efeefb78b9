/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keelboot-verify: checks again what a slot's manifest cell holds, because only that says what the
 * slot should be: the signature over the bundle's header, the manifest's hash, that it is for this
 * device and of the release that the state has for the slot. Its answer goes to descriptor 3.
 */
#pragma once

#include "update/verify_answer.h"

/* Exit codes, as everywhere. */
enum verify_slot_exit {
	VERIFY_SLOT_OK = 0,
	VERIFY_SLOT_FAILED = 1,
	VERIFY_SLOT_USAGE = 3,
	VERIFY_SLOT_UNVERIFIED = 5,
	VERIFY_SLOT_FOREIGN = 6,
};

/* keelboot-verify --state DEVICE --slot LETTER [--root FOLDER, with system.conf and keys] */
int verify_slot_main(int argc, char **argv);
