/* SPDX-License-Identifier: Apache-2.0 */
/* /run/keelboot/modules: what the initramfs has packed, and a boot loads when something asks for
 * it. */
#pragma once

#include "cli/doctor/doctor.h"

/*
 * Whether the initramfs may have this module; '-' and '_' are the same. Where nothing says what is
 * packed it may: initramfs images of distributions, and those of older releases, have no list.
 */
bool doctor_packed_may(const struct doctor *doc, const char *module);
