/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keelboot-verify: checks again what a slot's manifest cell holds, because only that says what the
 * slot should be. It checks the signature over the bundle's header, the manifest's hash, the
 * device, and that the release is the one that the state has for the slot. Its answer goes to
 * descriptor 3.
 */
#pragma once

#include "update/wire/verify_answer.h"

/* keelboot-verify --state DEVICE --slot LETTER [--root FOLDER, with system.conf and keys] */
enum verify_slot_end verify_slot_main(int argc, char **argv);
