/* SPDX-License-Identifier: Apache-2.0 */
/* What /etc/greenboot/greenboot.conf says of the checks. */
#pragma once

#include "cli/check/check_find.h"

/* Marks what DISABLED_HEALTHCHECKS names, by file names; warns of names that no check has, and of a
 * file that cannot be read. */
void check_greenboot_disable(struct check_list *l, const char *root);
