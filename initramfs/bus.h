/* SPDX-License-Identifier: Apache-2.0 */
/* The devices of a bus, as the kernel describes them in /sys: in the words of a uevent. */
#pragma once

#include "lib/err.h"

#include <stddef.h>

#define BUS_DIR "/sys/bus"

/* Gets the name of a device, and NUL-separated text of len bytes that a NUL ends (probe_uevent.h).
 */
typedef void (*bus_fn)(void *ctx, const char *name, const char *uevent, size_t len);

/* Calls fn for the device of this folder, unless it cannot be read. */
void bus_look(const char *folder, const char *name, bus_fn fn, void *ctx);

/* Calls fn for each device of a bus ("pci"); a bus that is missing has none. */
void bus_each(const char *bus, bus_fn fn, void *ctx);
