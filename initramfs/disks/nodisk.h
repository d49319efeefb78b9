/* SPDX-License-Identifier: Apache-2.0 */
/* No disk is this device's. */
#pragma once

#include "initramfs/disks/probe.h"

/* Logs why: a word for each disk that is there, or why none may be, and which devices wait. */
void nodisk_report(const struct probe *p);
