/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of [fleet] that no value shows by itself. */
#pragma once

#include "lib/conf.h"

#include <stdbool.h>

#define CONF_FLEET_BLANKS " \t," /* between two of a list */

/* How many bytes of an address may stand in a log: its scheme and host, and no more than the scheme
 * where a password may stand before the host. PURE. */
size_t conf_fleet_shown(const char *url);

/* When keelboot-fleet reboots can be understood. false: why says what cannot. PURE. */
bool conf_fleet_reboot_is_clear(const struct conf *c, char *why, size_t size);
