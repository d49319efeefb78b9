/* SPDX-License-Identifier: Apache-2.0 */
/* The state of the device, with what the last reset means for it. */
#pragma once

#include "initramfs/boot_data.h"

/* Loads the state, weighs the evidence of the last reset, and settles the boot before. */
void load_state(struct boot *b);

/* Loads it again, because the device's disk had gone and is back: see record_return(). */
void load_state_again(struct boot *b);
